"""The container file's parts, without an engine: what it copies is there, and what it runs runs."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from azmqtt import DeviceClient

ROOT = Path(__file__).parents[2]

#: Each instruction of a line, continuations joined, comments left out.
INSTRUCTIONS = [
    line.split(maxsplit=1)
    for line in re.sub(r"\\\n", " ", (ROOT / "Containerfile").read_text(encoding="utf-8")).splitlines()
    if line and not line.startswith("#")
]


def instructions(name: str) -> list[str]:
    return [text for instruction, text in INSTRUCTIONS if instruction == name]


def vector(text: str) -> list[str]:
    """The command in JSON's form at the end of an instruction."""
    return json.loads(text[text.index("[") :])


def test_what_is_copied_is_there_and_not_ignored():
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [path for text in instructions("COPY") if "--from" not in text for path in shlex.split(text)[:-1]]
    assert len(copied) > 5
    for path in copied:
        assert (ROOT / path).exists(), path
        assert f"!{path}" in ignore
    assert "*" in ignore


def test_the_wheel_needs_no_other_file():
    text = (ROOT / "Cargo.toml").read_text(encoding="utf-8") + (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    copied = " ".join(instructions("COPY"))
    for name in re.findall(r"(?:readme|license-files|python-source|backend-path) = (.*)", text):
        for path in re.findall(r'"([^"]+)"', name):
            assert path in copied or path.startswith("src/"), path


def test_it_runs_as_nobody_special():
    *_, user = instructions("USER")
    uid, _, gid = user.partition(":")
    assert int(uid) > 1000
    assert f"--owner={uid} --group={gid} /state" in " ".join(instructions("RUN"))
    exposed = {int(port) for port in instructions("EXPOSE")[0].split()}
    command = vector(instructions("CMD")[0])
    ports = {int(value) for flag, value in itertools.pairwise(command) if flag.endswith("port")}
    assert exposed == ports
    assert min(exposed) >= 1024
    assert "0.0.0.0" not in " ".join(instructions("ENTRYPOINT"))  # noqa: S104 - that it is not there


@pytest.mark.skipif(sys.platform == "win32", reason="containers are Linux")
def test_the_command_and_its_health_check(tmp_path):
    command = vector(instructions("CMD")[0])
    check = vector(instructions("HEALTHCHECK")[0])
    assert command[command.index("--state") + 1] == instructions("VOLUME")[0] == "/state"
    # Free ports, this machine alone and a directory of the test's in place of the container's.
    elsewhere = {"0.0.0.0": "127.0.0.1", "/state": str(tmp_path)}  # noqa: S104 - to be replaced
    flags = [elsewhere.get(part, "0" if part.isdigit() else part) for part in command]
    entry = vector(instructions("ENTRYPOINT")[0])
    assert entry[0] == "azmqtt"
    with subprocess.Popen(
        [sys.executable, "-m", *entry, *flags, "--json"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            ready = json.loads(process.stdout.readline())
            script = check[2].replace("/state", str(tmp_path)).replace("8883", str(ready["port"]))
            healthy = [sys.executable, "-W", "error", "-c", script]
            assert check[:2] == ["python", "-c"]
            subprocess.run(healthy, check=True, timeout=20)
            text = ready["devices"][0]["connection_string"]
            trust = tmp_path / "ca.pem"
            with DeviceClient.from_connection_string(text, port=ready["port"], trust=trust) as client:
                client.send_message("hello")
        finally:
            # As an engine does with process 1.
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    done = subprocess.run(healthy, check=False, timeout=20, capture_output=True, env={**os.environ})
    assert done.returncode != 0
