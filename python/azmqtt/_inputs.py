"""Handlers of the inputs of a module (IoT Edge docs, "Learn how to deploy modules and establish routes").

One thread per client, "azmqtt-inputs", takes the messages in the order in which they came, whichever input they are to,
and sees each handled before the next: on the thread itself by a plain function, on its event loop by an ``async def``.
A message is acknowledged when the next one is asked for, so at least once is kept and the order of acknowledgements is
that of the messages (MQTT 3.1.1 §4.6).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any, NamedTuple

from azmqtt import _core
from azmqtt._consume import dispatch
from azmqtt._raised import passes, refuse_coroutine

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger("azmqtt.handlers")

#: Seconds after which it looks whether an ``async def`` is still worth waiting for.
_TICK = 0.2


class _Handler(NamedTuple):
    function: Callable[[_core.CloudMessage], Any]
    #: Where an ``async def`` runs; ``None`` for a plain function.
    event_loop: asyncio.AbstractEventLoop | None


class _LoopClosedError(Exception):
    """The event loop of an ``async def`` is closed."""


class Inputs:
    """The inputs of one module. Holds no reference to its client, so that it can be dropped."""

    def __init__(self, core: _core.Client) -> None:
        """Start nothing yet."""
        self._core = core
        self._lock = threading.Lock()
        self._handlers: dict[str | None, _Handler] = {}
        self._thread: threading.Thread | None = None
        self._unfinished: _core.Events | None = None
        self._stopping = False

    def register(
        self,
        name: str | None,
        function: Callable[[_core.CloudMessage], Any],
        event_loop: asyncio.AbstractEventLoop | None,
    ) -> None:
        """Call ``function`` with the messages to an input, or to every input without a handler of its own."""
        with self._lock:
            if name in self._handlers:
                what = "all other inputs" if name is None else f"the input {name!r}"
                raise RuntimeError(f"a handler for {what} is registered already; there is one per client")
            self._handlers[name] = _Handler(function, event_loop)
            if self._thread is None:
                events = _core.Events(self._core, "messages", None)
                self._thread = threading.Thread(target=self._run, args=(events,), name="azmqtt-inputs", daemon=True)
                self._thread.start()

    def stop(self, timeout: float) -> None:
        """End the thread; wait for a running handler up to ``timeout`` seconds."""
        self._stopping = True
        self._core.wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _run(self, events: _core.Events) -> None:
        try:
            dispatch(events, self._handle, self._wait, lambda: self._stopping)
        except _LoopClosedError:
            _log.error("no more messages to inputs are taken: the event loop of a handler is closed")
            # The message in hand has not been handled: it must not be acknowledged by the end of its iterator.
            self._unfinished = events

    def _wait(self, seconds: float) -> None:
        self._core.wait_events(messages=True, desired=False, methods=False, timeout=seconds)

    def _handle(self, message: _core.CloudMessage) -> None:
        name = message.input_name
        handler = self._handlers.get(name) or self._handlers.get(None)
        if handler is None:
            _log.warning("a message to the input %s, which has no handler, is dropped", name)
            return
        try:
            if handler.event_loop is None:
                refuse_coroutine(handler.function(message))
            else:
                self._await(_called(handler.function, message), handler.event_loop)
        except _LoopClosedError:
            raise
        except BaseException:  # noqa: BLE001 - a handler may raise anything, and sys.exit() is no way out of this thread
            _log.exception("the handler of the input %s raised", name)

    def _await(self, coroutine: Any, event_loop: asyncio.AbstractEventLoop) -> None:
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, event_loop)
        except RuntimeError:
            coroutine.close()
            raise _LoopClosedError from None
        while not self._stopping:
            if wait([future], _TICK).done:
                future.result()
                return
            if event_loop.is_closed():
                raise _LoopClosedError


async def _called(function: Callable[[_core.CloudMessage], Any], message: _core.CloudMessage) -> None:
    try:
        await function(message)
    except BaseException as error:
        if passes(error):
            raise
        _log.exception("the handler of the input %s raised", message.input_name)
