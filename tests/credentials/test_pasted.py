"""Certificates, keys and connection strings as people have them: every wrapping is read, or refused."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

from azmqtt import DeviceClient, LocalHub, provisioning, sas
from azmqtt.paho import client as dropin
from azmqtt.paho import configure
from test_x509 import KEYS, PEM, PKCS8, PLAIN, SECRET, TRADITIONAL, check, issue

DER = serialization.Encoding.DER
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
TEXT = f"HostName=h.net;DeviceId=d;SharedAccessKey={KEY}"

#: What tools make of PEM text.
WRAPPINGS = {
    "byte order mark": lambda pem: b"\xef\xbb\xbf" + pem,
    "UTF-16 of PowerShell": lambda pem: pem.decode().replace("\n", "\r\n").encode("utf-16"),
    "UTF-16, big-endian, unmarked": lambda pem: pem.decode().encode("utf-16-be"),
    "literal line ends": lambda pem: pem.replace(b"\n", b"\\n"),
    "spaces for line ends": lambda pem: pem.replace(b"\n", b" "),
    "sections joined": lambda pem: pem.replace(b"-----\n-----", b"----------"),
    "a member of JSON": lambda pem: json.dumps({"pem": pem.decode()}).encode(),
    "X509 label": lambda pem: pem.replace(b" CERTIFICATE-", b" X509 CERTIFICATE-"),
    "TRUSTED label": lambda pem: pem.replace(b" CERTIFICATE-", b" TRUSTED CERTIFICATE-"),
}
wrappings = pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS)


def stranger() -> bytes:
    return trustme.CA().cert_pem.bytes()


def der(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(DER)


@pytest.fixture
def roots(hub: LocalHub) -> bytes:
    """The hub's root, which is lost if the first section is passed over, and another."""
    return hub.ca_pem.encode() + stranger()


def connect(hub: LocalHub, trust) -> None:
    device = hub.create_device()
    with DeviceClient.from_connection_string(device.connection_string, port=hub.port, trust=trust) as client:
        client.connect()


# Roots


@wrappings
def test_roots_of_a_client(hub, roots, wrap, tmp_path: Path):
    file = tmp_path / "roots.pem"
    file.write_bytes(wrap(roots))
    connect(hub, file)
    connect(hub, wrap(roots))


def test_roots_as_text(hub, roots):
    connect(hub, "\ufeff" + roots.decode())
    connect(hub, roots.decode().replace("\n", "\\n"))
    # UTF-16 that was read as Latin-1.
    connect(hub, roots.decode().encode("utf-16-le").decode("latin-1"))


def test_roots_in_der(hub):
    connect(hub, der(hub.ca_pem.encode()))
    connect(hub, der(hub.ca_pem.encode()) + der(stranger()))


@wrappings
def test_roots_of_the_drop_in_and_of_configure(hub, roots, wrap, tmp_path: Path):
    paho = pytest.importorskip("paho.mqtt.client")
    file = tmp_path / "roots.pem"
    file.write_bytes(wrap(roots))
    device = hub.create_device()
    client = dropin.Client(dropin.CallbackAPIVersion.VERSION2, device.device_id)
    token = sas.generate(f"localhost/devices/{device.device_id}", device.connection_string.rpartition("AccessKey=")[2])
    client.username_pw_set(f"localhost/{device.device_id}/?api-version=2021-04-12", token)
    client.tls_set(ca_certs=str(file))
    assert client.connect("localhost", hub.port) == 0
    client.disconnect()
    other = paho.Client(paho.CallbackAPIVersion.VERSION2)
    configure(other, device.connection_string, trust=file)
    assert len(other._ssl_context.get_ca_certs()) == 2


@pytest.mark.parametrize("kind", ["UTF-16 of PowerShell", "sections joined", "TRUSTED label"])
def test_roots_of_the_commands(hub, roots, kind, tmp_path: Path):
    file = tmp_path / "roots.pem"
    file.write_bytes(WRAPPINGS[kind](roots))
    device = hub.create_device()
    command = ["device", "send-d2c-message", "-l", device.connection_string, "--port", hub.port, "--data", "x"]
    run(*command, "--trust", file)
    run("hub", "device-identity", "list", "--trust", file, "-l", hub.service_connection_string)


@wrappings
def test_roots_of_a_registration(hub, roots, wrap, request):
    name = request.node.callspec.id.lower().replace(" ", "-").replace(",", "")
    enrolled = hub.create_enrollment(name)
    options = {**hub.provisioning_options, "trust": wrap(roots)}
    registered = provisioning.register(hub.id_scope, name, symmetric_key=f'"{enrolled.key}"\n', **options)
    assert registered.device_id == name


def test_a_certificate_that_its_file_distrusts_is_no_root(hub, tmp_path: Path):
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl here")
    file = tmp_path / "root.pem"
    file.write_text(hub.ca_pem)
    for setting, trusted in (
        ("-addtrust serverAuth", True),
        ("-addtrust emailProtection", False),
        ("-addreject serverAuth", False),
    ):
        made = subprocess.run(
            [openssl, "x509", "-in", file, *setting.split(), "-trustout"], capture_output=True, check=True
        ).stdout
        assert b"TRUSTED CERTIFICATE" in made
        if trusted:
            connect(hub, made)
        else:
            with pytest.raises(ValueError, match="no certificate is trusted for TLS servers"):
                connect(hub, made)


