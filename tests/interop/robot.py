"""The other end of the robots of ``tests/interop``: device applications in processes of their own, told what to do."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from typing_extensions import Self

#: Longer than any client here takes for anything, its reconnects included.
DEADLINE = 30.0


class RobotError(Exception):
    """The client raised an error; ``kind`` is the name of its type."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


class Robot:
    """A process that answers calls and tells of events, a line of JSON each."""

    def __init__(self, command: list[str | Path], environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=None if environment is None else dict(environment),
        )
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self._events: list[dict[str, Any]] = []
        self._answers: dict[int, dict[str, Any]] = {}
        self._errors: list[str] = []
        self._last_id = 0
        self._threads = [threading.Thread(target=job, daemon=True) for job in (self._read, self._read_errors)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def begin(self, name: str, **arguments: object) -> int:
        """Ask for something; :meth:`finish` waits for the answer."""
        self._last_id += 1
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": self._last_id, "call": name, **arguments}) + "\n")
        self._process.stdin.flush()
        return self._last_id

    def finish(self, call: int, timeout: float = DEADLINE) -> Any:
        """Return what the call returned, or raise what it raised."""
        self._wait(lambda: call in self._answers, timeout, "the call was not answered")
        answer = self._answers.pop(call)
        if "error" in answer:
            raise RobotError(answer["error"], answer["text"])
        return answer["result"]

    def call(self, name: str, **arguments: object) -> Any:
        """Ask for something and wait for it."""
        return self.finish(self.begin(name, **arguments))

    def event(self, kind: str, wanted: Callable[[Any], bool] = lambda _: True, timeout: float = DEADLINE) -> Any:
        """Wait for an event and return its value; older ones of its kind are forgotten."""
        found: list[Any] = []

        def look() -> bool:
            for position, event in enumerate(self._events):
                if event["event"] == kind and wanted(event["value"]):
                    found.append(event["value"])
                    self._events = [e for e in self._events[:position] if e["event"] != kind] + self._events[
                        position + 1 :
                    ]
                    return True
            return False

        self._wait(look, timeout, f"there was no event {kind!r}")
        return found[0]

    def forget_events(self) -> None:
        """Begin a new story."""
        self._events.clear()

    def _wait(self, met: Callable[[], bool], timeout: float, what: str) -> None:
        deadline = time.monotonic() + timeout
        while not met():
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                msg = f"{what} within {timeout} s; events: {self._events}; it wrote:\n{''.join(self._errors)}"
                raise AssertionError(msg) from None
            if "end" in line:
                msg = f"{what}: the robot ended; it wrote:\n{''.join(self._errors)}"
                raise AssertionError(msg)
            if "event" in line:
                self._events.append(line)
            else:
                self._answers[line["id"]] = line

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                self._lines.put(json.loads(line))
            except ValueError:
                # Some clients write there, too.
                self._errors.append(line)
        self._lines.put({"end": True})

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._errors.append(line)
