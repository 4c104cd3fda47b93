"""The steps of a demo: each is timed, and checked or left out."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class StepFailed(Exception):
    """A step ended otherwise than it should."""


class Transcript:
    """Prints a line per step and counts them."""

    def __init__(self) -> None:
        """Begin at step one."""
        self.checked = 0
        self.skipped = 0

    @contextmanager
    def step(self, title: str) -> Iterator[Callable[[str], None]]:
        """Time a step; the yielded function adds what was seen to its line."""
        seen: list[str] = []
        started = time.perf_counter()
        try:
            yield seen.append
        except BaseException as error:
            # Nothing failed where somebody pressed Ctrl-C, or does not read on.
            if isinstance(error, Exception) and not isinstance(error, BrokenPipeError):
                self._line("FAILED", title, started, seen)
            raise
        self.checked += 1
        self._line("ok", title, started, seen)

    def skip(self, title: str, reason: str) -> None:
        """Say that a step was left out, and why."""
        self.skipped += 1
        print(f"  --     {title:<34}            {reason}")

    @staticmethod
    def _line(mark: str, title: str, started: float, seen: list[str]) -> None:
        took = (time.perf_counter() - started) * 1000
        print(f"  {mark:<6} {title:<34} {took:8.1f} ms {'; '.join(seen)}", flush=True)

    def end(self) -> None:
        """Say how many steps there were."""
        left_out = f", {self.skipped} left out" if self.skipped else ""
        print(f"\nAll {self.checked} steps checked{left_out}.")


def check(held: bool, message: str) -> None:  # noqa: FBT001 - an assertion that -O does not remove
    """Fail the step unless it held."""
    if not held:
        raise StepFailed(message)
