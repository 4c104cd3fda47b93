"""Microsoft's azure-iot-device, unmodified and in a venv of its own, works against the local hub."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import azmqtt

PACKAGE = "azure-iot-device==2.14.0"
HERE = Path(__file__).parent
SESSION = HERE / "interop" / "azure_iot_device_session.py"


@pytest.fixture(scope="module")
def python_with_sdk() -> Path:
    """An interpreter that has the SDK and nothing of ours; made once, kept for the next run."""
    home = HERE / ".venvs" / PACKAGE.replace("==", "-")
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    marker = home / "installed"
    if not marker.exists():
        venv.create(home, with_pip=True, clear=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE]
        subprocess.run(pip, check=True, timeout=300)
        marker.touch()
    return python


@pytest.mark.timeout(420)
def test_sdk_session(python_with_sdk: Path) -> None:
    """Telemetry with awkward properties, twin read and patch, a desired change, a cloud message, a method.

    The SDK knows no other port than 8883, so that one must be free.
    """
    with azmqtt.LocalHub(port=8883) as hub:
        device = hub.create_device("sdk-device")
        command = [python_with_sdk, SESSION, device.connection_string, hub.ca_file]
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
