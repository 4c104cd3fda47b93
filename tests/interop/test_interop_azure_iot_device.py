"""What else Microsoft's azure-iot-device, unmodified and in a venv of its own, does with the local hub.

Most is in ``test_interop_sdk.py``.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

import azmqtt

UPLOAD_SESSION = Path(__file__).parent / "azure_iot_device_upload.py"
X509_SESSION = Path(__file__).parent / "azure_iot_device_x509.py"
PAHO_SESSION = Path(__file__).parent / "paho_websocket_session.py"


@pytest.mark.timeout(420)
def test_paho_over_websockets(sdk_python: Path) -> None:
    """The client below the SDK, which takes any port."""
    with azmqtt.LocalHub() as hub:
        token = hub.create_device("paho").connection_string.rpartition("SharedAccessKey=")[2]
        token = azmqtt.sas.generate("localhost/devices/paho", token)
        command = [sdk_python, PAHO_SESSION, str(hub.websocket_port), "paho", token, hub.ca_file]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        seen = json.loads(done.stdout)
        assert seen["topic"] == "$iothub/twin/res/200/?$rid=1"
        assert json.loads(seen["twin"]) == {"desired": {"$version": 1}, "reported": {"$version": 1}}
        assert [len(message.body) for message in hub.wait_for_telemetry("paho", count=3)] == [1, 1000, 200_000]


@pytest.mark.usefixtures("fixed_ports")
@pytest.mark.timeout(420)
def test_sdk_upload(sdk_python: Path) -> None:
    """A place, a blob, a notification. The SDK knows no other port than 443, so that one must be free and allowed."""
    try:
        hub = azmqtt.LocalHub(websocket_port=443)
    except OSError as error:
        pytest.skip(f"port 443: {error}")
    with hub:
        device = hub.create_device("sdk-device")
        command = [sdk_python, UPLOAD_SESSION, device.connection_string, hub.ca_file]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
        assert (done.returncode, done.stdout) == (0, "201\n"), f"the SDK's upload failed:\n{done.stderr}"
        (upload,) = hub.wait_for_upload("sdk-device", timeout=5)
        assert (upload.is_success, upload.status_code, upload.status_description) == (True, 201, "done")
        assert hub.blob("sdk-device/folder/notes.txt") == b"by the SDK"


@pytest.mark.usefixtures("fixed_ports")
@pytest.mark.timeout(420)
def test_sdk_with_client_certificates(sdk_python: Path, tmp_path: Path) -> None:
    """By thumbprint and by authority, with an encrypted key, and with a certificate that is refused."""
    with azmqtt.LocalHub(port=8883) as hub:
        hub.create_device("sdk-ca", ca=True)
        by_authority = hub.create_certificate("sdk-ca")
        by_thumbprint = hub.create_certificate("sdk-thumbprint", self_signed=True)
        hub.create_device("sdk-thumbprint", x509_thumbprint=by_thumbprint.thumbprint)
        hub.create_device("sdk-refused", x509_thumbprint=by_thumbprint.thumbprint)
        outcomes = {}
        for device_id, made, passphrase in [
            ("sdk-ca", by_authority, ""),
            ("sdk-thumbprint", by_thumbprint, "secret"),
            ("sdk-refused", by_authority, ""),
        ]:
            certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
            certificate.write_text(made.certificate)
            pem = made.private_key.encode()
            if passphrase:
                encryption = serialization.BestAvailableEncryption(passphrase.encode())
                loaded = serialization.load_pem_private_key(pem, None)
                pem = loaded.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
            key.write_bytes(pem)
            command = [sdk_python, X509_SESSION, device_id, certificate, key, passphrase, hub.ca_file]
            done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
            outcomes[device_id] = done.stdout.strip() or done.stderr
        assert outcomes["sdk-ca"] == outcomes["sdk-thumbprint"] == "sent", outcomes
        assert outcomes["sdk-refused"] == "CredentialError", outcomes
        for device_id in ("sdk-ca", "sdk-thumbprint"):
            message = hub.wait_for_telemetry(device_id, count=1, timeout=5)[0]
            assert message.text == "with a certificate"
            assert '"type":"x509"' in message.system_properties["iothub-connection-auth-method"]
