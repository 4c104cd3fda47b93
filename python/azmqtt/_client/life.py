"""What can be seen of any client from outside, and how it goes: its state, its changes, and its end."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any, TypeVar, cast

from azmqtt import _core
from azmqtt._support.arguments import function
from azmqtt._support.uncopied import Uncopied

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

    from azmqtt._core import BrokerClient, Client
    from azmqtt._handlers.handlers import Handlers
    from azmqtt._handlers.states import States
    from azmqtt._streams import Stream
    from azmqtt._support.credential_thread import CredentialThread
    from azmqtt._types import State, StateChange

    StateHandler = TypeVar("StateHandler", bound=Callable[[StateChange], Any])


class Life(Uncopied):
    """The part of a client that is about its connection, whatever is said on it."""

    __slots__ = ("__weakref__", "_callback", "_closed", "_core", "_handlers", "_states")

    _core: Client | BrokerClient
    _handlers: Handlers | None
    _states: States | None
    _callback: CredentialThread | None
    _closed: bool

    def _begin(self, core: Client | BrokerClient) -> None:
        """Take the core's client."""
        self._core = core
        self._handlers = None
        self._callback = None
        self._states = None
        self._closed = False

    @property
    def state(self) -> State:
        """Where the connection stands.

        One of ``disconnected``, ``connecting``, ``connected``, ``reconnecting`` and ``closed``.
        """
        return cast("State", self._core.state)

    @property
    def connected(self) -> bool:
        """Whether the server has accepted the connection and it stands, as far as is known."""
        return self._core.state == "connected"

    @property
    def last_error(self) -> str | None:
        """What ended the last connection or attempt, while there is no other."""
        return self._core.last_error

    @property
    def hostname(self) -> str:
        """The server's host name."""
        return self._core.hostname

    def on_state_change(self, handler: StateHandler) -> StateHandler:
        """Call ``handler`` with every :class:`~azmqtt.StateChange`, from now on. Also a decorator.

        Every change comes, one after the other and in order; only when 1,024 wait for a handler that is slow are the
        oldest dropped. The last one is to ``closed``; closing the client waits up to a second for it to be told. A
        plain function is called on a thread of the package's; an ``async def`` on the event loop that is running now,
        or else on one of the package's. A handler that raises is logged under ``azmqtt.handlers``. It may close the
        client. There is one handler.

        Raises:
            ClientClosed: The client is closed.
            RuntimeError: There is a handler already.
            TypeError: ``handler`` is not callable.
        """
        function("the handler", handler)
        if self._core.state == "closed":
            raise self._core.closed_error
        if self._states is not None:
            raise RuntimeError(
                "a handler for changes of the state is already registered; a client has one until it is closed"
            )
        from azmqtt._handlers.states import States

        self._states = States(self._core, handler, self)
        return handler

    def state_changes(self, *, timeout: float | None = None) -> Stream[StateChange]:
        """Watch the state of the connection, from now on.

        Each iterator has every change, in order; when 1,024 wait the oldest are dropped.

        Args:
            timeout: Seconds to wait for each change before the iteration ends; ``None`` for no limit.

        Returns:
            An iterator for ``for`` and ``async for`` over :class:`~azmqtt.StateChange`, which ends after the change to
            ``closed``.
        """
        from azmqtt._streams import Stream

        return Stream(self, "state", timeout)

    def close(self, *, timeout: float | None = None) -> int:
        """Send what was accepted, within the timeout, then disconnect for good.

        Returns:
            How many messages and requests did not make it. Their own callers get ``ClientClosed``.
        """
        self._closed = True
        unsent = self._core.close(timeout)
        if self._handlers is not None:
            self._handlers.stop(1.0)
        if self._callback is not None:
            self._callback.stop(1.0)
        if self._states is not None:
            self._states.stop(1.0)
        return unsent

    async def close_async(self, *, timeout: float | None = None) -> int:
        """Send what was accepted, within the timeout, then disconnect for good.

        Returns:
            How many messages and requests did not make it. Their own callers get ``ClientClosed``.
        """
        _core.running_loop()  # otherwise the client stays as it is
        self._closed = True
        unsent = await self._core.close_async(timeout)
        if self._handlers is not None:
            self._handlers.stop(0.0)
        if self._callback is not None:
            self._callback.stop(0.0)
        if self._states is not None:
            await self._states.stop_async(1.0)
        return unsent

    def __enter__(self) -> Self:
        """Return the client, not yet connected."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the client; after an interrupt within a second, so that it does not look stuck."""
        self.close(timeout=_leaving(error))

    async def __aenter__(self) -> Self:
        """Return the client, not yet connected."""
        _core.running_loop()  # which the end of the block needs
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the client; after a cancellation within a second."""
        await self.close_async(timeout=_leaving(error))

    def __del__(self, _warn: Any = warnings.warn) -> None:
        """Warn of a client that was never closed, and let its connection end."""
        # The argument is at hand even where the interpreter is going down and globals are not.
        if getattr(self, "_closed", True) or self._core.state == "closed":
            return
        if self._core.state == "disconnected":
            return
        try:
            _warn(f"{self!r} was never closed", ResourceWarning, stacklevel=2, source=self)
        finally:
            # Handlers would otherwise go on for a client that nobody has.
            self._core.abandon()

    def _waits(self) -> dict[str, float]:
        """Say since how many seconds something waits for a thread, and the longest that anything has waited."""
        handlers, states = self._handlers, self._states
        waits = [(0.0, 0.0)]
        if handlers is not None:
            waits.append(handlers.wait)
        if states is not None:
            waits.append((states.wait, states.longest_wait))
        return {
            "handler_wait": max(now for now, _ in waits),
            "handler_wait_longest": max(longest for _, longest in waits),
        }

    def stats(self) -> Any:
        """Read what was counted and measured since the client was made, and what waits now."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        """Show a table in Jupyter, without a secret."""
        from azmqtt._support import html

        return html.table(type(self).__name__, self._rows())

    def _rows(self) -> list[tuple[str, Any]]:
        from azmqtt._stats import shown

        rows = [*self._names(), ("state", self.state), ("last error", self.last_error)]
        try:
            stats = self.stats()
        except RuntimeError:
            # Made before a fork: its figures are the parent's.
            return rows
        since, trips = stats.connected_since, stats.publish_round_trip
        again = f", {stats.reconnects:,} after a loss" if stats.reconnects else ""
        return [
            *rows,
            ("connected since", since and shown(since)),
            ("connections", f"{stats.connects:,}{again}"),
            ("messages", f"{stats.messages_sent:,} sent, {stats.messages_received:,} received"),
            ("not acknowledged", f"{stats.outstanding:,}"),
            ("round trip", trips and str(trips)),
        ]

    def _names(self) -> list[tuple[str, str | None]]:
        """Name the server and the client, for tables."""
        raise NotImplementedError

    @property
    def _log_name(self) -> str:
        """What lines of the log call the client."""
        raise NotImplementedError

    def _watch(self) -> None:
        """Write to Python's log what happens from now on, if somebody listens to it."""
        # Where nobody has loaded `logging`, nobody listens.
        if "logging" in sys.modules:
            from azmqtt._client import log

            log.attach(self._core, self._log_name)


def _leaving(error: BaseException | None) -> float | None:
    """Choose the timeout of the close that ends a ``with`` block."""
    # KeyboardInterrupt, CancelledError, SystemExit: somebody wants to go.
    return 1.0 if error is not None and not isinstance(error, Exception) else None