@pytest.mark.parametrize(
    ("trust", "words"),
    [
        (b"rubbish", "it contains no certificate, neither in PEM nor in DER"),
        (b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "but CERTIFICATE REQUEST"),
        (pkcs7.serialize_certificates([issue("a").certificate], PEM), "openssl pkcs7 -print_certs"),
        (pkcs7.serialize_certificates([issue("a").certificate], DER), "openssl pkcs7 -print_certs"),
        (pkcs12.serialize_key_and_certificates(b"a", *issue("a")[::-1], None, PLAIN), "openssl pkcs12"),
        (issue("a").key_pem, "it contains a private key"),
        (issue("a").pem.replace(b"-----BEGIN", "\u2014\u2013BEGIN".encode(), 1) + issue("b").pem, "section 1"),
    ],
)
def test_roots_that_cannot_be_read(trust, words):
    with pytest.raises(ValueError, match=words) as caught:
        DeviceClient.from_connection_string(TEXT, trust=trust)
    assert str(caught.value).startswith("trust: ")


# Client certificates and keys


@wrappings
def test_certificate_and_key(hub, wrap, tmp_path: Path):
    issued = issue("dev")
    device_id = hub.create_device(x509_thumbprint=f"\u200e{issued.thumbprint}").device_id
    key = tmp_path / "key.pem"
    key.write_bytes(wrap(issued.key_pem))
    check(hub, device_id, wrap(issued.pem), key)
    check(hub, device_id, wrap(issued.pem + issued.key_pem))


@wrappings
def test_an_encrypted_key(hub, wrap):
    issued = issue("dev")
    device_id = hub.create_device(x509_thumbprint=f"sha256 Fingerprint={issued.thumbprint}").device_id
    secret = serialization.BestAvailableEncryption(SECRET.encode())
    for form in (PEM, DER):
        key = issued.key.private_bytes(form, PKCS8, secret)
        check(hub, device_id, der(issued.pem), wrap(key) if form is PEM else key, passphrase=SECRET)


@pytest.mark.parametrize("kind", KEYS)
def test_keys_in_der(hub, kind):
    issued = issue("dev", KEYS[kind])
    device_id = hub.create_device(x509_thumbprint=issued.thumbprint).device_id
    for form in (PKCS8, TRADITIONAL)[: 1 if kind == "ed25519" else 2]:
        check(hub, device_id, der(issued.pem), issued.key.private_bytes(DER, form, PLAIN))


@wrappings
def test_authorities_of_a_hub(hub, wrap):
    authority = issue("authority", authority=True)
    hub.add_ca(wrap(authority.pem + stranger()))
    device_id = hub.create_device(ca=True).device_id
    issued = issue(device_id, issuer=authority)
    check(hub, device_id, issued.pem, issued.key_pem)


@pytest.fixture
def own_hub():
    with LocalHub() as hub:
        yield hub


def test_der_and_what_is_none_for_a_hub(own_hub):
    own_hub.add_ca(der(stranger()))
    with pytest.raises(ValueError, match="section 1 in it is damaged"):
        own_hub.add_ca(stranger().replace(b"-----BEGIN", b"----BEGIN"))


def test_what_may_be_a_key_is_not_shown():
    bare = "".join(issue("a").key_pem.decode().splitlines()[1:-1])
    for secret in (bare, f"----BEGIN KEY\n{bare}", base64.b64encode(issue("a").key_pem).decode()):
        with pytest.raises(ValueError, match="private_key: neither PEM text") as caught:
            DeviceClient.from_certificate("h", "d", certificate=issue("a").pem, private_key=secret)
        assert secret not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(ValueError, match="private_key: this is base64 without PEM lines"):
        DeviceClient.from_certificate("h", "d", certificate=issue("a").pem, private_key=bare.encode())


def test_the_arguments_keep_their_names(tmp_path: Path):
    file = tmp_path / "x.pem"
    file.write_bytes(b"x")
    certificate = tmp_path / "certificate.pem"
    certificate.write_bytes(issue("a").pem)
    both = tmp_path / "both.pem"
    both.write_bytes(issue("a").pem + issue("a").key_pem)
    client = dropin.Client(dropin.CallbackAPIVersion.VERSION2)
    for words, arguments in {
        "ca_certs: it contains": {"ca_certs": file},
        "certfile: it contains": {"certfile": file},
        "keyfile: it contains": {"certfile": certificate, "keyfile": file},
    }.items():
        with pytest.raises(ValueError, match=words):
            client.tls_set(**arguments)
    command = ["device", "send-d2c-message", "--data", "x", "-l", "HostName=h;DeviceId=d;x509=true"]
    for files in (
        {"--trust": file, "--certificate": both},
        {"--certificate": file},
        {"--certificate": certificate, "--private-key": file},
    ):
        said = run(*command, *(part for pair in files.items() for part in pair), ok=False)
        name = next(name for name, path in files.items() if path == file)
        assert said.startswith((f"azmqtt: {name}: it contains no ", f"azmqtt: {name}: it contains neither ")), said


