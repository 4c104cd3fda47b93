"""Which server certificates are taken, by every client, in both versions of TLS, and what is said of the others."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from azmqtt import ConnectionFailed, DeviceClient, IotHubError, UploadFailed, provisioning
from azmqtt.paho import client as dropin
from test_x509 import KEYS, PEM, PKCS8, PLAIN

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
NOW = dt.datetime.now(dt.timezone.utc)
VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda it: it.name)


def issue(
    *, ca: bool = True, names: str | None = "localhost", common_name: str = "localhost", days: int = 9, purpose=None
) -> bytes:
    """A self-signed certificate in PEM; as `openssl req -x509` makes it, unless told otherwise."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    key = KEYS["p256"]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - dt.timedelta(days=30))
        .not_valid_after(NOW + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names is not None:
        known = [x509.DNSName(names), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(known), critical=False)
    if purpose is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(PEM)


class Server(NamedTuple):
    """What a client said to a TLS server, if it took the server's certificate."""

    port: int
    heard: list[bytes]

    def first(self) -> bytes:
        """The first bytes, which the server's thread may still be reading."""
        until = time.monotonic() + 20
        while not self.heard:
            assert time.monotonic() < until
            time.sleep(0.01)
        return self.heard[0]


@contextmanager
def serve(tmp_path: Path, certificate: bytes, version: ssl.TLSVersion | None = None) -> Iterator[Server]:
    file = tmp_path / "server.pem"
    file.write_bytes(certificate + KEYS["p256"].private_bytes(PEM, PKCS8, PLAIN))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener.getsockname()[1], [])

    def answer(connection: socket.socket) -> None:
        with connection:
            connection.settimeout(20)
            try:
                with context.wrap_socket(connection, server_side=True) as stream:
                    said = stream.recv(4096)
                    if said:
                        server.heard.append(said)
                    if said.startswith(b"\x10"):
                        stream.sendall(b"\x20\x02\x00\x00")
                        while stream.recv(4096):
                            pass
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR) if sys.platform == "linux" else None
        listener.close()


# Each begins a connection to `localhost` and says what it says first, or raises.


def device(port: int, trust: Path, **options) -> None:
    text = f"HostName=localhost;DeviceId=d;SharedAccessKey={KEY}"
    with DeviceClient.from_connection_string(text, port=port, trust=trust, timeout=20, **options) as client:
        client.connect()


def websocket(port: int, trust: Path) -> None:
    device(port, trust, websocket=True)


def upload(port: int, trust: Path) -> None:
    text = f"HostName=localhost;DeviceId=d;SharedAccessKey={KEY}"
    with DeviceClient.from_connection_string(text, https_port=port, trust=trust, timeout=2) as client:
        client.upload_file(b"x", "x")


def registration(port: int, trust: Path) -> None:
    where = {"provisioning_host": "localhost", "provisioning_port": port, "trust": trust, "timeout": 2}
    provisioning.register("0ne00000000", "a", symmetric_key=KEY, **where)


def generic(port: int, trust: Path, prepare: Callable[[dropin.Client], None] | None = None) -> None:
    client = dropin.Client(dropin.CallbackAPIVersion.VERSION2, "x")
    client.tls_set(ca_certs=str(trust))
    if prepare is not None:
        prepare(client)
    client.connect("localhost", port)
    client.disconnect()


CLIENTS = {
    device: b"\x10",
    websocket: b"GET /$iothub/websocket",
    upload: b"POST /devices/d/files",
    registration: b"\x10",
    generic: b"\x10",
}
clients = pytest.mark.parametrize("client", CLIENTS, ids=lambda it: it.__name__)


def said_of(client: Callable[..., None], server: Server, trust: Path, **options) -> str:
    """What a client says of a certificate that it does not take."""
    with pytest.raises((IotHubError, OSError)) as caught:
        client(server.port, trust, **options)
    assert server.heard == []
    assert isinstance(caught.value, ConnectionFailed | UploadFailed | ssl.SSLError), caught.value
    return str(caught.value)


@clients
@VERSIONS
@pytest.mark.parametrize("ca", [True, False])
def test_a_trusted_certificate_is_the_server_s_own(client, version, ca, tmp_path: Path):
    certificate = issue(ca=ca)
    trust = tmp_path / "trust.pem"
    trust.write_bytes(issue() + certificate)
    with serve(tmp_path, certificate, version) as server:
        try:
            client(server.port, trust)
        except IotHubError:
            assert client not in (device, generic)
        assert server.first().startswith(CLIENTS[client])


