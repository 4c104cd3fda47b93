"""What is written to Python's logging, by a thread that is a moment behind."""

from __future__ import annotations

import time

import pytest


def lines_until(caplog: pytest.LogCaptureFixture, text: str) -> list[tuple[str, str, str]]:
    """Wait for a line that holds ``text``; return logger, level and message of all so far."""
    deadline = time.monotonic() + 20
    while not any(text in record.getMessage() for record in caplog.records):
        assert time.monotonic() < deadline, caplog.text
        time.sleep(0.01)
    return [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
