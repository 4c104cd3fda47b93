"""Microsoft's azure-iot-hub, unmodified and in a venv of its own, works against the local hub's REST API."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

import azmqtt

REGISTRY = Path(__file__).parent / "azure_iot_hub_registry.py"


def run(python: Path, script: Path, *arguments: str, ca_file: str) -> dict[str, object]:
    """Run a session; what it saw. The SDK has no option for roots: requests, below it, has a variable."""
    environment = {**os.environ, "REQUESTS_CA_BUNDLE": ca_file, "NO_PROXY": "localhost"}
    done = subprocess.run(
        [python, script, *arguments], capture_output=True, text=True, timeout=120, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, object] = json.loads(done.stdout)
    return seen


@pytest.mark.timeout(420)
def test_registry_manager(service_sdk_python: Path) -> None:
    """Identities, bulk, modules, twins, methods, statistics; its host name may have a port."""
    thumbprint = "A9993E364706816ABA3E25717850C26C9CD0D89D"
    with azmqtt.LocalHub() as hub, hub.device_client("live") as client:
        hub.create_device("waiting")
        for _ in range(3):
            hub.send_c2d("waiting", "hello")

        @client.on_method("echo")
        def echo(request: azmqtt.MethodRequest) -> tuple[int, object]:
            return 201, {"got": request.payload}

        client.connect()
        connection_string = hub.service_connection_string
        assert connection_string.startswith(f"HostName=localhost:{hub.service_port};")
        seen = run(service_sdk_python, REGISTRY, connection_string, "live", ca_file=hub.ca_file)
        desired = client.get_twin().desired
    assert desired == {"interval": 20}
    assert seen == {
        "sas": ["sas", "enabled", "new", True, True],
        "times": [1, 1],
        "changed": ["disabled", True],
        "stale": [412, "PreconditionFailed"],
        "again": [409, "DeviceAlreadyExists"],
        "x509": ["selfSigned", thumbprint, thumbprint[::-1]],
        "ca": ["certificateAuthority", True, True],
        "turned": "selfSigned",
        "turned again": "certificateAuthority",
        "listed": ["ca", "live", "sas", "waiting", "x509"],
        "listed two": ["ca", "live"],
        "not there": [404, "DeviceNotFound"],
        "kept by etag": [412, "PreconditionFailed"],
        "gone": [404, "DeviceNotFound"],
        "bulk": [True, [], [], {"floor": 1}],
        "bulk again": [False, [["bulk1", "DeviceAlreadyExists", "create"]]],
        "after": ["disabled", [404, "DeviceNotFound"]],
        "module": ["live", "m", "me", "sas"],
        "module changed": ["you", "selfSigned", True],
        "modules": ["m", "n"],
        "module twin": ["m", {"a": 1}, True],
        "module twin replaced": {"b": 2},
        "module method": [404, 404103, None, True],
        "module gone": [404, "ModuleNotFound"],
        "twin": ["live", "Connected", "sas", False],
        "patched": [{"room": 7}, 10, 2, True],
        "stale twin": [412, "PreconditionFailed"],
        "replaced": [{"room": 7}, 3, False],
        "bad twin": [400, "ArgumentInvalid"],
        "method": [201, {"got": {"n": 1}}],
        "bad timeout": [400, 400004, None, True],
        "purged": ["waiting", 3],
        "statistics": [5, 4, 1],
        "connected": 1,
    }
