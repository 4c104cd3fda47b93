"""The handler for changes of the connection's state.

It is a job of its own in the pool (`pool`), so that it is told at once even while other handlers of the client are
busy; an ``async def`` runs on the event loop that was running when it was registered, or else on the one of all clients
(`async_loop`). Either way the last change that it is told of is the one to ``closed``.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import threading
import time
import weakref
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from azmqtt import _core
from azmqtt._errors import ClientClosed
from azmqtt._handlers.async_loop import LoopTasks
from azmqtt._handlers.consume import consume
from azmqtt._handlers.handlers import forget, is_async, keep, name_of
from azmqtt._handlers.pool import Serial
from azmqtt._handlers.raised import refuse_coroutine
from azmqtt._support import threads

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from azmqtt._types import StateChange

_log = logging.getLogger("azmqtt.handlers")

#: Changes before the jobs of other clients have their turn.
_TURN = 64


class States(Serial):
    """The state handler of one client, which is kept as long as it is open."""

    def __init__(
        self, core: _core.Client | _core.BrokerClient, function: Callable[[StateChange], Any], owner: Any
    ) -> None:
        """Begin to listen."""
        super().__init__()
        self._core = core
        self._owner = owner
        self._events = _core.Events(core, "state", None)
        self._function = function
        self._name = name_of(function)
        #: Done when there is nothing left to tell.
        self._ended: Future[None] = Future()
        # Those who wait for it may give up, and must not take it back by that.
        self._ended.set_running_or_notify_cancel()
        self._closed = False
        self._task: asyncio.Task[None] | None = None
        self._loop_tasks: LoopTasks | None = None
        if is_async(function):
            self._start_async()
        else:
            self.start()
            self._events.arm(self.pool.wakeups, self.key)
        keep(owner)
        _live.add(self)

    @property
    def closed(self) -> bool:
        """Whether there is an end to be told."""
        return self._core.state == "closed"

    def turn(self, errors: Collection[Exception]) -> bool:
        """Tell the changes that wait."""
        self._closed = self._closed or any(isinstance(error, ClientClosed) for error in errors)
        for _ in range(_TURN):
            change = self._events.take()
            if change is None:
                break
            try:
                refuse_coroutine(self._function(change))
            except BaseException:  # noqa: BLE001 - a handler may raise anything, see `raised`
                _log.exception("the handler %s raised", self._name)
            if self.pool.full:
                return True
        else:
            return True
        if self._closed:
            self._end()
        else:
            self._events.arm(self.pool.wakeups, self.key)
        return False

    def stop(self, timeout: float) -> None:
        """Wait until the client's end has been told, unless this is the handler itself or its loop."""
        deadline = time.monotonic() + timeout
        if self._loop_tasks is not None:
            if not self._loop_tasks.is_here:
                self._wait_ended(deadline)
            self._loop_tasks.stop(deadline)
        elif self._task is None and threading.get_ident() not in self.inside:
            self.wait_until_left(deadline, self._ended.done)

    async def stop_async(self, timeout: float) -> None:
        """Wait until the client's end has been told, unless this is the handler itself."""
        if self._task is not None and self._task is asyncio.current_task():
            return
        if self._loop_tasks is None or not self._loop_tasks.is_here:
            await asyncio.wait([asyncio.wrap_future(self._ended)], timeout=timeout)
        if self._loop_tasks is not None:
            self._loop_tasks.stop(0.0)

    def _wait_ended(self, deadline: float) -> None:
        ended = threading.Event()
        self._ended.add_done_callback(lambda _: ended.set())
        threads.wait(ended, deadline)

    def _start_async(self) -> None:
        try:
            event_loop = asyncio.get_running_loop()
        except RuntimeError:
            self._loop_tasks = LoopTasks()
            self._loop_tasks.start(self._consume())
            return
        self._task = event_loop.create_task(self._consume())
        self._task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() and not self.closed:
            _log.warning("the handler %s is told no more: its event loop has ended, and the client is open", self._name)

    async def _consume(self) -> None:
        try:
            await consume(self._events, self._function, self._name)
        finally:
            if self.closed:
                forget(self._owner)
            self._ended.set_result(None)

    def _end(self) -> None:
        self.end()
        forget(self._owner)
        self._ended.set_result(None)
        self.tell()


#: Those whose end is to be told before the interpreter's.
_live: weakref.WeakSet[States] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    for states in list(_live):
        if states.closed:
            states.stop(1.0)
