"""Microsoft's azure-iot-device, unmodified, asks the local hub for faults and recovers from them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import azmqtt

SESSION = Path(__file__).parent / "azure_iot_device_faults.py"

# The SDK knows no other port than 8883: an address of its own leaves those of others alone. Only some systems have it.
HUB = "127.0.0.13" if sys.platform == "linux" else "127.0.0.1"


@pytest.mark.timeout(420)
def test_faults_that_the_sdk_asks_for(sdk_python: Path) -> None:
    with azmqtt.LocalHub(host=HUB, hostname=HUB, port=8883) as hub:
        device = hub.create_device("sdk-device")
        command = [sdk_python, SESSION, device.connection_string, hub.ca_file]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {"KillTcp": [True, True], "ShutDownMqtt": [True, True]}
        bodies = {message.body.decode() for message in hub.telemetry("sdk-device")}
        assert bodies == {"a fault, please", "after KillTcp", "after ShutDownMqtt"}
        asked = [fired.fault for fired in hub.fired_faults() if fired.fault_id == 0]
        assert asked == ["the device asked for KillTcp (boom)", "the device asked for ShutDownMqtt (byebye)"]
        assert hub.connection_count("sdk-device") == 3
