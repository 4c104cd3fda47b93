"""Handlers: functions that are called with what the hub sends.

A plain function runs on one thread per client, "azmqtt-handlers", one call at a time. An ``async def`` runs on the
event loop that was running when it was registered; without one, on a loop of its own in a second thread,
"azmqtt-handlers-async". A handler that raises is logged under ``azmqtt.handlers`` and called again with the next item.

Handlers of direct methods, which answer, are in ``_methods``, and those of a module's inputs in ``_inputs``; they share
the loop for ``async def``.
"""

from __future__ import annotations

import asyncio
import atexit
import inspect
import logging
import threading
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from azmqtt import _core
from azmqtt._consume import FIRST_RETRY, LONGEST_RETRY, LONGEST_WAIT, consume, pause
from azmqtt._errors import ClientClosed, IotHubError
from azmqtt._raised import refuse_coroutine

if TYPE_CHECKING:
    from collections.abc import Callable

    from azmqtt._inputs import Inputs
    from azmqtt._methods import Methods
    from azmqtt._types import MethodRequest

_log = logging.getLogger("azmqtt.handlers")

#: Items of one kind before those of the other have their turn.
_TURN = 64


class _Handler(NamedTuple):
    events: _core.Events
    function: Callable[[Any], Any]
    name: str


class Handlers:
    """The handlers of one client. Holds no reference to it, so that it can be dropped."""

    def __init__(self, core: _core.Client) -> None:
        """Start nothing yet."""
        self._core = core
        self._lock = threading.Lock()
        self._kinds: set[str] = set()
        self._plain: dict[str, _Handler] = {}
        self._thread: threading.Thread | None = None
        self._async_loop: asyncio.AbstractEventLoop | None = None
        self._async_thread: threading.Thread | None = None
        self._tasks: set[Any] = set()
        self._methods: Methods | None = None
        self._inputs: Inputs | None = None
        self._stopping = False

    def register(self, kind: str, events: _core.Events, function: Callable[[Any], Any]) -> None:
        """Call ``function`` with every item of ``events`` from now on."""
        handler = _Handler(events, function, getattr(function, "__qualname__", repr(function)))
        with self._lock:
            if kind in self._kinds:
                raise RuntimeError(f"a handler for {kind} is registered already; there is one per client")
            self._kinds.add(kind)
            _live.add(self)
            if _is_async(function):
                self._start_async(handler)
            else:
                self._plain = {**self._plain, kind: handler}
                self._start_plain()

    def register_method(self, name: str | None, function: Callable[[MethodRequest], Any]) -> None:
        """Call ``function`` for the method ``name``, or for every method without a handler of its own."""
        from azmqtt._methods import Methods

        with self._lock:
            if self._methods is None:
                self._methods = Methods(self._core)
            _live.add(self)
            event_loop = self._running_or_own_loop() if _is_async(function) else None
        self._methods.register(name, function, event_loop, lambda: _core.Events(self._core, "methods", None))

    def register_input(self, name: str | None, function: Callable[[_core.CloudMessage], Any]) -> None:
        """Call ``function`` with the messages to an input, or to every input without a handler of its own."""
        from azmqtt._inputs import Inputs

        with self._lock:
            if self._inputs is None:
                self._inputs = Inputs(self._core)
            _live.add(self)
            event_loop = self._running_or_own_loop() if _is_async(function) else None
        self._inputs.register(name, function, event_loop)

    def stop(self, timeout: float) -> None:
        """End the threads; wait for running handlers up to ``timeout`` seconds."""
        self._stopping = True
        self._core.wake()
        if self._methods is not None:
            self._methods.stop(timeout)
        if self._inputs is not None:
            self._inputs.stop(timeout)
        event_loop = self._async_loop
        if event_loop is not None:
            # It may be closing by itself.
            with suppress(RuntimeError):
                event_loop.call_soon_threadsafe(event_loop.stop)
        for thread in (self._thread, self._async_thread):
            if thread is not None and thread is not threading.current_thread():
                thread.join(timeout)

    def _start_plain(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="azmqtt-handlers", daemon=True)
            self._thread.start()
        else:
            self._core.wake()

    def _start_async(self, handler: _Handler) -> None:
        try:
            event_loop = asyncio.get_running_loop()
        except RuntimeError:
            event_loop = self._own_loop()
            future = asyncio.run_coroutine_threadsafe(_consume(handler), event_loop)
            self._tasks.add(future)
            return
        task = event_loop.create_task(_consume(handler))
        # The loop itself holds its tasks weakly.
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._ended(task, handler.name))

    def _ended(self, task: asyncio.Task[None], name: str) -> None:
        self._tasks.discard(task)
        if task.cancelled() and self._core.state != "closed":
            _log.warning("the handler %s gets nothing more: its event loop has ended, and the client is open", name)

    def _running_or_own_loop(self) -> asyncio.AbstractEventLoop:
        try:
            return asyncio.get_running_loop()
        except RuntimeError:
            return self._own_loop()

    def _own_loop(self) -> asyncio.AbstractEventLoop:
        if self._async_loop is None:
            self._async_loop = asyncio.new_event_loop()
            self._async_thread = threading.Thread(
                target=_run_loop, args=(self._async_loop,), name="azmqtt-handlers-async", daemon=True
            )
            self._async_thread.start()
        return self._async_loop

    def _run(self) -> None:
        """Be the thread of the plain functions."""
        subscribed: set[str] = set()
        retry = FIRST_RETRY
        while not self._stopping:
            handlers = self._plain
            try:
                for kind in handlers.keys() - subscribed:
                    handlers[kind].events.subscribed()
                    subscribed.add(kind)
                    retry = FIRST_RETRY
                busy = [_call_plain(handler) for handler in handlers.values()]
                if not any(busy):
                    self._wait(LONGEST_WAIT, "messages" in handlers, "desired" in handlers)
            except ClientClosed:
                while sum(_call_plain(handler) for handler in handlers.values()):
                    pass
                return
            except IotHubError as error:
                # Closing the client ends the pause, whatever kind it waits for.
                retry = pause(error, retry, lambda seconds: self._wait(seconds, messages=True, desired=True))

    def _wait(self, seconds: float, messages: bool, desired: bool) -> None:  # noqa: FBT001 - the core's kinds
        self._core.wait_events(messages, desired, methods=False, timeout=seconds)


