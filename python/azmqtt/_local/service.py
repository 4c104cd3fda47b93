"""A local service from start to stop: the common base of the local hub and the local namespace."""

from __future__ import annotations

import os
import sys
import weakref
from typing import TYPE_CHECKING, Any, ClassVar

from azmqtt._local import forked
from azmqtt._support import warnings
from azmqtt._support.uncopied import Uncopied

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

    from azmqtt._core import Hub, Namespace

#: The services of this process, to find the one that holds a port or a state directory.
_services: weakref.WeakSet[LocalService] = weakref.WeakSet()


class LocalService(Uncopied):
    """A service that runs on its own thread until :meth:`close` or the end of a ``with`` block."""

    #: The name of the service in errors.
    _KIND: ClassVar[str]
    #: The attributes that hold objects of the core, ``_core`` among them.
    _HALVES: ClassVar[tuple[str, ...]]

    #: Each service has its own type, which the other parts specify.
    _core: Any
    #: The real path of its state directory, if any.
    _state: str | None

    if TYPE_CHECKING:

        def _census(self) -> str: ...

    def _start(self, start: Callable[[], Any], state: str | os.PathLike[str] | None, **ports: int) -> Any:
        """Start the core, which is to listen on ``ports``.

        In an interactive session it takes the place of a service of the same class, so that a notebook cell can run
        again.

        Raises:
            OSError: A port or the state directory is in use.
        """
        self._state = None if state is None else os.path.realpath(state)
        try:
            return start()
        except OSError:
            earlier, what = self._holder(ports)
            if earlier is None:
                raise
            if type(earlier) is not type(self) or not hasattr(sys, "ps1"):
                raise OSError(f"{what} is in use by {earlier!r} of this process: close it first") from None
        warnings.takes_the_place_of(earlier, self._KIND)
        earlier.close()
        return start()

    def _holder(self, ports: dict[str, int]) -> tuple[LocalService | None, str]:
        """Find the service of this process that holds one of these ports, or the state directory; say which."""
        wanted = {port: f"{name} {port}" for name, port in ports.items() if port}
        for service in _services:
            held = service._held(self._state, wanted)  # noqa: SLF001 - of this class
            if held:
                return service, held
        return None, ""

    def _held(self, state: str | None, ports: dict[int, str]) -> str | None:
        """Tell which of these things this service holds."""
        if forked.is_of_the_parent(self) or self._core.stopped:
            return None
        if state is not None and state == self._state:
            return f"the state directory {state}"
        names = ("port", "websocket_port", "service_port", "provisioning_port", "https_port")
        own = [getattr(self, name) for name in names if hasattr(type(self), name)]
        return next((ports[port] for port in own if port in ports), None)

    def _own(self, core: Hub | Namespace) -> None:
        """Stop the core when this object is collected, and give forked children only its address."""
        _services.add(self)
        # This also runs at the interpreter's exit, so that no temporary file is left behind.
        self._finalizer = weakref.finalize(self, core.stop)
        forked.watch(self)

    def __enter__(self) -> Self:
        """Return the running service."""
        self._check_running()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the service."""
        self.close()

    def __repr__(self) -> str:
        """Show the address, and the number of devices or clients."""
        name, address = type(self).__name__, f"{self.hostname}:{self.port}"
        if forked.is_of_the_parent(self):
            return f"<{name} {address} of the parent process>"
        return f"<{name} {'stopped' if self._core.stopped else address}, {self._census()}>"

    def close(self) -> None:
        """Stop the service: end every connection and free the ports.

        Recorded data stays available; every other call raises ``RuntimeError``.
        """
        self._finalizer()

    def _check_running(self) -> None:
        if self._core.stopped:
            raise RuntimeError(f"the {self._KIND} is stopped")

    @property
    def hostname(self) -> str:
        """The host name for clients, which is the name in the certificate."""
        hostname: str = self._core.hostname
        return hostname

    @property
    def port(self) -> int:
        """The TCP port of MQTT."""
        port: int = self._core.port
        return port

    @property
    def ca_file(self) -> str:
        """The path of a PEM file with the certificate that clients must trust. It exists until the service stops."""
        path: str = self._core.ca_file
        return path

    @property
    def ca_pem(self) -> str:
        """The certificate that clients must trust, in PEM."""
        pem: str = self._core.ca_pem
        return pem


def check_place(host: str, state: str | os.PathLike[str] | None) -> None:
    """Check the address and the state directory of a service.

    Raises:
        ValueError: ``host`` is empty.
        NotADirectoryError: ``state`` is a file.
    """
    if not host:
        raise ValueError("host must not be empty: an address to listen on, such as 127.0.0.1")
    if state is not None and os.path.isfile(state):  # noqa: PTH113 - pathlib takes longer to import than a service to start
        raise NotADirectoryError(f"state must be a directory, and {state} is a file")
