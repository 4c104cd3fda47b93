"""Client certificates over real TLS: every kind of key, every form of file, and everything that is wrong with them."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

import azmqtt
from azmqtt import AuthenticationFailed, CertificateExpiresSoon, DeviceClient, LocalHub

NOW = dt.datetime.now(dt.timezone.utc)
PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL
PLAIN = serialization.NoEncryption()
SECRET = "päss phrase"

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl here")

KEYS = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
}


class Issued(NamedTuple):
    certificate: x509.Certificate
    key: object

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(PEM, PKCS8, PLAIN)

    @property
    def thumbprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()


def issue(
    name: str, key: object = None, issuer: Issued | None = None, days: float = 90, *, authority: bool = False
) -> Issued:
    key = key or KEYS["p256"]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - dt.timedelta(days=400))
        .not_valid_after(NOW + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Issued(builder.sign(signer, algorithm), key)


def client(hub: LocalHub, device_id: str, certificate, private_key=None, **options) -> DeviceClient:
    options = {"port": hub.port, "trust": hub.ca_file, "timeout": 10, **options}
    return DeviceClient.from_certificate(
        "localhost", device_id, certificate=certificate, private_key=private_key, **options
    )


def check(hub: LocalHub, device_id: str, certificate, private_key=None, **options) -> None:
    with client(hub, device_id, certificate, private_key, **options) as device:
        device.send_message("hello")
    assert hub.telemetry(device_id)[-1].text == "hello"


@pytest.mark.parametrize(
    ("kind", "form"),
    # There is no traditional form of Ed25519.
    [(kind, PKCS8) for kind in KEYS] + [(kind, TRADITIONAL) for kind in KEYS if kind != "ed25519"],
)
def test_every_kind_of_key_in_every_form(hub, kind, form):
    issued = issue("any name", KEYS[kind])
    device_id = hub.create_device(x509_thumbprint=issued.thumbprint).device_id
    check(hub, device_id, issued.pem, issued.key.private_bytes(PEM, form, PLAIN))
    stamps = hub.telemetry(device_id)[-1].system_properties
    assert '"type":"x509"' in stamps["iothub-connection-auth-method"]


def test_files_text_and_bytes(hub, tmp_path: Path):
    issued = issue("dev")
    device_id = hub.create_device(x509_thumbprint=issued.thumbprint.upper()).device_id
    (tmp_path / "cert.pem").write_bytes(issued.pem)
    (tmp_path / "key.pem").write_bytes(issued.key_pem)
    (tmp_path / "both.pem").write_bytes(issued.key_pem + b"\r\n\r\n" + issued.pem.replace(b"\n", b"\r\n"))
    check(hub, device_id, tmp_path / "cert.pem", str(tmp_path / "key.pem"))
    check(hub, device_id, str(tmp_path / "both.pem"))
    check(hub, device_id, issued.pem.decode() + issued.key_pem.decode())


def test_a_connection_string_that_announces_a_certificate(hub):
    issued = issue("dev")
    device = hub.create_device(x509_thumbprint=issued.thumbprint)
    assert device.connection_string == f"HostName=localhost;DeviceId={device.device_id};x509=true"
    with hub.device_client(device.device_id, certificate=issued.pem, private_key=issued.key_pem) as client:
        client.connect()
    make = DeviceClient.from_connection_string
    with pytest.raises(ValueError, match="certificate: it must be given, with its private key"):
        make(device.connection_string)
    with pytest.raises(ValueError, match="certificate: the connection string has a key or token"):
        make(hub.create_device().connection_string, certificate=issued.pem, private_key=issued.key_pem)
    with pytest.raises(ValueError, match="private_key is for a certificate, which is not given"):
        make(device.connection_string, private_key=issued.key_pem)


async def test_asyncio_and_a_reconnect(hub):
    hub.create_device("ca-device", ca=True)
    made = hub.create_certificate("ca-device")
    async with client(hub, "ca-device", made.certificate, made.private_key) as device:
        await device.connect_async()
        # Resumed TLS sessions carry the certificate, too.
        for _ in range(3):
            hub.disconnect("ca-device")
            await device.get_twin_async()
        assert hub.connection_count("ca-device") == 4


def test_a_file_goes_with_a_certificate(hub):
    hub.create_device("uploader", ca=True)
    made = hub.create_certificate("uploader")
    options = {"certificate": made.certificate, "private_key": made.private_key}
    with hub.device_client("uploader", **options) as device:
        device.upload_file(b"content", "a.bin")
        assert hub.blob("uploader/a.bin") == b"content"
    other = hub.create_certificate("other")
    options = {"certificate": other.certificate, "private_key": other.private_key}
    with hub.device_client("uploader", **options) as device, pytest.raises(azmqtt.IotHubError):
        device.upload_file(b"content", "b.bin")
    assert hub.last_refusal == "HTTPS: the client certificate's common name is not uploader"


def test_over_websockets(hub):
    hub.create_device("over-websockets", ca=True)
    made = hub.create_certificate("over-websockets")
    options = {"certificate": made.certificate, "private_key": made.private_key, "websocket": True}
    with hub.device_client("over-websockets", **options) as device:
        device.send_message("hello")
    assert hub.telemetry("over-websockets")[0].text == "hello"


def test_either_thumbprint_is_taken_and_no_other(hub):
    first, second, third = issue("a"), issue("b"), issue("c")
    sha1 = first.certificate.fingerprint(hashes.SHA1()).hex(":")  # noqa: S303 - what the service offers
    device = hub.create_device(x509_thumbprint=(sha1, second.thumbprint)).device_id
    for issued in (first, second):
        check(hub, device, issued.pem, issued.key_pem)
    with client(hub, device, third.pem, third.key_pem) as refused, pytest.raises(AuthenticationFailed) as caught:
        refused.connect()
    assert third.thumbprint.upper() in str(caught.value)
    assert hub.last_refusal == "the client certificate has neither of the device's thumbprints"
    assert hub.twin(device)["authenticationType"] == "selfSigned"


def test_a_chain_to_an_authority_of_the_hub(hub):
    root = issue("root", KEYS["p384"], authority=True)
    sub = issue("sub", KEYS["rsa"], root, authority=True)
    hub.add_ca(root.pem)
    device = hub.create_device(ca=True).device_id
    own = issue(device, KEYS["p256"], sub)
    # However the file is sorted.
    check(hub, device, own.pem + sub.pem, own.key_pem)
    check(hub, device, sub.pem + own.pem, own.key_pem)

    def refusal(certificate: bytes) -> str:
        with client(hub, device, certificate, own.key_pem) as refused, pytest.raises(AuthenticationFailed):
            refused.connect()
        return hub.last_refusal

    assert refusal(own.pem).startswith("the client certificate does not lead to an authority of this hub")
    assert refusal(issue(device).pem).startswith("the client certificate does not lead to an authority")
    assert refusal(issue("other", issuer=sub).pem + sub.pem) == (
        f"the client certificate's common name is not {device}"
    )
    with pytest.raises(ValueError, match="the authority's certificate cannot be used: it contains no certificate"):
        hub.add_ca(own.key_pem)


def test_tokens_and_certificates_do_not_replace_each_other(hub):
    issued = issue("dev")
    with_keys = hub.create_device().device_id
    with client(hub, with_keys, issued.pem, issued.key_pem) as refused, pytest.raises(AuthenticationFailed):
        refused.connect()
    assert hub.last_refusal == "the device authenticates with SAS tokens, but sent no password"
    with_certificate = hub.create_device(x509_thumbprint=issued.thumbprint).device_id
    options = {"port": hub.port, "trust": hub.ca_file}
    with (
        DeviceClient.from_symmetric_key("localhost", with_certificate, "AAEC", **options) as refused,
        pytest.raises(AuthenticationFailed),
    ):
        refused.connect()
    assert hub.last_refusal == "the device authenticates with X.509, but sent a password"
    with pytest.raises(ValueError, match="exclude each other"):
        hub.create_device(key="AAEC", ca=True)
    with pytest.raises(ValueError, match="x509_thumbprint: a thumbprint has 40"):
        hub.create_device(x509_thumbprint="12")


def test_a_state_directory_keeps_who_is_who(tmp_path: Path):
    root = issue("root", authority=True)
    issued = issue("by-thumbprint")
    own = issue("by-authority", KEYS["rsa"], root)
    with LocalHub(state=tmp_path) as hub:
        hub.add_ca(root.pem)
        hub.create_device("by-thumbprint", x509_thumbprint=issued.thumbprint)
        hub.create_device("by-authority", ca=True)
    with LocalHub(state=tmp_path) as hub:
        check(hub, "by-thumbprint", issued.pem, issued.key_pem)
        check(hub, "by-authority", own.pem, own.key_pem)
        made = hub.create_certificate("by-authority", days=2)
        assert "PRIVATE" not in repr(made)
        with pytest.warns(CertificateExpiresSoon):
            check(hub, "by-authority", made.certificate, made.private_key)


# Passphrases


def encrypted(issued: Issued, form=PKCS8) -> bytes:
    return issued.key.private_bytes(PEM, form, serialization.BestAvailableEncryption(SECRET.encode()))


@pytest.mark.parametrize("kind", KEYS)
def test_an_encrypted_key(hub, kind):
    issued = issue("dev", KEYS[kind])
    device = hub.create_device(x509_thumbprint=issued.thumbprint).device_id
    check(hub, device, issued.pem, encrypted(issued), passphrase=SECRET)
    check(hub, device, encrypted(issued) + issued.pem, passphrase=SECRET.encode())


def openssl(*arguments: str, text: bytes) -> bytes:
    command = [shutil.which("openssl"), *arguments]
    return subprocess.run(command, input=text, capture_output=True, check=True).stdout


@needs_openssl
@pytest.mark.parametrize(
    "cipher",
    [
        "-v2 aes-128-cbc -v2prf hmacWithSHA1",
        "-v2 aes-192-cbc -v2prf hmacWithSHA512 -iter 100000",
        "-v2 aes-256-cbc -v2prf hmacWithSHA256",
        "-v2 des3",
        "-scrypt",
    ],
)
def test_what_openssl_encrypts(cipher):
    issued = issue("dev")
    key = openssl("pkcs8", "-topk8", *cipher.split(), "-passout", f"pass:{SECRET}", text=issued.key_pem)
    make = DeviceClient.from_certificate
    make("h.net", "dev", certificate=issued.pem, private_key=key, passphrase=SECRET)
    with pytest.raises(ValueError, match=r"^passphrase: it does not decrypt the private key$"):
        make("h.net", "dev", certificate=issued.pem, private_key=key, passphrase="guess")


@needs_openssl
def test_what_openssl_writes_without_a_passphrase():
    ec_key = openssl("ecparam", "-name", "prime256v1", "-genkey", text=b"")
    assert b"BEGIN EC PARAMETERS" in ec_key
    certificate = openssl("req", "-x509", "-new", "-key", "/dev/stdin", "-subj", "/CN=dev", "-days", "40", text=ec_key)
    DeviceClient.from_certificate("h.net", "dev", certificate=certificate, private_key=ec_key)
    # With its text above it, as openssl x509 -text writes it.
    text = openssl("x509", "-text", text=certificate)
    DeviceClient.from_certificate("h.net", "dev", certificate=text + ec_key)


@needs_openssl
def test_encryptions_that_are_not_read_say_how_to_convert():
    issued = issue("dev", KEYS["rsa"])
    for key, text in [
        (
            openssl("pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES", "-passout", "pass:x", text=issued.key_pem),
            "private_key: it is encrypted in a way that is not supported",
        ),
        (encrypted(issued, TRADITIONAL), "private_key: it is encrypted in OpenSSL's old way"),
    ]:
        with pytest.raises(ValueError, match="convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc") as caught:
            DeviceClient.from_certificate("h.net", "dev", certificate=issued.pem, private_key=key, passphrase="x")
        assert str(caught.value).startswith(text)


# What is wrong is said when the client is made


def wrong(certificate, private_key=None, passphrase=None) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the callers compare the text
        DeviceClient.from_certificate(
            "h.net", "dev", certificate=certificate, private_key=private_key, passphrase=passphrase
        )
    text = str(caught.value)
    assert SECRET not in text
    assert "PRIVATE KEY-----\n" not in text
    return text


def test_what_is_wrong_is_named(tmp_path: Path):
    own, other = issue("dev"), issue("dev", KEYS["rsa"])
    missing = tmp_path / "missing.pem"
    assert wrong(missing).startswith(f"certificate: {str(missing)!r} cannot be read: No such file")
    assert wrong(own.pem, missing).startswith(f"private_key: {str(missing)!r} cannot be read")
    assert wrong(b"rubbish") == "certificate: it contains neither PEM text (-----BEGIN …) nor DER"
    assert wrong(own.key_pem) == "certificate: it contains a private key, but no certificate"
    assert wrong(own.pem) == "private_key: it must be given, as the certificate's PEM contains none"
    assert wrong(own.pem, own.pem).startswith("private_key: it contains none")
    assert wrong(own.pem, own.key_pem + other.key_pem) == "private_key: it contains more than one"
    assert wrong(own.pem, other.key_pem) == "private_key: it does not belong to the certificate"
    assert wrong(own.pem[:-40], own.key_pem) == "certificate: section 1 in it is damaged or cut off"
    assert wrong(own.pem + own.pem.replace(b"M", b"N"), own.key_pem).startswith("certificate: section 2")
    assert wrong(own.pem, own.key_pem, SECRET) == "passphrase: the private key is not encrypted"
    assert wrong(own.pem, encrypted(own)) == "passphrase: it must be given, the private key is encrypted"
    assert wrong(own.pem, encrypted(own), "guess") == "passphrase: it does not decrypt the private key"
    assert wrong(issue("dev", days=-1).pem, own.key_pem).startswith("certificate: it expired on 20")
    odd = issue("dev", ec.generate_private_key(ec.SECP521R1()))
    assert wrong(odd.pem, odd.key_pem).startswith("private_key: it cannot be used; RSA of 2,048")
    with pytest.raises(TypeError, match="passphrase must be str or bytes, not int"):
        DeviceClient.from_certificate("h.net", "dev", certificate=own.pem, private_key=own.key_pem, passphrase=1)
    with pytest.raises(TypeError, match="certificate must be a path, PEM text or bytes, not None"):
        DeviceClient.from_certificate("h.net", "dev", certificate=None)
    with pytest.raises(TypeError, match="private_key must be a path, PEM text or bytes, not int"):
        DeviceClient.from_certificate("h.net", "dev", certificate=own.pem, private_key=1)


def test_a_certificate_that_expires_soon_gives_a_warning():
    soon, later = issue("dev", days=7), issue("dev", days=31)
    with pytest.warns(CertificateExpiresSoon, match=r"the client certificate expires in 7 days, on 20") as caught:
        DeviceClient.from_certificate("h.net", "dev", certificate=soon.pem, private_key=soon.key_pem)
    assert caught[0].filename == __file__
    with pytest.warns(CertificateExpiresSoon) as caught:
        text = "HostName=h.net;DeviceId=dev;x509=true"
        DeviceClient.from_connection_string(text, certificate=soon.pem, private_key=soon.key_pem)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DeviceClient.from_certificate("h.net", "dev", certificate=later.pem, private_key=later.key_pem)
    assert azmqtt.CertificateExpiresSoon.__bases__ == (UserWarning,)


def test_no_secret_is_shown():
    own = issue("dev")
    client = DeviceClient.from_certificate("h.net", "dev", certificate=own.pem, private_key=own.key_pem)
    shown = repr(client) + repr(client.__class__)
    assert "PRIVATE" not in shown
    assert own.key_pem.decode().splitlines()[1] not in shown
