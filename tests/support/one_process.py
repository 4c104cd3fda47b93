"""What one process at a time may do, where several run the tests (``pytest -n``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:
    # Windows, where one process has to run the tests.
    fcntl = None


@contextmanager
def one_process(lock_file: Path) -> Iterator[None]:
    """Wait until no other process holds the lock of this file. A process that dies gives it back."""
    with lock_file.open("w") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
