"""Brokers and clients for the tests of `azmqtt.MqttClient`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from azmqtt import MqttClient
from mosquitto import MOSQUITTO, Mosquitto
from scripted_broker import Manners, ScriptedBroker


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    if MOSQUITTO is None:
        pytest.skip("there is no mosquitto (apt-get install mosquitto)")
    with Mosquitto(tmp_path_factory.mktemp("mosquitto")) as broker:
        yield broker


@pytest.fixture(params=[5, 4], ids=["v5", "v311"])
def protocol(request: pytest.FixtureRequest) -> int:
    return int(request.param)


Connect = Callable[..., MqttClient]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Make clients of a broker, and close them at the end."""
    clients: list[MqttClient] = []

    def make(
        broker: Mosquitto | ScriptedBroker, client_id: str | None = None, *, host: str = "localhost", **options: object
    ) -> MqttClient:
        port = broker.tls_port if isinstance(broker, Mosquitto) else broker.port
        given = {"port": port, "trust": broker.ca_file, "timeout": 20, **options}
        client = MqttClient(host, client_id, **given)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close(timeout=1)


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[Callable[..., ScriptedBroker]]:
    """Make brokers out of scripts, and end them at the end."""
    brokers: list[ScriptedBroker] = []

    def make(*scripts: Callable[..., object]) -> ScriptedBroker:
        broker = ScriptedBroker(tmp_path, *(scripts or [Manners()]))
        brokers.append(broker)
        return broker.__enter__()

    yield make
    for broker in brokers:
        broker.__exit__()
