"""Handlers: functions that are called with what the hub sends.

A plain function runs on a thread of the pool that all clients share (`pool`); those for messages and for changes of
the desired properties one call at a time. An ``async def`` runs on the event loop that was running when it was
registered; without one, on a loop for all clients in a thread of its own (`async_loop`). A handler that raises is
logged under ``azmqtt.handlers`` and called again with the next item.

A client with handlers lives until it is closed, even if nobody else has it.

Handlers of direct methods, which answer, are in ``methods``, those of a module's inputs in ``inputs``, and those of
changes of the connection's state in ``states``.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from azmqtt import _core
from azmqtt._errors import ClientClosed, Error
from azmqtt._handlers.async_loop import LoopTasks
from azmqtt._handlers.consume import FIRST_RETRY, LONGEST_RETRY, consume
from azmqtt._handlers.pool import Serial, log_unsubscribed
from azmqtt._handlers.raised import refuse_coroutine

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from azmqtt._handlers.inputs import Inputs
    from azmqtt._handlers.methods import Methods
    from azmqtt._handlers.pool import Job
    from azmqtt._types import MethodRequest

_log = logging.getLogger("azmqtt.handlers")

#: Items of one kind before those of the other have their turn.
_TURN = 64

#: Clients with handlers that are open.
_kept: set[Any] = set()


class _Handler(NamedTuple):
    events: _core.Events
    function: Callable[[Any], Any]
    name: str


class Handlers:
    """The handlers of one client."""

    def __init__(self, core: _core.Client | _core.BrokerClient, owner: Any) -> None:
        """Take the client as ``owner``, which is kept from the first handler on."""
        self.core = core
        self.lock = threading.Lock()
        self._owner = owner
        self._kinds: set[str] = set()
        self._plain: _Items | None = None
        self._methods: Methods | None = None
        self._inputs: Inputs | None = None
        #: Those of ``async def`` handlers on loops of the application.
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop_tasks: LoopTasks | None = None

    def register(self, kind: str, events: _core.Events, function: Callable[[Any], Any]) -> None:
        """Call ``function`` with every item of ``events`` from now on."""
        handler = _Handler(events, function, name_of(function))
        with self.lock:
            if kind in self._kinds:
                raise RuntimeError(f"a handler for {kind} is already registered; a client has one until it is closed")
            if is_async(function):
                self._start_async(handler)
            else:
                if self._plain is None:
                    self._plain = _Items(self.released)
                    self._plain.start()
                self._plain.add(handler)
            self._kinds.add(kind)
        keep(self._owner)

    def register_method(self, name: str | None, function: Callable[[MethodRequest], Any]) -> None:
        """Call ``function`` for the method ``name``, or for every method without a handler of its own."""
        from azmqtt._handlers.methods import Methods

        with self.lock:
            if self._methods is None:
                self._methods = Methods(self.released)
            submit = self.submitter() if is_async(function) else None
        self._methods.register(name, function, submit, lambda: _core.Events(self.core, "methods", None))
        keep(self._owner)

    def register_input(self, name: str | None, function: Callable[[_core.CloudMessage], Any]) -> None:
        """Call ``function`` with the messages to an input, or to every input without a handler of its own."""
        from azmqtt._handlers.inputs import Inputs

        with self.lock:
            if self._inputs is None:
                self._inputs = Inputs(self.released)
            submit = self.submitter() if is_async(function) else None
        self._inputs.register(name, function, submit, lambda: _core.Events(self.core, "messages", None))
        keep(self._owner)

    @property
    def wait(self) -> tuple[float, float]:
        """Since how many seconds something waits for a thread, and the longest that anything has waited."""
        jobs = self._jobs()
        return max((job.wait for job in jobs), default=0.0), max((job.longest_wait for job in jobs), default=0.0)

    def stop(self, timeout: float) -> None:
        """End the handlers; wait for those that run up to ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        jobs = self._jobs()
        for job in jobs:
            job.stopping = True
        for job in jobs:
            job.wait_until_left(deadline)
            job.end()
        if self._loop_tasks is not None:
            self._loop_tasks.stop(deadline)
        self.released()

    def released(self) -> None:
        """Keep the client no longer: it is closed."""
        forget(self._owner)

    def submitter(self) -> LoopTasks | asyncio.AbstractEventLoop:
        """Where an ``async def`` that is registered now will run: the loop that runs here, or else the shared one."""
        try:
            return asyncio.get_running_loop()
        except RuntimeError:
            if self._loop_tasks is None:
                self._loop_tasks = LoopTasks()
            return self._loop_tasks

    def _jobs(self) -> list[Job]:
        return [job for job in (self._plain, self._methods, self._inputs) if job is not None]

    def _start_async(self, handler: _Handler) -> None:
        where = self.submitter()
        if isinstance(where, LoopTasks):
            where.start(self._consume(handler))
            return
        task = where.create_task(self._consume(handler))
        # The loop itself holds its tasks weakly.
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._ended(task, handler.name))

    def _ended(self, task: asyncio.Task[None], name: str) -> None:
        self._tasks.discard(task)
        if task.cancelled() and self.core.state != "closed":
            _log.warning("the handler %s gets nothing more: its event loop has ended, and the client is open", name)

    async def _consume(self, handler: _Handler) -> None:
        """Be the task of an async function."""
        retry = FIRST_RETRY
        while True:
            try:
                await handler.events.subscribed_async()
                break
            except ClientClosed:
                return
            except Error as error:
                _log.warning("cannot subscribe yet, next attempt in %g s: %s", retry, error)
                await asyncio.sleep(retry)
                retry = min(2 * retry, LONGEST_RETRY)
        await consume(handler.events, handler.function, handler.name)
        self.released()


class _Items(Serial):
    """The plain handlers of messages and of changes of the desired properties."""

    def __init__(self, released: Callable[[], None]) -> None:
        super().__init__()
        self._released = released
        self._handlers: list[_Handler] = []
        self._closed = False

    def add(self, handler: _Handler) -> None:
        self._handlers = [*self._handlers, handler]
        handler.events.keep_subscribed(self.pool.wakeups, self.key)
        handler.events.arm(self.pool.wakeups, self.key)

    def turn(self, errors: Collection[Exception]) -> bool:
        if self.stopping:
            return False
        for error in errors:
            if isinstance(error, ClientClosed):
                self._closed = True
            else:
                log_unsubscribed(error)
        # Each has its turn.
        if sum(self._call(handler) for handler in self._handlers):
            return True
        if self._closed:
            self.end()
            self._released()
            return False
        for handler in self._handlers:
            handler.events.arm(self.pool.wakeups, self.key)
        return False

    def _call(self, handler: _Handler) -> bool:
        """Call the function with what waits; whether there was anything."""
        take, function = handler.events.take, handler.function
        for turn in range(_TURN):
            item = take()
            if item is None:
                return turn > 0
            try:
                refuse_coroutine(function(item))
            except BaseException:  # noqa: BLE001 - a handler may raise anything, and sys.exit() is no way out of here
                _log.exception("the handler %s raised", handler.name)
            if self.pool.full or self.stopping:
                break
        return True


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it makes a coroutine."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object whose call is async
    )


def name_of(function: Callable[..., Any]) -> str:
    """Return what log lines call a handler."""
    return getattr(function, "__qualname__", None) or repr(function)


def keep(client: Any) -> None:
    """Keep a client that has handlers until `forget`."""
    _kept.add(client)


def forget(client: Any) -> None:
    """Keep it no longer."""
    _kept.discard(client)
