"""Microsoft's azure-iot-device, unmodified and in a venv of its own, registers with the local provisioning service."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import azmqtt

SESSION = Path(__file__).parent / "azure_iot_device_provisioning.py"

# The SDK knows no other port than 8883, for the service and for the hub: each gets an address of its own, which other
# systems than Linux would have to be given first.
HUB, SERVICE = "127.88.83.1", "127.88.83.2"


@pytest.mark.timeout(420)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_sdk_registers(sdk_python: Path) -> None:
    """A member of a group registers with a payload, gets one, and sends a message to its hub."""
    with azmqtt.LocalHub(host=HUB, hostname=HUB, port=8883, provisioning_host=SERVICE, provisioning_port=8883) as hub:
        group = hub.create_enrollment_group("fleet")
        hub.set_provisioning_pace(polls=1, retry_after=1)
        hub.on_allocation(lambda request: {"seen": request.payload})
        key = group.device_key("sdk-device")
        command = [sdk_python, SESSION, SERVICE, hub.id_scope, "sdk-device", key, hub.ca_file]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 0, f"the SDK's session failed:\n{done.stderr}"
        said = json.loads(done.stdout)
        assert (said["status"], said["hub"], said["device_id"]) == ("assigned", HUB, "sdk-device")
        assert (said["sub_status"], said["payload"]) == ("initialAssignment", {"seen": {"model": "x"}})
        assert said["operation_id"]
        assert said["created"]
        assert said["etag"]
        assert hub.wait_for_telemetry("sdk-device", count=1, timeout=5)[0].text == "hello"