def _is_async(function: Callable[[Any], Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object whose call is async
    )


def _call_plain(handler: _Handler) -> bool:
    """Call the function with what waits; whether there was anything."""
    for turn in range(_TURN):
        item = handler.events.take()
        if item is None:
            return turn > 0
        try:
            refuse_coroutine(handler.function(item))
        except BaseException:  # noqa: BLE001 - a handler may raise anything, and sys.exit() is no way out of this thread
            _log.exception("the handler %s raised", handler.name)
    return True


async def _consume(handler: _Handler) -> None:
    """Be the task of an async function."""
    retry = FIRST_RETRY
    while True:
        try:
            await handler.events.subscribed_async()
            break
        except ClientClosed:
            return
        except IotHubError as error:
            _log.warning("cannot subscribe yet, next attempt in %g s: %s", retry, error)
            await asyncio.sleep(retry)
            retry = min(2 * retry, LONGEST_RETRY)
    await consume(handler.events, handler.function, handler.name)


def _run_loop(event_loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(event_loop)
    try:
        event_loop.run_forever()
        tasks = asyncio.all_tasks(event_loop)
        for task in tasks:
            task.cancel()
        event_loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    finally:
        event_loop.close()


#: Those whose threads are to end before the interpreter does.
_live: weakref.WeakSet[Handlers] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    for handlers in list(_live):
        handlers.stop(1.0)
