"""Credentials that are not just text: certificates in files, and functions that sign or get tokens.

Such a function is called on a daemon thread of the client's, "azmqtt-credentials", one call at a time; an ``async def``
on an event loop of that thread. It may take its time: the connection asks within a deadline of its own, and what comes
too late is dropped. A function that raises, or returns what it should not, fails that attempt to connect, with its name
in the error and a log line under ``azmqtt.credentials``.
"""

from __future__ import annotations

import asyncio
import atexit
import inspect
import logging
import threading
import weakref
from typing import TYPE_CHECKING, Any

from azmqtt import _core
from azmqtt._errors import ThreadUnavailable
from azmqtt._support import arguments, threads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


_log = logging.getLogger("azmqtt.credentials")

#: Seconds that the core waits for an answer; an ``async def`` is cancelled then.
_LIMIT = 20.0

#: Seconds of waiting after which the thread looks around.
_LONGEST_WAIT = 3600.0

#: What is shown of an exception's text.
_EXCERPT = 200


class Callback:
    """A function that one client's credentials call, and the thread that calls it. Holds no reference to the client."""

    def __init__(self, field: str, function: Any, returns: type[bytes | str]) -> None:
        """Take the function, which is the argument ``field`` of a constructor, and what it must return."""
        arguments.function(field, function)
        name = getattr(function, "__qualname__", None) or type(function).__qualname__
        self.name = f"{field} ({name.rpartition('<locals>.')[2]})"
        self.calls = _core.CredentialCallback(self.name)
        self._function: Callable[..., Any] = function
        self._returns = returns
        self._thread: threading.Thread | threads.RealThread | None = None

    def start(self) -> None:
        """Answer from now on.

        Raises:
            ThreadUnavailable: The system gives no thread for it.
        """
        try:
            if inspect.iscoroutinefunction(self._function):
                self._thread = threads.start(self._run, "azmqtt-credentials")
            else:
                self._thread = threading.Thread(target=self._run, name="azmqtt-credentials", daemon=True)
                self._thread.start()
        except RuntimeError as error:
            raise ThreadUnavailable(f"no thread for {self.name}: {error}") from None
        _live.add(self)

    def stop(self, timeout: float) -> None:
        """End the thread; wait for a running call up to ``timeout`` seconds."""
        self.calls.close()
        if self._thread is not None and not threads.is_current(self._thread):
            self._thread.join(timeout)

    def _run(self) -> None:
        event_loop = None
        try:
            while not self.calls.closed:
                call = self.calls.take(_LONGEST_WAIT)
                if call is None:
                    continue
                number, data = call
                try:
                    value = self._function(data) if self._returns is bytes else self._function()
                    if inspect.isawaitable(value):
                        event_loop = event_loop or asyncio.new_event_loop()
                        value = event_loop.run_until_complete(_within(value))
                    self.calls.answer(number, self._checked(value))
                except BaseException as error:  # noqa: BLE001 - a function may raise anything, and be cancelled
                    raised = (error.__cause__ or error) if isinstance(error, _LoopEnd) else error
                    _log.error("%s failed", self.name, exc_info=raised)
                    self.calls.fail(number, _told(raised))
        finally:
            if event_loop is not None:
                event_loop.run_until_complete(event_loop.shutdown_asyncgens())
                event_loop.close()

    def _checked(self, value: Any) -> bytes:
        if self._returns is bytes and isinstance(value, bytes | bytearray | memoryview):
            return bytes(value)
        if self._returns is str and isinstance(value, str):
            return value.encode()
        msg = f"it must return {self._returns.__name__}, not {type(value).__name__}"
        raise TypeError(msg)


class _LoopEnd(Exception):
    """Carries what would have ended the event loop."""


async def _within(value: Awaitable[Any]) -> Any:
    """Await ``value`` for ``_LIMIT`` seconds, then cancel it and wait for its end.

    Raises:
        TimeoutError: The time is over.
    """
    task = asyncio.ensure_future(_kept(value))
    await asyncio.wait([task], timeout=_LIMIT)
    if not task.done():
        task.cancel()
        await asyncio.wait([task])
        # What came at the last moment still counts.
        if task.cancelled():
            raise TimeoutError
    return task.result()


async def _kept(value: Awaitable[Any]) -> Any:
    try:
        return await value
    except (KeyboardInterrupt, SystemExit) as error:
        # A task would let these two out of the loop, which could not be used after that.
        raise _LoopEnd from error


def _told(error: BaseException) -> str:
    """Put an exception into a few words, without a token or signature that it might quote."""
    text = str(error)
    if "sig=" in text or "SharedAccess" in text:
        text = "(not shown, it quotes a token)"
    kind = type(error).__name__
    return f"{kind}: {text[:_EXCERPT]}" if text else kind


#: Those whose threads are to end before the interpreter does.
_live: weakref.WeakSet[Callback] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    for callback in list(_live):
        callback.stop(1.0)
