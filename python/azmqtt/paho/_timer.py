"""Deadlines: one thread for all clients, which runs while a deadline is set.

A client whose loop has stopped cannot keep its deadlines, but a request must still end within its timeout.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from typing import Protocol


class Timed(Protocol):
    """An object with deadlines."""

    def tick(self) -> float | None:
        """Do the work that is due. Return the seconds until the next call, if any."""


_log = logging.getLogger("azmqtt.paho")

#: The shortest wait, in seconds.
_SHORTEST = 0.001

#: How long the thread stays without work, in seconds.
_IDLE = 5.0


class Timer:
    """Calls ``tick`` when it is due."""

    def __init__(self) -> None:
        """Start without a thread."""
        self._due: weakref.WeakKeyDictionary[Timed, float] = weakref.WeakKeyDictionary()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def call(self, timed: Timed, seconds: float) -> None:
        """Call ``tick`` after at most this number of seconds."""
        at = time.monotonic() + seconds
        with self._changed:
            if (known := self._due.get(timed)) is not None and known <= at:
                return
            self._due[timed] = at
            # After a fork, the child has the object but not the thread.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="azmqtt-paho", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                first = min(self._due.items(), key=lambda item: item[1], default=None)
                if first is None:
                    if not self._changed.wait(_IDLE) and not self._due:
                        self._thread = None
                        return
                    continue
                timed, at = first
                del first
                if (wait := at - time.monotonic()) > 0:
                    # The object may be dropped during the wait.
                    del timed
                    self._changed.wait(wait)
                    continue
                del self._due[timed]
            again = None
            try:
                again = timed.tick()
            except Exception:  # noqa: BLE001 - the thread is everybody's
                _log.exception("a deadline could not be kept")
            if again is not None:
                self.call(timed, max(again, _SHORTEST))
            del timed


timer = Timer()
