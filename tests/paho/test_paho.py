"""``azmqtt.paho`` on the oldest and the newest paho: the files of ``cases``, by an interpreter that has one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).parent / "cases"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("case", sorted(path.stem for path in CASES.glob("case_*.py")))
def test_the_case(case: str, paho: Path):
    # paho leaves sockets to the garbage collector.
    options = ["-q", "-o", "python_files=case_*.py", "-W", "ignore::ResourceWarning"]
    command = [sys.executable, "-m", "pytest", *options, str(CASES / f"{case}.py")]
    environment = {**os.environ, "PYTHONPATH": str(paho)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=230, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no tests ran" not in done.stdout


def test_without_paho_it_says_what_to_install():
    code = """
import sys
sys.modules["paho"] = None
import azmqtt.paho
assert not [name for name in sys.modules if name.startswith("azmqtt.paho._dropin")]
for call in (lambda: azmqtt.paho.TwinPatcher(object()), lambda: azmqtt.paho.configure(object(), "HostName=h")):
    try:
        call()
    except ImportError as error:
        assert error.name == "paho" and 'pip install "azmqtt[paho]"' in str(error), error
    else:
        raise SystemExit("no error")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")
