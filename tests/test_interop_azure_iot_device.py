"""Microsoft's azure-iot-device, unmodified and in a venv of its own, works against the local hub."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import azmqtt

SESSION = Path(__file__).parent / "interop" / "azure_iot_device_session.py"


@pytest.mark.timeout(420)
def test_sdk_session(sdk_python: Path) -> None:
    """Telemetry with awkward properties, twin read and patch, a desired change, a cloud message, a method.

    The SDK knows no other port than 8883, so that one must be free.
    """
    with azmqtt.LocalHub(port=8883) as hub:
        device = hub.create_device("sdk-device")
        command = [sdk_python, SESSION, device.connection_string, hub.ca_file]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                ready = process.stdout.readline()
                if ready:
                    hub.patch_desired("sdk-device", {"interval": 5})
                    hub.send_c2d("sdk-device", "reboot at noon", {"kind": "order"})
                    answer = hub.invoke_method("sdk-device", "reboot", {"delay": 5}, connect_timeout=30)
                out, err = process.communicate(timeout=90)
            finally:
                process.kill()
        assert process.returncode == 0, f"the SDK's session failed:\n{err}"
        seen = json.loads(out)

        message = hub.wait_for_telemetry("sdk-device", count=1, timeout=5)[0]
        assert json.loads(message.body) == {"temperature": 21.5}
        assert message.properties == {"alert": "a b&c=d/é"}
        assert message.system_properties["message-id"] == "m-1"
        assert message.system_properties["content-type"] == "application/json"
        assert message.system_properties["content-encoding"] == "utf-8"

        assert seen["twin"]["reported"] == {"firmware": "1.1", "parts": {}, "$version": 2}
        assert seen["desired_patch"] == {"interval": 5, "$version": 2}
        assert seen["cloud_message"] == "reboot at noon"
        assert seen["cloud_property"] == "order"
        assert seen["method"] == ["reboot", {"delay": 5}]
        assert (answer.status, answer.payload) == (202, {"accepted": True})
        assert hub.twin("sdk-device")["properties"]["reported"]["firmware"] == "1.1"