# Connection strings

AZ = json.dumps({"connectionString": TEXT}, indent=2)
STRINGS = {
    "quotes": f'"{TEXT}"',
    "quotes of a shell": f"'{TEXT}'",
    "byte order mark": f"\ufeff{TEXT}\r\n",
    "a line of a .env file": f"IOTHUB_DEVICE_CONNECTION_STRING={TEXT}",
    "the same in quotes": f'export IOTHUB_DEVICE_CONNECTION_STRING="{TEXT}"',
    "JSON of az": AZ,
    "JSON of az for a hub": json.dumps([{"connectionString": [TEXT], "name": "hub"}]),
    "a key over two lines": f"{TEXT[:-20]}\n  {TEXT[-20:]}",
    "values in quotes": TEXT.replace("=h.net", '="h.net"'),
}
strings = pytest.mark.parametrize("text", STRINGS.values(), ids=STRINGS)


@strings
def test_connection_strings(text, monkeypatch):
    paho = pytest.importorskip("paho.mqtt.client")
    for client in (
        DeviceClient.from_connection_string(text),
        monkeypatch.setenv("IOTHUB_DEVICE_CONNECTION_STRING", text) or DeviceClient.from_environment(),
    ):
        assert (client.hostname, client.device_id) == ("h.net", "d")
    assert configure(paho.Client(paho.CallbackAPIVersion.VERSION2), text) == "h.net"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("kind", [kind for kind in STRINGS if kind != "a key over two lines"])
def test_connection_strings_on_stdin(kind, encoding):
    said = run("generate-sas-token", "-l", "-", text=STRINGS[kind].encode(encoding))
    assert sas.parse(said).resource == "h.net/devices/d"


def test_connection_strings_of_a_command(hub):
    device = hub.create_device()
    options = ["--port", hub.port, "--trust", hub.ca_file]
    name = "IOTHUB_DEVICE_CONNECTION_STRING"
    run("device", "send-d2c-message", *options, "--data", "x", **{name: f'"{device.connection_string}"'})
    run("device-twin", "show", *options, "-l", f"{name}={device.connection_string}")
    run("check", *options, "-l", json.dumps({"connectionString": device.connection_string}))
    service = json.dumps({"connectionString": hub.service_connection_string}).encode("utf-16")
    run("hub", "device-identity", "list", "--trust", hub.ca_file, "-l", "-", text=service)
    run("hub", "device-identity", "list", "--trust", hub.ca_file, "-l", f"'{hub.service_connection_string}'")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_files_of_json(hub, encoding, tmp_path: Path):
    device = hub.create_device()
    file = tmp_path / "patch.json"
    file.write_text('{"name": "Kühlung"}', encoding=encoding)
    options = ["--port", hub.port, "--trust", hub.ca_file, "-l", device.connection_string]
    run("device-twin", "update", *options, "--json", f"@{file}")
    assert hub.twin(device.device_id)["properties"]["reported"]["name"] == "Kühlung"
    file.write_bytes(b"\xff{}")
    assert run("device-twin", "update", *options, "--json", f"@{file}", ok=False).startswith(
        f"azmqtt: {file}: neither UTF-8"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'"{TEXT}', "a quotation mark at one end"),
        (AZ[:-3], "begins like JSON"),
        (json.dumps({"primaryKey": KEY}), 'the JSON has no string "connectionString"'),
        (json.dumps([{"connectionString": [TEXT, TEXT]}]), 'more than one "connectionString"'),
        (TEXT[:-1], "was it cut at a '='"),
    ],
)
def test_connection_strings_that_cannot_be_read(text, words):
    with pytest.raises(ValueError, match=words) as caught:
        DeviceClient.from_connection_string(text)
    assert KEY[:-1] not in str(caught.value)


def test_keys_and_tokens():
    wrapped = f'"{KEY[:20]}\r\n {KEY[20:]}"'
    token = sas.generate("h.net/devices/d", wrapped)
    assert sas.parse(token) == sas.parse(json.dumps({"sas": token})) == sas.parse(f"SAS='{token}'")
    assert DeviceClient.from_sas_token(f'"{token}"\n').device_id == "d"
    assert provisioning.derive_device_key(wrapped, "a") == provisioning.derive_device_key(KEY, "a")
    with pytest.raises(ValueError, match="key: this is a complete connection string") as caught:
        DeviceClient.from_symmetric_key("h", "d", TEXT)
    assert KEY not in str(caught.value)


def run(*arguments, text: bytes = b"", ok: bool = True, **environment: str) -> str:
    """Run a command to its end: what it printed, or complained of."""
    done = subprocess.run(
        [sys.executable, "-m", "azmqtt", *map(str, arguments)],
        input=text,
        capture_output=True,
        timeout=60,
        check=False,
        env={"PYTHONUTF8": "1", "PATH": "", **environment},
    )
    assert (done.returncode == 0) is ok, done.stderr.decode()
    assert KEY not in done.stderr.decode()
    return (done.stdout if ok else done.stderr).decode()
