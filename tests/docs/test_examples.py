"""Every example runs by itself, against a local hub or a broker, and ends well."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import mqtt5
from mosquitto import Mosquitto, needs_mosquitto
from mqtt5 import AUTH
from scripted_broker import BrokerLink, Manners, ScriptedBroker

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))
#: They take the broker's name, port and CA file.
WITH_BROKER = [example for example in EXAMPLES if example.stem.startswith("mqtt_")]
#: Their broker knows AUTH, which Mosquitto does not without a plug-in. The method is what it must be asked for.
WITH_TOKEN = {"event_grid": "OAUTH2-JWT", "iot_operations": "K8S-SAT"}
BY_ITSELF = [example for example in EXAMPLES if example not in WITH_BROKER and example.stem not in WITH_TOKEN]


def run(example: Path, *arguments: object) -> str:
    """Run an example with warnings as errors, and return what it printed."""
    command = [sys.executable, "-W", "error", example, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
    return done.stdout


@pytest.mark.parametrize("example", BY_ITSELF, ids=lambda path: path.stem)
def test_the_example(example: Path):
    run(example)


@needs_mosquitto
@pytest.mark.parametrize("example", WITH_BROKER, ids=lambda path: path.stem)
def test_the_example_with_a_broker(example: Path, tmp_path: Path):
    with Mosquitto(tmp_path) as broker:
        run(example, "localhost", broker.tls_port, broker.ca_file)


@pytest.mark.parametrize("name", WITH_TOKEN)
def test_the_example_whose_token_renews(name: str, tmp_path: Path):
    async def accept(link: BrokerLink, auth: mqtt5.Packet) -> None:
        await link.send(mqtt5.auth(0, authentication_method=auth.get("authentication_method")))

    example = next(example for example in EXAMPLES if example.stem == name)
    manners = Manners(on={AUTH: accept})
    with ScriptedBroker(tmp_path, manners) as broker:
        printed = run(example, "localhost", broker.port, broker.ca_file)
    renewed = manners.next(AUTH)
    assert (renewed.reason, renewed.get("authentication_method")) == (0x19, WITH_TOKEN[name])
    assert len(manners.connects) == 1
    assert "connections lost: 0" in printed
