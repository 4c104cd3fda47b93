"""gevent and eventlet, after monkey-patching: whatever waits holds up no other greenlet."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

CASES = [
    "any_broker",
    "calls",
    "closing",
    "coroutines",
    "credentials",
    "ctrl_c",
    "handlers",
    "iterators",
    "logs",
    "loop",
    "loop_forever",
    "loop_start",
    "provisioning",
    "timeouts",
    "upload",
    "waits_of_the_hub",
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("library", ["gevent", "eventlet"])
def test_greenlets(library, case):
    # Not imported here: eventlet warns of each fork of its process, which other tests are about.
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    command = [sys.executable, str(Path(__file__).with_name("greenlet_cases.py")), library, case]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert "Traceback" not in done.stderr, done.stderr
