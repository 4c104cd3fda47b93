"""What every command of ``azmqtt`` does with wrong usage and with signals."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from azmqtt._cli.main import _parser, main

DEVICE = "HostName=localhost;DeviceId=d;SharedAccessKey=AAAA"
SERVICE = "HostName=localhost:1;SharedAccessKeyName=iothubowner;SharedAccessKey=AAAA"


def commands(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command, those with commands of their own included."""
    if words:
        yield words
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                yield from commands(child, (*words, name))


COMMANDS = sorted(commands(_parser()))


def code_of(arguments: list[str]) -> object:
    try:
        return main(arguments)
    except SystemExit as exit_:
        return exit_.code


def test_the_commands_are_found():
    assert len(COMMANDS) > 20
    assert ("hub", "device-identity", "create") in COMMANDS


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("wrong", ["--no-such-option", "--no-such-option=1"])
def test_an_unknown_option_is_wrong_usage(words, wrong, capsys):
    assert code_of([*words, wrong]) == 2
    # Where something is missing, too, that is named first.
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["hub", "--c2d-max-delivery-count", "1000"],
        ["hub", "--c2d-ttl", "0"],
        ["hub", "--hostname", "a_b!"],
        ["hub", "--units", "0"],
        ["hub", "--tier", "S9"],
        ["hub", "--port", "99999"],
        ["hub", "--port", "0", "--device", "a/b"],
        ["hub", "--port", "0", "--fault", "nonsense"],
        ["hub", "--port", "0", "--fault", "{}"],
        ["hub", "query", "-q", "SELECT *", "-l", "nonsense"],
        ["hub", "device-identity", "show", "-d", "d", "-l", "nonsense"],
        ["hub", "invoke-device-method", "-d", "d", "--method-name", "m", "--method-payload", "{", "-l", SERVICE],
        ["device", "send-d2c-message", "--data", "x", "-l", "nonsense"],
        ["device", "send-d2c-message", "--data", "x", "-l", DEVICE, "--props", "a"],
        ["device", "send-d2c-message", "--data", "x", "-l", DEVICE, "--timeout", "0"],
        ["device", "simulate", "-l", DEVICE, "--msg-count", "-1"],
        ["device", "c2d-message", "send", "-d", "d", "--data", "x", "--props", "a", "-l", SERVICE],
        ["device-twin", "show", "-l", DEVICE, "--port", "0"],
        ["device-twin", "update", "-l", DEVICE, "--json", "nonsense"],
        ["generate-sas-token", "-l", "nonsense"],
        ["generate-sas-token", "-l", DEVICE, "--duration", "0"],
        ["check", "-l", "nonsense"],
        ["fault", "set", "drop:on", "--service-connection-string", SERVICE],
        ["demo", "--connection-string", "nonsense"],
        [],
    ],
    ids=" ".join,
)
def test_wrong_values_are_wrong_usage(arguments, capsys):
    assert code_of(arguments) == 2
    printed = capsys.readouterr().err
    assert "azmqtt" in printed
    assert "Traceback" not in printed


def test_a_failure_is_none(tmp_path, capsys):
    assert code_of(["hub", "--port", "0", "--host", "999.0.0.1"]) == 1
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "damaged.json").write_text("{")
    assert code_of(["hub", "--port", "0", "--state", str(tmp_path)]) == 1
    assert "damaged" in capsys.readouterr().err
    # Not by these words, which an argument may hold.
    assert code_of(["hub", "--port", "0", "--hostname", "it is damaged"]) == 2


needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


def left_behind(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir() if path.name.startswith("azmqtt-hub-")]


@contextlib.contextmanager
def start(arguments: list[str], **variables: str) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, **variables}
    with subprocess.Popen(
        [sys.executable, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@needs_signals
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_the_hub_leaves_nothing_behind(name, tmp_path):
    with start(["-m", "azmqtt", "hub", "--port", "0"], TMPDIR=str(tmp_path)) as process:
        assert process.stdout is not None
        assert "listens" in process.stdout.readline()
        assert len(left_behind(tmp_path)) == 1
        process.send_signal(getattr(signal, name))
        _, error = process.communicate(timeout=20)
    assert (process.returncode, error) == (0, "")
    assert left_behind(tmp_path) == []


@needs_signals
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_other_commands_leave_nothing_behind_either(name, tmp_path):
    with start(["-m", "azmqtt", "demo"], TMPDIR=str(tmp_path)) as process:
        assert process.stdout is not None
        # The first step is done, the hub runs.
        assert any("ok" in line for line in process.stdout)
        process.send_signal(getattr(signal, name))
        _, error = process.communicate(timeout=20)
    # It may have been through just before.
    assert process.returncode in {0, 128 + getattr(signal, name)}
    assert "Traceback" not in error
    assert left_behind(tmp_path) == []


@needs_signals
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_that_comes_during_a_finalizer_ends_the_command(name):
    script = f"""
import signal, sys, time
from azmqtt._cli import common, main
class Finalized:
    def __del__(self):
        signal.raise_signal(signal.{name})
        time.sleep(0)
def run(_):
    Finalized()
    time.sleep(30)
    return 3
common.check_stdin = lambda parsed: setattr(parsed, "run", run)
sys.exit(main.main(["demo"]))
"""
    with start(["-c", script]) as process:
        _, error = process.communicate(timeout=20)
    assert (process.returncode, error) == (128 + getattr(signal, name), "")


@needs_signals
def test_what_a_killed_script_leaves_is_removed_by_the_next(tmp_path):
    script = "import azmqtt, time; hub = azmqtt.LocalHub(); print('ready', flush=True); time.sleep(60)"
    temporary = str(tmp_path)
    with start(["-c", script], TMPDIR=temporary) as killed, start(["-c", script], TMPDIR=temporary) as lives:
        for process in (killed, lives):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        before = set(left_behind(tmp_path))
        killed.kill()
        killed.wait(20)
        assert set(left_behind(tmp_path)) == before
        with start(["-c", "import azmqtt; azmqtt.LocalHub().close()"], TMPDIR=temporary) as third:
            assert third.wait(20) == 0
        # That of the one that lives.
        assert len(left_behind(tmp_path)) == 1


@needs_signals
def test_ctrl_c_at_the_start_leaves_no_trace(tmp_path):
    # The command's own modules are imported slowly, and the signal comes in the middle of that.
    directory = tmp_path / "site"
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(
        "import sys, time\n"
        "class Slow:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'azmqtt._cli.main':\n"
        "            print('importing', flush=True)\n"
        "            time.sleep(30)\n"
        "sys.meta_path.insert(0, Slow())\n"
    )
    with start(["-m", "azmqtt", "--version"], PYTHONPATH=str(directory)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "importing\n"
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=20)
    assert (process.returncode, error) == (-signal.SIGINT, "")