@clients
def test_another_authority_s_certificate_is_not(client, tmp_path: Path):
    trust = tmp_path / "trust.pem"
    trust.write_bytes(issue())
    with serve(tmp_path, issue()) as server:
        said = said_of(client, server, trust)
    argument = "ca_certs" if client is generic else "trust"
    assert f"(CA:TRUE) as its own; that is taken only if this very certificate is in {argument}" in said


@clients
def test_a_stranger_s_certificate_is_not(client, tmp_path: Path):
    trust = tmp_path / "trust.pem"
    trust.write_bytes(issue())
    with serve(tmp_path, issue(ca=False, common_name="stranger")) as server:
        said = said_of(client, server, trust)
    assert f"local hub of your own as {'ca_certs' if client is generic else 'trust'} (" in said


@clients
@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        (issue(names="other.example", common_name="other.example"), None),
        (issue(days=-9), "not valid now"),
        (issue(purpose=ExtendedKeyUsageOID.CLIENT_AUTH), "InvalidPurpose"),
        (issue(names=None), "no subjectAltName, and its common name (localhost) does not count"),
        (issue(names=None, ca=False), "create a certificate with subjectAltName=DNS:localhost"),
    ],
    ids=["name", "time", "purpose", "no subjectAltName, CA", "no subjectAltName"],
)
def test_a_trusted_certificate_has_its_rules(client, certificate, words, tmp_path: Path):
    trust = tmp_path / "trust.pem"
    trust.write_bytes(certificate)
    with serve(tmp_path, certificate) as server:
        said = said_of(client, server, trust)
        assert (words or "is for another host name") in said
        if words is not None and "subjectAltName" in words:
            assert ("tls_common_name_set(True)" in said) is (client is generic)


@VERSIONS
@pytest.mark.parametrize("ca", [True, False])
def test_the_drop_in_takes_a_common_name_if_it_is_told_to(version, ca, tmp_path: Path):
    certificate = issue(ca=ca, names=None)
    trust = tmp_path / "trust.pem"
    trust.write_bytes(certificate)

    def allow(client: dropin.Client) -> None:
        client.tls_common_name_set(value=True)

    with serve(tmp_path, certificate, version) as server:
        generic(server.port, trust, allow)
        assert server.first().startswith(b"\x10")
    other = issue(ca=ca, names=None, common_name="other.example")
    trust.write_bytes(other)
    with serve(tmp_path, other, version) as server:
        assert "common name (other.example)" in said_of(generic, server, trust, prepare=allow)
    with pytest.raises(ValueError, match="tls_set"):
        dropin.Client(dropin.CallbackAPIVersion.VERSION2).tls_common_name_set(value=True)


def test_contexts_of_ssl_take_a_trusted_certificate_too(tmp_path: Path):
    certificate = issue()
    with serve(tmp_path, certificate) as server:
        client = dropin.Client(dropin.CallbackAPIVersion.VERSION2, "x")
        client.tls_set_context(ssl.create_default_context(cadata=certificate.decode()))
        client.connect("localhost", server.port)
        assert server.first().startswith(b"\x10")
        client.disconnect()


def command(*arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "azmqtt", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout + done.stderr


def test_the_commands(tmp_path: Path):
    certificate, bare = issue(), issue(names=None)
    trust = tmp_path / "trust.pem"
    options = [
        "-l",
        f"HostName=localhost;DeviceId=d;SharedAccessKey={KEY}",
        "--trust",
        trust,
        "--timeout",
        20,
        "--port",
    ]
    trust.write_bytes(certificate)
    with serve(tmp_path, certificate) as server:
        assert "ok      MQTT CONNECT" in command("check", *options, server.port)
    with serve(tmp_path, issue()) as server:
        send = ["device", "send-d2c-message", "--data", "x", *options, server.port]
        assert "only if this very certificate is in --trust" in command(*send)
        assert "only if this very certificate is in --trust" in command("check", *options, server.port)
    trust.write_bytes(bare)
    with serve(tmp_path, bare) as server:
        said = command("check", *options, server.port)
        assert "FAILED  TLS" in said
        assert "create a certificate with subjectAltName=DNS:localhost" in said
        assert "->" not in said
