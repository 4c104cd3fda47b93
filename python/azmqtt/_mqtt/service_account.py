"""Tokens of a Kubernetes service account, from the file that the kubelet keeps new."""

from __future__ import annotations

import os
import time
from typing import TypeAlias

from azmqtt._mqtt import tokens
from azmqtt._mqtt.authentication import Authentication, Credential
from azmqtt._support import arguments, greenlets

#: What a file is known by: where its symlinks lead, device, inode, time of change in ns, size in bytes.
_Look: TypeAlias = "tuple[str, int, int, int, int]"

#: Seconds that a file may be away or half-written when it is needed.
_PATIENCE = 5.0
#: Seconds between two looks at such a file.
_STEP = 0.05
#: Seconds for which a file must not have changed; whoever writes it may still be at it.
_SETTLED = 0.1


class ServiceAccountToken(Authentication):
    """The token of a Kubernetes service account, for the broker of Azure IoT Operations (method ``K8S-SAT``).

    IoT Operations docs, "Configure MQTT broker authentication". The file is read for every connection, and watched:
    when the kubelet has put a new token there, by a swap of symlinks, or somebody has written one, the client
    authenticates anew by AUTH, with traffic flowing. A broker that answers 0x18 is asked again later. A file that is
    missing or half-written when it is needed is waited for, up to 5 s.

    Args:
        path: The file, such as ``/var/run/secrets/tokens/broker-sat``.
    """

    method: str = "K8S-SAT"
    waits = True
    poll: float | None = 0.5

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"path must be a path, not {type(path).__name__}")
        self._path = arguments.text("path", os.fspath(path))
        self._used: bytes | None = None
        self._seen: _Look | None = None

    def begin(self) -> Credential:
        """Read the token, within 5 s.

        Raises:
            ValueError: It is missing, cannot be read, or is not a whole JSON Web Token.
        """
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                look, data = self._read()
                break
            except ValueError:
                if time.monotonic() >= deadline:
                    raise
            greenlets.sleep(_STEP)
        self._used, self._seen = data, look
        return Credential(data, None, tokens.expiry(data.decode()))

    def changed(self) -> bool:
        """Whether the file holds another token than the one that was used last."""
        if self._used is None:
            return False
        try:
            if self._look() == self._seen:
                return False
            look, data = self._read()
        except (OSError, ValueError):
            # It will be there, or whole, at another look.
            return False
        self._seen = look
        return data != self._used

    def _look(self) -> _Look:
        status = os.stat(self._path)  # noqa: PTH116 - pathlib would double the time of the import
        # The kubelet changes where `..data` leads.
        target = os.path.realpath(self._path)
        return target, status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size

    def _read(self) -> tuple[_Look, bytes]:
        try:
            before = self._look()
            with open(self._path, "rb") as file:  # noqa: PTH123 - pathlib would double the time of the import
                data = file.read(tokens.LONGEST + 1).strip()
            after = self._look()
        except OSError as error:
            raise ValueError(f"{self._path!r} cannot be read: {error.strerror or error}") from None
        age = time.time() - after[3] / 1e9
        if before != after or 0 <= age < _SETTLED:
            raise ValueError(f"{self._path!r} is being written")
        try:
            tokens.claims(data.decode("ascii"))
        except UnicodeDecodeError:
            raise ValueError(f"{self._path!r} holds no token") from None
        except ValueError as error:
            raise ValueError(f"{self._path!r}: {error}") from None
        return after, data

    def __repr__(self) -> str:
        """Show the path."""
        return f"ServiceAccountToken({self._path!r})"
