"""Credentials that are functions: they sign, or get tokens, on the client's thread "azmqtt-credentials"."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from azmqtt import _core
from azmqtt._support import arguments
from azmqtt._support.credential_thread import CredentialThread

if TYPE_CHECKING:
    from collections.abc import Callable


class Callback(CredentialThread):
    """A function that one client's credentials call, and the thread that calls it. Holds no reference to the client."""

    def __init__(self, field: str, function: Any, returns: type[bytes | str]) -> None:
        """Take the function, which is the argument ``field`` of a constructor, and what it must return."""
        arguments.function(field, function)
        name = getattr(function, "__qualname__", None) or type(function).__qualname__
        name = f"{field} ({name.rpartition('<locals>.')[2]})"
        self.calls = _core.CredentialCallback(name)
        super().__init__(name, self.calls)
        self._function: Callable[..., Any] = function
        self._returns = returns

    @property
    def needs_loop(self) -> bool:
        """Whether the function is an ``async def``."""
        return inspect.iscoroutinefunction(self._function)

    def ask(self, data: bytes) -> Any:
        """Call the function."""
        return self._function(data) if self._returns is bytes else self._function()

    def answer(self, number: int, value: Any) -> None:
        """Hand over the signature or token."""
        self.calls.answer(number, self._checked(value))

    def _checked(self, value: Any) -> bytes:
        if self._returns is bytes and isinstance(value, bytes | bytearray | memoryview):
            return bytes(value)
        if self._returns is str and isinstance(value, str):
            return value.encode()
        msg = f"it must return {self._returns.__name__}, not {type(value).__name__}"
        raise TypeError(msg)
