"""Microsoft's azure-iothub for Node, and uploads of azure-iot-device, unmodified, against the local hub over HTTPS."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import azmqtt

SESSION = Path(__file__).parent / "azure_iothub_session.js"
UPLOAD_SESSION = Path(__file__).parent / "azure_iot_device_upload.js"


def hub_on_443() -> azmqtt.LocalHub:
    """A hub on the one port that these clients know."""
    address = "127.88.83.13" if sys.platform == "linux" else "127.0.0.1"
    try:
        return azmqtt.LocalHub(host=address, hostname=address, service_port=443)
    except OSError as error:
        pytest.skip(f"port 443: {error}")


@pytest.mark.timeout(420)
def test_registry_and_client(node_sdk: Callable[[Path], tuple[list[str | Path], dict[str, str]]]) -> None:
    """Identities, bulk, modules, twins, a query, methods; the client knows no other port than 443."""
    with hub_on_443() as hub, hub.device_client("live") as client:

        @client.on_method("echo")
        def echo(request: azmqtt.MethodRequest) -> tuple[int, object]:
            return 201, {"got": request.payload}

        client.connect()
        command, environment = node_sdk(SESSION)
        command += [hub.service_connection_string, "live"]
        environment["NODE_EXTRA_CA_CERTS"] = hub.ca_file
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
        assert done.returncode == 0, done.stderr
        assert client.get_twin().desired == {"interval": 5}
    assert json.loads(done.stdout) == {
        "made": ["n-1", "enabled", "sas"],
        "again": "DeviceAlreadyExistsError",
        "changed": ["disabled", "test"],
        "got": "disabled",
        "unknown": "DeviceNotFoundError",
        "bulk": [True, []],
        "listed": ["live", "n-1", "n-2", "n-3"],
        "modules": ["m-1"],
        "twin": [{"room": 7}, 5, "Connected"],
        "stale": "InvalidEtagError",
        "query": ["live"],
        "method": {"status": 201, "payload": {"got": {"n": 1}}},
        # It has no type of its own for 404103.
        "offline": "Error",
        "statistics": 4,
        "removed": True,
        "gone": "DeviceNotFoundError",
    }


@pytest.mark.timeout(420)
def test_node_upload(node_sdk: Callable[[Path], tuple[list[str | Path], dict[str, str]]]) -> None:
    """A place, a blob by Azure's own storage client, a notification with the id in its path."""
    with hub_on_443() as hub:
        device = hub.create_device("node-device")
        command, environment = node_sdk(UPLOAD_SESSION)
        environment["NODE_EXTRA_CA_CERTS"] = hub.ca_file
        command.append(device.connection_string)
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False, env=environment)
        assert done.returncode == 0, done.stderr
        (upload,) = hub.wait_for_upload("node-device", timeout=5)
        assert (upload.is_success, upload.status_code) == (True, 201)
        assert hub.blob("node-device/folder/notes.txt") == b"by the SDK"
