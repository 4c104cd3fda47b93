"""The event loop of ``async def`` handlers that were registered where no loop runs: one for all clients.

It runs in a thread of its own, "azmqtt-handlers-async", as long as a client needs it.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from azmqtt._errors import ThreadUnavailable
from azmqtt._support import threads

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from concurrent.futures import Future


class LoopTasks:
    """The tasks of one client on the shared loop."""

    def __init__(self) -> None:
        """Start the loop if it does not run.

        Raises:
            ThreadUnavailable: The system gives no thread for it.
        """
        self._shared: SharedLoop | None = _acquire()
        self.event_loop = self._shared.event_loop
        self._tasks: set[asyncio.Task[Any]] = set()
        self._left = threading.Event()

    @property
    def is_here(self) -> bool:
        """Whether the loop is the one of this thread."""
        return self._shared is not None and threads.is_current(self._shared.thread)

    def start(self, coroutine: Coroutine[Any, Any, None]) -> Future[None]:
        """Run a coroutine; from any thread.

        Raises:
            RuntimeError: The loop is closed.
        """
        guarded = self._guard(coroutine)
        try:
            return asyncio.run_coroutine_threadsafe(guarded, self.event_loop)
        except RuntimeError:
            guarded.close()
            coroutine.close()
            raise

    def stop(self, deadline: float) -> None:
        """Cancel the tasks but the one that calls this, and wait for them until ``deadline`` (`time.monotonic`)."""
        shared, self._shared = self._shared, None
        if shared is None:
            return
        me = asyncio.current_task() if threads.is_current(shared.thread) else None
        if me is not None:
            self._cancel(me)
            # The loop is needed until then.
            me.add_done_callback(lambda _: _release(shared, deadline))
            return
        if not threads.is_current(shared.thread):
            # It may be closed already.
            with suppress(RuntimeError):
                self.event_loop.call_soon_threadsafe(self._cancel, None)
                threads.wait(self._left, deadline)
        _release(shared, deadline)

    async def _guard(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.current_task()
        if task is None or self._shared is None:
            coroutine.close()
            return
        self._tasks.add(task)
        try:
            await coroutine
        finally:
            self._tasks.discard(task)
            self._tell()

    def _cancel(self, but: asyncio.Task[Any] | None) -> None:
        for task in self._tasks - {but}:
            task.cancel()
        self._tell()

    def _tell(self) -> None:
        if self._shared is None and not self._tasks:
            self._left.set()


def start_on(where: LoopTasks | asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, None]) -> Future[None]:
    """Run a coroutine on the shared loop or on one of the application's; from any thread.

    Raises:
        RuntimeError: The loop is closed.
    """
    if isinstance(where, LoopTasks):
        return where.start(coroutine)
    try:
        return asyncio.run_coroutine_threadsafe(coroutine, where)
    except RuntimeError:
        coroutine.close()
        raise


class SharedLoop:
    """The loop, its thread, and how many clients use it."""

    event_loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        """Start the thread.

        Raises:
            ThreadUnavailable: The system gives none.
            OSError: It gives no descriptor for the loop.
        """
        self.users = 0
        self._made = threading.Event()
        self._failed: OSError | None = None
        try:
            self.thread = threads.start(self._run, "azmqtt-handlers-async")
        except RuntimeError as error:
            raise ThreadUnavailable(f"no thread for async def handlers: {error}") from None
        threads.wait(self._made, time.monotonic() + threading.TIMEOUT_MAX)
        if self._failed is not None:
            raise self._failed

    def stop(self, timeout: float) -> None:
        """End the loop and its tasks; wait for it up to ``timeout`` seconds."""
        # It may be closing by itself.
        with suppress(RuntimeError):
            self.event_loop.call_soon_threadsafe(self.event_loop.stop)
        if not threads.is_current(self.thread):
            self.thread.join(timeout)

    def _run(self) -> None:
        try:
            # Here, because under gevent its selector belongs to the thread that makes it.
            self.event_loop = event_loop = asyncio.new_event_loop()
        except OSError as error:
            self._failed = error
            return
        finally:
            self._made.set()
        asyncio.set_event_loop(event_loop)
        try:
            event_loop.run_forever()
            tasks = asyncio.all_tasks(event_loop)
            for task in tasks:
                task.cancel()
            event_loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        finally:
            event_loop.close()


_shared: SharedLoop | None = None
_lock = threading.Lock()


def _acquire() -> SharedLoop:
    """Return the loop, which runs until it has been released as often."""
    global _shared  # noqa: PLW0603 - one for the process
    with _lock:
        if _shared is None:
            _shared = SharedLoop()
        _shared.users += 1
        return _shared


def _release(shared: SharedLoop, deadline: float) -> None:
    """Give the loop back; wait until ``deadline`` for its end if this was the last user."""
    global _shared  # noqa: PLW0603
    with _lock:
        shared.users -= 1
        if shared.users:
            return
        if _shared is shared:
            _shared = None
    shared.stop(max(0.0, deadline - time.monotonic()))


def _after_fork() -> None:
    # The thread is the parent's, and so may be whoever holds the lock.
    global _shared, _lock
    _shared, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@atexit.register
def _stop() -> None:
    if _shared is not None:
        _shared.stop(1.0)
