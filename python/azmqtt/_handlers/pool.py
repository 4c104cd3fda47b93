"""The threads that run plain handlers, shared by all clients of the process.

The pool has one thread for each running handler and a spare one, "azmqtt-handlers-1" and so on. It adds a thread when
all are busy for a few milliseconds, and ends a thread that has been idle for some seconds. Idle clients cost no thread:
the core puts the key of a job into one queue, `_core.Wakeups`, and a free thread takes it.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from typing import TYPE_CHECKING

from azmqtt import _core
from azmqtt._errors import ThreadUnavailable
from azmqtt._support.arguments import whole

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_log = logging.getLogger("azmqtt.handlers")

#: Threads, unless `set_handler_threads` says otherwise.
DEFAULT_THREADS = 256
#: Seconds after which a thread without work goes.
_LINGER = 5.0


class Job:
    """What the handlers of one client have to do, whenever something has come for them.

    A thread of the pool calls `run`; `inside` are the threads that are in a handler of this job now.
    """

    def __init__(self) -> None:
        """Take a key in the pool; nothing runs before `start`."""
        self.pool = current()
        self.key = self.pool.next_key()
        self.lock = threading.Lock()
        self.inside: set[int] = set()
        self.stopping = False
        #: The longest that it has waited for a thread, in seconds.
        self.longest_wait = 0.0
        self._left: threading.Event | None = None

    def start(self) -> None:
        """Have the pool do this job from now on."""
        self.pool.add(self)

    def run(self, error: Exception | None) -> None:
        """Do the work. Must not raise.

        Args:
            error: What has happened, if it is not that something has come.
        """
        raise NotImplementedError

    def end(self) -> None:
        """Leave the pool: there is nothing more to do."""
        self.pool.remove(self)

    def enter(self) -> None:
        """Note that this thread calls a handler."""
        with self.lock:
            self.inside.add(threading.get_ident())

    def leave(self) -> None:
        """Note that the handler of this thread has returned."""
        with self.lock:
            self.inside.discard(threading.get_ident())
            left = self._left
        if left is not None:
            left.set()

    def wait_until_left(self, deadline: float, until: Callable[[], bool] = lambda: True) -> None:
        """Wait until no other thread is in a handler and ``until`` holds, or until ``deadline`` (`time.monotonic`)."""
        me = threading.get_ident()
        self._left = left = threading.Event()
        while (self.inside - {me}) or not until():
            if not left.wait(max(0.0, deadline - time.monotonic())):
                return
            left.clear()

    def tell(self) -> None:
        """Let `wait_until_left` look again."""
        if self._left is not None:
            self._left.set()

    @property
    def wait(self) -> float:
        """Since how many seconds it waits for a thread; 0 if it does not."""
        return self.pool.wakeups.waiting(self.key)


class Serial(Job):
    """A job that one thread does at a time."""

    def __init__(self) -> None:
        """Begin with nothing to do."""
        super().__init__()
        self._running = False
        self._again = False
        self._errors: list[Exception] = []

    def turn(self, errors: Collection[Exception]) -> bool:
        """Do a part of the work; whether more is left. Must not raise."""
        raise NotImplementedError

    def run(self, error: Exception | None) -> None:
        """Take turns until there is nothing to do, or until others wait for the thread."""
        with self.lock:
            if error is not None:
                self._errors.append(error)
            self._again = True
            if self._running:
                return
            self._running = True
            self.inside.add(threading.get_ident())
        while True:
            with self.lock:
                if not self._again:
                    break
                self._again = False
                errors, self._errors = self._errors, []
            if self.turn(errors):
                self._again = True
                if self.pool.full:
                    # The next turn is behind those of the others.
                    self.pool.wakeups.put(self.key, 0.0)
                    with self.lock:
                        self._again = False
                    break
        with self.lock:
            again = self._again
            self._running = False
        self.leave()
        if again:
            self.pool.wakeups.put(self.key, 0.0)


class Pool:
    """The threads of one process."""

    def __init__(self) -> None:
        """Start none yet."""
        self.wakeups = _core.Wakeups()
        #: There are as many threads as there may be.
        self.full = False
        self.bound = DEFAULT_THREADS
        self._lock = threading.Lock()
        self._demand_lock = threading.Lock()
        #: Threads that are wanted beside those that are just started.
        self._demand = 0
        #: A thread starts others.
        self._growing = False
        self._keys = 0
        self._jobs: dict[int, Job] = {}
        self._threads: dict[int, threading.Thread] = {}
        self._warned_full = False
        self._warned_none = False
        self._closed = False

    def next_key(self) -> int:
        """Return a number that no job has."""
        with self._lock:
            self._keys += 1
            return self._keys

    def add(self, job: Job) -> None:
        """Do ``job`` from now on.

        Raises:
            ThreadUnavailable: There is no thread, and the system gives none.
        """
        with self._lock:
            self._jobs[job.key] = job
            self._note_threads()
            if self._threads or self._closed:
                return
            try:
                self._start_thread()
            except RuntimeError as error:
                del self._jobs[job.key]
                raise ThreadUnavailable(f"no thread for handlers: {error}") from None

    def remove(self, job: Job) -> None:
        """Do ``job`` no more."""
        # Without the lock, which is held where threads are started: jobs that end together would look as if they were
        # busy, and more threads would be started for them.
        self._jobs.pop(job.key, None)
        if not self._jobs:
            with self._lock:
                self._note_threads()

    def set_bound(self, bound: int) -> None:
        """Have at most ``bound`` threads; those that are too many go when they have nothing to do."""
        with self._lock:
            self.bound = bound
            self._note_threads()

    def close(self, deadline: float) -> None:
        """End the threads; wait for running handlers until ``deadline`` (`time.monotonic`)."""
        # Without the lock: whoever holds it may be gone, at the end of the interpreter.
        self._closed = True
        self.wakeups.close()
        for thread in list(self._threads.values()):
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _start_thread(self) -> None:
        number = next(number for number in range(1, len(self._threads) + 2) if number not in self._threads)
        name = f"azmqtt-handlers-{number}"
        thread = threading.Thread(target=self._serve, args=(number,), name=name, daemon=True)
        thread.start()
        self._threads[number] = thread
        self._note_threads()

    def _note_threads(self) -> None:
        """Compare the number of threads with the bound."""
        count = len(self._threads)
        self.full = count >= self.bound
        self.wakeups.set_full(self.full)
        self.wakeups.dismiss(max(0, count - self.bound) if self._jobs else count)

    def _serve(self, number: int) -> None:
        """Be one of the threads."""
        take, jobs = self.wakeups.take, self._jobs
        worked = False
        while True:
            taken = take(worked, _LINGER if len(self._threads) > 1 else None)
            worked = taken is not None
            if taken is None:
                if self._goes(number):
                    return
                continue
            key, waited, error, wanted = taken
            if wanted:
                self._grow(wanted)
            job = jobs.get(key)
            if job is not None:
                job.longest_wait = max(job.longest_wait, waited)
                job.run(error)
            # Not to be held until the next one.
            del job, taken, error

    def _goes(self, number: int) -> bool:
        """Whether a thread with nothing to do is to end; the last one stays while there are jobs."""
        with self._lock:
            stays = self._jobs and not self.wakeups.idle and len(self._threads) <= self.bound
            if stays and not self._closed:
                return False
            del self._threads[number]
            self._note_threads()
            self._warned_full = False
            return True

    def _grow(self, wanted: int) -> None:
        """Start threads, or leave it to the thread that is at it: one that waits for its turn would look busy."""
        with self._demand_lock:
            self._demand = max(self._demand, wanted)
            if self._growing:
                return
            self._growing = True
        while True:
            with self._demand_lock:
                wanted, self._demand = self._demand, 0
                self._growing = wanted > 0
            if not wanted:
                return
            self._start_threads(wanted)

    def _start_threads(self, wanted: int) -> None:
        with self._lock:
            try:
                for _ in range(wanted):
                    if len(self._threads) >= self.bound or self._closed:
                        break
                    self._start_thread()
            except RuntimeError as error:
                # What there is has to do; it would otherwise keep one in reserve.
                self.wakeups.set_full(True)
                warned, self._warned_none = self._warned_none, True
                if not warned:
                    _log.warning("no further thread for handlers, clients are served in turn: %s", error)
                return
            warned, self._warned_full = self._warned_full, self._warned_full or self.full
        if self.full and not warned:
            _log.warning(
                "every thread of the handlers is busy (%d): clients are served in turn; see azmqtt.set_handler_threads",
                self.bound,
            )


def log_unsubscribed(error: Exception) -> None:
    """Tell of a subscription that failed; the core tries again by itself."""
    _log.warning("cannot subscribe yet, the next attempt follows: %s", error)


_pool: Pool | None = None
_making = threading.Lock()


def current() -> Pool:
    """Return the pool of this process."""
    global _pool  # noqa: PLW0603 - one for the process
    with _making:
        if _pool is None:
            _pool = Pool()
        return _pool


def set_handler_threads(maximum: int) -> None:
    """Set how many threads may run plain handlers at once, for all clients of the process; 256 without this.

    There are only as many as handlers are running. When all are busy, a line of ``azmqtt.handlers`` says so, and the
    clients are served in turn; ``stats().handler_wait`` shows how long.

    Raises:
        ValueError: ``maximum`` is not from 1 to 65,536.
        TypeError: It is not an ``int``.
    """
    current().set_bound(whole("maximum", maximum, 1, 65_536))


def _after_fork() -> None:
    # The threads are the parent's, and so may be whoever holds a lock.
    global _pool, _making
    before, _pool, _making = _pool, None, threading.Lock()
    if before is not None:
        bound = before.bound
        if bound != DEFAULT_THREADS:
            current().bound = bound


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@atexit.register
def _close() -> None:
    if _pool is not None:
        _pool.close(time.monotonic() + 1.0)
