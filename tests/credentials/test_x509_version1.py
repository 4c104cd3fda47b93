"""Client certificates of X.509 version 1, which ``openssl x509 -req`` makes: the hub takes them, clients show them."""

from __future__ import annotations

import datetime as dt
import http.client
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import azmqtt
from azmqtt.provisioning import register

pytestmark = pytest.mark.filterwarnings("ignore::azmqtt.CertificateExpiresSoon")


class Files(NamedTuple):
    certificate: Path
    private_key: Path

    @property
    def shown(self) -> dict[str, Path]:
        return self._asdict()


def openssl(*arguments: str | Path) -> str:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("there is no openssl here")
    return subprocess.run([program, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def authority(hub, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A root that the hub was given."""
    folder = tmp_path_factory.mktemp("authority")
    files = Files(folder / "root.pem", folder / "root.key")
    new = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", "-subj", "/CN=my root")
    openssl(*new, "-keyout", files.private_key, "-out", files.certificate)
    hub.add_ca(str(files.certificate))
    return files


@pytest.fixture(params=["rsa:2048", "ec"])
def version1(request, authority: Files, tmp_path: Path):
    """Makes a certificate of version 1 for a name."""

    def make(name: str) -> Files:
        files = Files(tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
        kind = ("-newkey", request.param)
        if request.param == "ec":
            kind += ("-pkeyopt", "ec_paramgen_curve:prime256v1")
        openssl("req", *kind, "-nodes", "-subj", f"/CN={name}", "-keyout", files.private_key, "-out", tmp_path / "csr")
        signed_by = ("-CA", authority.certificate, "-CAkey", authority.private_key, "-set_serial", "7")
        openssl("x509", "-req", "-sha256", "-days", "9", "-in", tmp_path / "csr", *signed_by, "-out", files.certificate)
        text = openssl("x509", "-in", files.certificate, "-noout", "-text")
        if "Version: 1 (0x0)" not in text:
            pytest.skip("this openssl makes version 3 alone")
        return files

    return make


def thumbprint(files: Files) -> str:
    return x509.load_pem_x509_certificate(files.certificate.read_bytes()).fingerprint(hashes.SHA256()).hex()


def test_a_device_shows_one(hub, version1, request):
    name = f"one-{request.node.callspec.id.replace(':', '-')}"
    made = version1(name)
    hub.create_device(name, ca=True)
    hub.create_device(f"{name}-known", x509_thumbprint=thumbprint(made))
    for device_id in (name, f"{name}-known"):
        for options in ({}, {"websocket": True}):
            with hub.device_client(device_id, **made.shown, **options) as client:
                client.send_message("hello")
    with hub.device_client(name, **made.shown) as client:
        client.upload_file(b"content", "a.bin")
    assert hub.blob(f"{name}/a.bin") == b"content"


def test_the_provisioning_service_takes_one(hub, version1, request):
    name = f"dps-{request.node.callspec.id.replace(':', '-')}"
    for kind in ("individual", "known", "group"):
        made = version1(f"{name}-{kind}")
        if kind == "group":
            hub.create_enrollment_group("version1", ca=True)
        elif kind == "individual":
            hub.create_enrollment(f"{name}-{kind}", ca=True)
        else:
            hub.create_enrollment(f"{name}-{kind}", x509_thumbprint=thumbprint(made))
        with azmqtt.DeviceClient.provision(
            hub.id_scope, f"{name}-{kind}", **made.shown, **hub.provisioning_options
        ) as client:
            client.send_message("hello")
    hub.remove_enrollment_group("version1")


def test_one_of_a_stranger_is_refused(hub, version1, tmp_path: Path, request):
    name = f"stranger-{request.node.callspec.id.replace(':', '-')}"
    made = version1(name)
    own = tmp_path / "own.pem"
    new = ("x509", "-req", "-days", "9", "-in", tmp_path / "csr", "-signkey", made.private_key, "-out", own)
    openssl(*new)
    hub.create_device(name, ca=True)
    with (
        hub.device_client(name, certificate=own, private_key=made.private_key) as client,
        pytest.raises(azmqtt.AuthenticationFailed),
    ):
        client.connect()
    assert "does not lead to an authority of this hub" in hub.last_refusal


def test_a_known_thumbprint_does_not_help_outside_the_certificate_s_time(hub, tmp_path: Path):
    """Over MQTT, over HTTPS and at the provisioning service. An expired one is not even shown by the client."""
    name, key = "tomorrow", ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.timezone.utc)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 7)
    builder = builder.not_valid_before(now + dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=99))
    certificate = builder.sign(key, hashes.SHA256())
    files = Files(tmp_path / "c.pem", tmp_path / "k.pem")
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    formats = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files.private_key.write_bytes(key.private_bytes(*formats))
    hub.create_device(name, x509_thumbprint=thumbprint(files))
    hub.create_enrollment(name, x509_thumbprint=thumbprint(files))
    reason = "the client certificate has expired or is not valid yet"
    with hub.device_client(name, **files.shown) as client, pytest.raises(azmqtt.AuthenticationFailed):
        client.connect()
    assert hub.last_refusal == reason
    with pytest.raises(azmqtt.ProvisioningFailed) as caught:
        register(hub.id_scope, name, **files.shown, **hub.provisioning_options)
    assert (caught.value.status, caught.value.error_code) == (401, 401002)
    assert hub.last_refusal == f"provisioning {name}: {reason}"
    context = ssl.create_default_context(cafile=hub.ca_file)
    context.load_cert_chain(*files)
    connection = http.client.HTTPSConnection("localhost", hub.websocket_port, context=context, timeout=20)
    connection.request("POST", f"/devices/{name}/messages/events?api-version=2021-04-12", "x")
    assert connection.getresponse().status == 401
    connection.close()
    assert hub.last_refusal == f"HTTPS: {reason}"
