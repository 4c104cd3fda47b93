"""Ctrl-C for a program that waits."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable


def assert_interrupted(command: list[str], before: Callable[[], object] = lambda: None) -> None:
    """Run a program that prints "waiting", interrupt it after ``before``, and see it print "interrupted"."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        before()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (out, process.returncode) == ("interrupted\n", 0), err
