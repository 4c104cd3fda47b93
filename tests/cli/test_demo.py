"""``azmqtt demo``, as a newcomer runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest


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
    assert done.returncode == 2
    assert "DeviceId" in done.stderr
    assert "QUJD" not in done.stderr


KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
STRING = f"HostName=hub.invalid;DeviceId=d;SharedAccessKey={KEY}"


@pytest.mark.parametrize(
    ("arguments", "environment", "typed"),
    [
        (["--connection-string"], {"IOTHUB_DEVICE_CONNECTION_STRING": STRING}, None),
        (["--connection-string", "-"], {}, f"{STRING}\nmore\n"),
        (["--connection-string", STRING], {"IOTHUB_DEVICE_CONNECTION_STRING": "nonsense"}, None),
    ],
    ids=["environment", "standard input", "argument"],
)
def test_the_key_need_not_stand_on_the_command_line(arguments, environment, typed):
    done = subprocess.run(
        [sys.executable, "-m", "azmqtt", "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        input=typed,
        env={**os.environ, **environment},
    )
    assert done.returncode == 1
    assert "DNS" in done.stderr
    assert "against your hub" in done.stdout
    assert KEY not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "where"),
    [(["--connection-string"], "IOTHUB_DEVICE_CONNECTION_STRING"), (["--connection-string", "-"], "standard input")],
)
def test_a_missing_connection_string_is_told(arguments, where):
    environment = {name: value for name, value in os.environ.items() if name != "IOTHUB_DEVICE_CONNECTION_STRING"}
    done = subprocess.run(
        [sys.executable, "-m", "azmqtt", "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        input="",
        env=environment,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert where in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_demo_that_nobody_reads_on_ends_without_a_word():
    command = [sys.executable, "-u", "-m", "azmqtt", "demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("azmqtt demo")
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C for one process")
def test_ctrl_c_is_no_failure_of_a_step():
    command = [sys.executable, "-u", "-m", "azmqtt", "demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if "desired change" in line:
                # The next one takes seconds.
                break
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=20)
    # Where the interrupt is raised in an `exec`, such as that of a dataclass in a module that is being imported,
    # `python -m` ends itself by the signal. A shell shows 130 for both.
    assert (process.returncode in {130, -signal.SIGINT}, err) == (True, "")
    assert "FAILED" not in rest
