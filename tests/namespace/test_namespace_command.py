"""``azmqtt namespace`` and ``azmqtt demo namespace``, as other programs use them."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import azmqtt
from azmqtt import _core

PAGE = Path(__file__).parents[2] / "docs" / "local-namespace.md"

AZMQTT = [sys.executable, "-W", "error", "-m", "azmqtt"]


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The command, and what its line of JSON says."""
    command = [*AZMQTT, "namespace", "--port", "0", "--https-port", "0", "--json", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.terminate()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*AZMQTT, *arguments], capture_output=True, text=True, timeout=50, check=False)


def test_the_line_is_the_contract_of_the_page():
    promised = dict(re.findall(r"^\| `(\w+)` \| (string|number)", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    kinds = {"string": str, "number": int}
    with running() as (process, ready):
        assert {name: type(value) for name, value in ready.items()} == {
            name: kinds[kind] for name, kind in promised.items()
        }
        process.terminate()
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "", "")


def test_a_client_connects_with_its_files(tmp_path):
    options = ["--client", "client1", "--certificates", str(tmp_path), "--hostname", "127.0.0.1"]
    with running(*options, "--behaviour", "denied_subscribe=unspecified") as (_, ready):
        key = tmp_path / "client1-key.pem"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        with azmqtt.MqttClient(
            ready["hostname"],
            "session1",
            username="client1",
            port=ready["port"],
            trust=ready["ca_file"],
            certificate=tmp_path / "client1.pem",
            private_key=key,
        ) as client:
            # There is no topic space yet.
            with pytest.raises(azmqtt.SubscribeRefused) as refused:
                client.subscribe("a")
            assert refused.value.reason_codes == (0x80,)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_people_read_how_to_connect(tmp_path):
    command = [*AZMQTT, "namespace", "--port", "0", "--client", "client1", "--certificates", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        lines: list[str] = []
        assert process.stdout is not None
        while not lines or "client1-key.pem" not in lines[-1]:
            lines.append(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    text = "".join(lines)
    assert "Ctrl-C ends it" in text
    assert "PRIVATE KEY" not in text


def test_what_is_wrong_is_said_in_a_line():
    with azmqtt.LocalNamespace() as namespace:
        done = run("namespace", "--port", str(namespace.port), "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "in use" in done.stderr
    for arguments in (["--behaviour", "nothing=1"], ["--behaviour", "nothing"], ["--units", "0"], ["--client", ""]):
        done = run("namespace", "--port", "0", "--json", *arguments)
        assert (done.returncode, done.stdout) == (2, ""), done
        assert "Traceback" not in done.stderr


def test_behaviours_are_listed():
    done = run("namespace", "--behaviours")
    assert done.returncode == 0
    assert "denied_subscribe=not-authorized|unspecified\n" in done.stdout


def test_every_step_of_the_demo_is_checked():
    done = run("demo", "namespace")
    assert done.returncode == 0, done.stdout + done.stderr
    steps = done.stdout.count("\n  ok ")
    assert steps == 15
    assert f"All {steps} steps checked." in done.stdout
    assert done.stderr == ""


def test_the_demo_of_a_namespace_has_no_connection_string():
    done = run("demo", "namespace", "--connection-string", "HostName=a")
    assert (done.returncode, done.stdout) == (2, "")


def test_the_page_has_every_behaviour():
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| (`[^|]+`) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    found = [(name, question, choices.strip("`").split("`, `")) for name, question, choices in rows]
    assert found == _core.namespace_behaviours()
