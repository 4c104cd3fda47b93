"""Threads that run an event loop of asyncio: real ones, also where gevent or eventlet has patched ``threading``.

asyncio keeps the running loop for each thread, so that a loop in a greenlet would seem to run in all the others of its
thread.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from azmqtt._support import greenlets

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds between two looks whether a real thread has ended, where greenlets must not be held up.
_POLL = 0.005


def start(target: Callable[[], None], name: str) -> threading.Thread | RealThread:
    """Start a daemon thread.

    Raises:
        RuntimeError: The system gives none.
    """
    library = greenlets.patched()
    if library is None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        return thread
    return RealThread(target, name, library)


def wait(event: threading.Event, deadline: float) -> bool:
    """Wait for what a thread of `start` sets, until ``deadline`` (`time.monotonic`); whether it is set."""
    if greenlets.patched() is None:
        return event.wait(max(0.0, deadline - time.monotonic()))
    # Events of the libraries wake only waiters of the thread that sets them.
    while not event.is_set() and time.monotonic() < deadline:
        greenlets.sleep(_POLL)
    return event.is_set()


class RealThread:
    """A thread of the system beside greenlets, with the part of `threading.Thread` that the package uses."""

    def __init__(self, target: Callable[[], None], name: str, library: str) -> None:
        """Start it."""
        self.name = name
        self.ident: int | None = None
        self._target = target
        self._ended = False
        original: Any
        if library == "gevent":
            original = sys.modules["gevent.monkey"].get_original("_thread", "start_new_thread")
        else:
            original = sys.modules["eventlet.patcher"].original("_thread").start_new_thread
        original(self._run, ())

    def _run(self) -> None:
        self.ident = threading.get_ident()
        threading.current_thread().name = self.name
        try:
            self._target()
        finally:
            self._ended = True

    def is_current(self) -> bool:
        """Whether it is the one that asks."""
        return self.ident == threading.get_ident()

    def join(self, timeout: float) -> None:
        """Wait for its end, up to ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while not self._ended and time.monotonic() < deadline:
            greenlets.sleep(_POLL)


def is_current(thread: threading.Thread | RealThread) -> bool:
    """Whether this is the thread that runs."""
    if isinstance(thread, RealThread):
        return thread.is_current()
    return thread is threading.current_thread()
