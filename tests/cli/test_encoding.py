"""What the command reads and writes through pipes is UTF-8, also where the system has a code page."""

from __future__ import annotations

import io
import sys

import pytest

from azmqtt import __main__

TEXT = "21 °C → \N{THERMOMETER}\n"


def streams(monkeypatch: pytest.MonkeyPatch) -> tuple[io.TextIOWrapper, io.TextIOWrapper]:
    """Standard input and output as Windows has them for pipes."""
    given = io.TextIOWrapper(io.BytesIO(TEXT.encode()), encoding="cp1252")
    written = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdin", given)
    monkeypatch.setattr(sys, "stdout", written)
    return given, written


def test_pipes_carry_utf8(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PYTHONIOENCODING", raising=False)
    given, written = streams(monkeypatch)
    # The command does so on Windows alone.
    __main__._use_utf8()
    assert given.readline() == TEXT
    written.write(TEXT)
    written.flush()
    assert written.buffer.getvalue() == TEXT.encode()


def test_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    _, written = streams(monkeypatch)
    __main__._use_utf8()
    assert written.encoding == "cp1252"


def test_a_stream_that_is_closed_or_replaced_is_left_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", None)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    __main__._use_utf8()
    assert isinstance(sys.stdout, io.StringIO)
