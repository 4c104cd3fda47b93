"""The drop-in calls back as paho does: the same small applications, on both, write the same traces."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mosquitto import Mosquitto, needs_mosquitto

SCRIPT = Path(__file__).parent / "paho_trace.py"

pytestmark = needs_mosquitto


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    home = tmp_path_factory.mktemp("mosquitto")
    (home / "open").mkdir()
    (home / "closed").mkdir()
    with Mosquitto(home / "open") as broker, Mosquitto(home / "closed", password=True) as closed:
        yield broker.port, closed.port


def traces(implementation: str, style: str, ports: tuple[int, int], path: Path | None) -> dict[str, Any]:
    environment = {**os.environ, **({} if path is None else {"PYTHONPATH": str(path)})}
    command = [sys.executable, SCRIPT, implementation, style, *map(str, ports)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=55, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_the_drop_in_writes_the_same_traces_as_paho(paho: Path, ports: tuple[int, int]):
    styles = ["old"] if "1.6" in paho.name else ["v1", "v2"]
    for style in styles:
        expected = traces("paho", style, ports, paho)
        ours = traces("azmqtt", style, ports, None)
        for scenario, trace in expected.items():
            assert ours[scenario] == trace, (style, scenario)
