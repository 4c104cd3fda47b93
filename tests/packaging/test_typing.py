"""The package's types, seen from a user's program."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import azmqtt

PROGRAM = Path(__file__).parent / "typed_program.py"


@pytest.mark.timeout(180)
def test_a_typed_program():
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--python-version=3.10", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=170)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_program_has_every_public_name():
    text = PROGRAM.read_text(encoding="utf-8")
    assert [name for name in azmqtt.__all__ if not re.search(rf"\b{name}\b", text)] == []
