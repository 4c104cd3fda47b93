"""Handlers of the inputs of a module (IoT Edge docs, "Learn how to deploy modules and establish routes").

The messages of one client are handled one at a time, in the order in which they came, whichever input they are to: by a
plain function on a thread of the pool (`pool`), by an ``async def`` on its event loop, during which no thread waits. A
message is acknowledged when the next one is asked for, so at least once is kept and the order of acknowledgements is
that of the messages (MQTT 3.1.1 §4.6).
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from azmqtt._errors import ClientClosed
from azmqtt._handlers.async_loop import LoopTasks, start_on
from azmqtt._handlers.by_name import NamedHandlers
from azmqtt._handlers.pool import Serial, log_unsubscribed
from azmqtt._handlers.raised import passes, refuse_coroutine

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Collection
    from concurrent.futures import Future

    from azmqtt import _core

_log = logging.getLogger("azmqtt.handlers")

#: Messages before the jobs of other clients have their turn.
_TURN = 64
#: Seconds after which it looks whether an ``async def`` is still worth waiting for.
_TICK = 1.0


class _Pending(NamedTuple):
    """A message that an ``async def`` is at."""

    future: Future[None]
    event_loop: asyncio.AbstractEventLoop
    input_name: str | None


class Inputs(NamedHandlers, Serial):
    """The inputs of one module."""

    kind = "input"

    def __init__(self, released: Callable[[], None]) -> None:
        """Start nothing yet; ``released`` is called when the client is closed."""
        super().__init__(released)
        self._pending: _Pending | None = None
        #: When it looks again, on its own account.
        self._next_look = 0.0
        self._closed = False

    def turn(self, errors: Collection[Exception]) -> bool:
        """Handle what waits, up to a message that an ``async def`` takes its time for."""
        events = self._events
        if self.stopping or events is None:
            return False
        for error in errors:
            if isinstance(error, ClientClosed):
                self._closed = True
            else:
                log_unsubscribed(error)
        for _ in range(_TURN):
            if self._is_pending():
                return False
            message = events.take()
            if message is None:
                break
            self._handle(message)
            if self.pool.full or self.stopping:
                return not self.stopping
        else:
            return True
        if self._closed:
            self.end()
            self._released()
        else:
            events.arm(self.pool.wakeups, self.key)
        return False

    def _is_pending(self) -> bool:
        """Whether a message is still being handled; otherwise its outcome is logged."""
        pending = self._pending
        if pending is None:
            return False
        if not pending.future.done():
            if pending.event_loop.is_closed():
                self._give_up()
            elif time.monotonic() >= self._next_look:
                self._next_look = time.monotonic() + _TICK
                self.pool.wakeups.put(self.key, _TICK)
            return True
        self._pending = None
        try:
            pending.future.result()
        except BaseException:  # noqa: BLE001 - a handler may raise anything, and be cancelled
            _log.exception("the handler of the input %s raised", pending.input_name)
        return False

    def _handle(self, message: _core.CloudMessage) -> None:
        name = message.input_name
        handler = self.handler(name)
        if handler is None:
            _log.warning("a message to the input %s, which has no handler, is dropped", name)
            return
        if handler.where is not None:
            self._begin(handler.function, message, handler.where)
            return
        try:
            refuse_coroutine(handler.function(message))
        except BaseException:  # noqa: BLE001 - a handler may raise anything, and sys.exit() is no way out of here
            _log.exception("the handler of the input %s raised", name)

    def _begin(
        self,
        function: Callable[[_core.CloudMessage], Any],
        message: _core.CloudMessage,
        where: LoopTasks | asyncio.AbstractEventLoop,
    ) -> None:
        event_loop = where.event_loop if isinstance(where, LoopTasks) else where
        try:
            future = start_on(where, _called(function, message))
        except RuntimeError:
            self._give_up()
            return
        self._pending = _Pending(future, event_loop, message.input_name)
        future.add_done_callback(lambda _: self.pool.wakeups.put(self.key, 0.0))

    def _give_up(self) -> None:
        _log.error("no more messages to inputs are taken: the event loop of a handler is closed")
        # The message in hand has not been handled: nothing is taken any more, which would acknowledge it.
        self.stopping = True
        self.end()


async def _called(function: Callable[[_core.CloudMessage], Any], message: _core.CloudMessage) -> None:
    try:
        await function(message)
    except BaseException as error:
        if passes(error):
            raise
        _log.exception("the handler of the input %s raised", message.input_name)
