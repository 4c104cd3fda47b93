"""The thread of a client, "azmqtt-credentials", on which the functions of its credentials are called.

One call at a time; an ``async def`` runs on an event loop of that thread. A function may take its time: the connection
asks within a deadline of its own, and what comes too late is dropped. One that raises, or returns what it should not,
fails that attempt to connect, with its name in the error and a log line under ``azmqtt.credentials``.
"""

from __future__ import annotations

import asyncio
import atexit
import inspect
import logging
import threading
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from azmqtt._errors import ThreadUnavailable
from azmqtt._support import threads

if TYPE_CHECKING:
    from collections.abc import Awaitable

    class Calls(Protocol):
        """What the core asks; its calls are tuples that begin with a number."""

        @property
        def closed(self) -> bool:
            """Whether nothing more is asked."""

        def take(self, timeout: float) -> tuple[Any, ...] | None:
            """Wait for the next call."""

        def fail(self, number: int, reason: str) -> None:
            """Say why there is no answer."""

        def close(self) -> None:
            """End a wait."""


_log = logging.getLogger("azmqtt.credentials")

#: Seconds that the core waits for an answer; an ``async def`` is cancelled then.
_LIMIT = 20.0

#: What is shown of an exception's text.
_EXCERPT = 200

#: What a text holds that quotes a signature or token; the last begins a JSON Web Token.
_SECRETS = ("sig=", "SharedAccess", "eyJ")


class CredentialThread:
    """The thread, and what it answers. Holds no reference to the client."""

    #: Seconds of waiting after which the thread looks around.
    longest_wait = 3600.0

    def __init__(self, name: str, calls: Calls) -> None:
        """Take what errors call the function, and the calls to answer."""
        self.name = name
        self._thread: threading.Thread | threads.RealThread | None = None
        self._calls = calls

    @property
    def needs_loop(self) -> bool:
        """Whether an event loop is going to run in the thread."""
        raise NotImplementedError

    def ask(self, *question: Any) -> Any:
        """Call the function; what it returns may have to be awaited."""
        raise NotImplementedError

    def answer(self, number: int, value: Any) -> None:
        """Hand over what the function returned.

        Raises:
            TypeError: It is of the wrong type.
        """
        raise NotImplementedError

    def look_around(self) -> None:
        """Do what is to be done between two calls."""

    def start(self) -> None:
        """Answer from now on.

        Raises:
            ThreadUnavailable: The system gives no thread for it.
        """
        try:
            if self.needs_loop:
                self._thread = threads.start(self._run, "azmqtt-credentials")
            else:
                self._thread = threading.Thread(target=self._run, name="azmqtt-credentials", daemon=True)
                self._thread.start()
        except RuntimeError as error:
            raise ThreadUnavailable(f"no thread for {self.name}: {error}") from None
        _live.add(self)

    def stop(self, timeout: float) -> None:
        """End the thread; wait for a running call up to ``timeout`` seconds."""
        self._calls.close()
        if self._thread is not None and not threads.is_current(self._thread):
            self._thread.join(timeout)

    def _run(self) -> None:
        event_loop = None
        try:
            while not self._calls.closed:
                call = self._calls.take(self.longest_wait)
                self.look_around()
                if call is None:
                    continue
                number, *question = call
                try:
                    value = self.ask(*question)
                    if inspect.isawaitable(value):
                        event_loop = event_loop or asyncio.new_event_loop()
                        value = event_loop.run_until_complete(_within(value))
                    self.answer(number, value)
                except BaseException as error:  # noqa: BLE001 - a function may raise anything, and be cancelled
                    raised = (error.__cause__ or error) if isinstance(error, _LoopEnd) else error
                    told = _told(raised)
                    _log.error("%s failed: %s", self.name, told, exc_info=None if _quotes(raised) else raised)
                    self._calls.fail(number, told)
        finally:
            if event_loop is not None:
                event_loop.run_until_complete(event_loop.shutdown_asyncgens())
                event_loop.close()


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
    text = "(not shown, it quotes a token)" if _quotes(error) else str(error)
    kind = type(error).__name__
    return f"{kind}: {text[:_EXCERPT]}" if text else kind


def _quotes(error: BaseException) -> bool:
    text = str(error)
    return any(secret in text for secret in _SECRETS)


#: Those whose threads are to end before the interpreter does.
_live: weakref.WeakSet[CredentialThread] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    for thread in list(_live):
        thread.stop(1.0)
