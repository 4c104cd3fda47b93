"""``azmqtt demo``, as a newcomer runs it."""

from __future__ import annotations

import subprocess
import sys


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "azmqtt", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


def test_every_step_is_checked():
    done = run("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\n  ok ") == 10
    assert "FAILED" not in done.stdout
    assert "All 10 steps checked." in done.stdout
    assert done.stderr == ""


def test_unreachable_hub_is_told_and_fails():
    key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    done = run("demo", "--connection-string", f"HostName=hub.invalid;DeviceId=d;SharedAccessKey={key}")
    assert done.returncode == 1
    assert "DNS" in done.stderr
    assert key not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_bad_connection_string_names_the_key():
    done = run("demo", "--connection-string", "HostName=hub.invalid;SharedAccessKey=QUJD")
    assert done.returncode == 1
    assert "DeviceId" in done.stderr
    assert "QUJD" not in done.stderr
