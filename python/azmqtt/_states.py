"""The handler for changes of the connection's state.

It has a thread of its own, "azmqtt-states", because the thread of the other handlers may be waiting for a subscription
just when the connection is lost; an ``async def`` runs on the event loop that was running when it was registered, or
else on one in that thread. Either way the last change that it is told of is the one to ``closed``.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import threading
import weakref
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from azmqtt import _core
from azmqtt._consume import consume
from azmqtt._raised import refuse_coroutine

if TYPE_CHECKING:
    from collections.abc import Callable

    from azmqtt._types import StateChange

_log = logging.getLogger("azmqtt.handlers")


class States:
    """The state handler of one client. Holds no reference to it, so that it can be dropped."""

    def __init__(self, core: _core.Client, function: Callable[[StateChange], Any], *, is_async: bool) -> None:
        """Begin to listen."""
        self._core = core
        self._events = _core.Events(core, "state", None)
        self._function = function
        self._name = getattr(function, "__qualname__", repr(function))
        #: Done when there is nothing left to tell.
        self._ended: Future[None] = Future()
        # Those who wait for it may give up, and must not take it back by that.
        self._ended.set_running_or_notify_cancel()
        self._thread: threading.Thread | None = None
        self._task: asyncio.Task[None] | None = None
        if is_async:
            # No loop runs here: the thread gets one.
            with suppress(RuntimeError):
                self._task = asyncio.get_running_loop().create_task(self._consume())
                self._task.add_done_callback(self._task_ended)
        if self._task is None:
            target = self._run_async if is_async else self._run
            self._thread = threading.Thread(target=target, name="azmqtt-states", daemon=True)
            self._thread.start()
        _live.add(self)

    @property
    def closed(self) -> bool:
        """Whether there is an end to be told."""
        return self._core.state == "closed"

    def stop(self, timeout: float) -> None:
        """Wait until the client's end has been told, unless this is the handler itself or its loop."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    async def stop_async(self, timeout: float) -> None:
        """Wait until the client's end has been told, unless this is the handler itself."""
        if self._thread is threading.current_thread() or self._task is asyncio.current_task():
            return
        await asyncio.wait([asyncio.wrap_future(self._ended)], timeout=timeout)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() and not self.closed:
            _log.warning("the handler %s is told no more: its event loop has ended, and the client is open", self._name)

    def _run(self) -> None:
        for change in self._events:
            try:
                refuse_coroutine(self._function(change))
            except BaseException:  # noqa: BLE001, PERF203 - a handler may raise anything, see `_raised`
                _log.exception("the handler %s raised", self._name)
        self._ended.set_result(None)

    def _run_async(self) -> None:
        asyncio.run(self._consume())

    async def _consume(self) -> None:
        try:
            await consume(self._events, self._function, self._name)
        finally:
            self._ended.set_result(None)


#: Those whose threads are to end before the interpreter does.
_live: weakref.WeakSet[States] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    for states in list(_live):
        if states.closed:
            states.stop(1.0)
