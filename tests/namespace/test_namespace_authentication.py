"""Who may connect to a local namespace besides by certificate: tokens, a webhook, fields of certificates."""

from __future__ import annotations

import base64
import json
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

import azmqtt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

OBJECT_ID = "11111111-2222-3333-4444-555555555555"
ISSUER = "https://issuer.example"
NOT_AUTHORIZED = "0x87"


def part(content: bytes | dict[str, Any]) -> str:
    """Return a part of a token."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def read(token: str, key: RSAPublicKey) -> dict[str, Any]:
    """Check a token's signature, and return its claims."""
    signed, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    key.verify(raw, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return json.loads(base64.urlsafe_b64decode(signed.split(".")[1] + "=="))


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def certificate(key: RSAPrivateKey) -> str:
    """The issuer's certificate, in PEM."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    now = datetime.now(timezone.utc)
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture
def namespace() -> Iterator[azmqtt.LocalNamespace]:
    with azmqtt.LocalNamespace() as made:
        made.create_topic_space("ContosoTopicSpace", ["contosotopics/#"])
        for permission in ("Publisher", "Subscriber"):
            made.create_permission_binding(
                f"contoso{permission.lower()}binding", topic_space_name="ContosoTopicSpace", permission=permission
            )
        yield made


def sign(key: RSAPrivateKey, kid: str | None = None, **claims: Any) -> str:
    """Make a token of the issuer; ``exp`` in seconds from now."""
    now = int(time.time())
    claims = {"iss": ISSUER, "sub": "pump", "aud": "localhost", "nbf": now - 10, **claims}
    claims["exp"] = now + claims.get("exp", 3600)
    header = {"typ": "JWT", "alg": "RS256"} if kid is None else {"typ": "JWT", "alg": "RS256", "kid": kid}
    signed = f"{part(header)}.{part(claims)}"
    return f"{signed}.{part(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def client(namespace: azmqtt.LocalNamespace, client_id: str = "client1", **options: Any) -> azmqtt.MqttClient:
    """Return a client without a certificate."""
    # An authentication name has one session.
    expiry = {} if options.get("protocol") == 4 else {"session_expiry": 0}
    options = {"port": namespace.port, "trust": namespace.ca_file, **expiry, **options}
    return azmqtt.MqttClient(namespace.hostname, client_id, **options)


def refusal(namespace: azmqtt.LocalNamespace, **options: Any) -> str:
    """Return why a client is refused, as the namespace knows it."""
    with client(namespace, **options) as refused, pytest.raises(azmqtt.AuthenticationFailed, match=NOT_AUTHORIZED):
        refused.connect()
    return namespace.last_refusal or ""


def test_a_token_of_entra_gives_the_rights_of_its_roles(namespace: azmqtt.LocalNamespace):
    authentication = azmqtt.EntraToken(lambda: namespace.entra_token(OBJECT_ID))
    with client(namespace, authentication=authentication) as one:
        with pytest.raises(azmqtt.PublishRefused):
            one.publish("contosotopics/a", b"")
        namespace.assign_role(OBJECT_ID, "Publisher")
        one.publish("contosotopics/a", b"")
        with pytest.raises(azmqtt.SubscribeRefused):
            one.subscribe("contosotopics/a")
        namespace.assign_role(OBJECT_ID, "Subscriber", topic_space_name="ContosoTopicSpace")
        one.subscribe("contosotopics/a")
    roles = [(OBJECT_ID, "Publisher", None), (OBJECT_ID, "Subscriber", "ContosoTopicSpace")]
    assert namespace.list_roles() == roles
    namespace.remove_role(OBJECT_ID, "Publisher")
    with pytest.raises(LookupError, match="Publisher"):
        namespace.remove_role(OBJECT_ID, "Publisher")
    for wrong in ({"object_id": "x", "role": "Publisher"}, {"object_id": OBJECT_ID, "role": "Owner"}):
        with pytest.raises(ValueError, match=r"object id|role"):
            namespace.assign_role(**wrong)  # type: ignore[arg-type]


def test_a_token_of_entra_can_be_checked_by_others(namespace: azmqtt.LocalNamespace):
    public = serialization.load_pem_public_key(namespace.token_key_pem.encode())
    claims = read(namespace.entra_token(OBJECT_ID, expires_in=60), public)  # type: ignore[arg-type]
    assert (claims["oid"], claims["exp"] - claims["nbf"]) == (OBJECT_ID, 60)


def test_the_issuers_key_stays_in_the_state_directory(tmp_path: Any):
    with azmqtt.LocalNamespace(state=tmp_path) as first:
        token = first.entra_token(OBJECT_ID)
    with (
        azmqtt.LocalNamespace(state=tmp_path) as second,
        client(second, authentication=azmqtt.EntraToken(lambda: token)) as one,
    ):
        one.connect()
    with azmqtt.LocalNamespace() as other:
        assert "signature" in refusal(other, authentication=azmqtt.EntraToken(lambda: token))


def test_a_token_of_an_issuer_needs_no_client(namespace: azmqtt.LocalNamespace, key: RSAPrivateKey, certificate: str):
    namespace.set_custom_jwt(ISSUER, {"one": certificate})
    namespace.create_client_group("upstairs", "attributes.floor > 3")
    namespace.create_topic_space("floors", ["floors/${client.attributes.floor}/${client.authenticationName}"])
    namespace.create_permission_binding(
        "floors-publisher", client_group_name="upstairs", topic_space_name="floors", permission="Publisher"
    )
    for floor, allowed in ((4, True), (3, False)):
        authentication = azmqtt.JsonWebToken(lambda floor=floor: sign(key, "one", floor=floor))
        with client(namespace, authentication=authentication) as one:
            if allowed:
                one.publish("floors/4/pump", b"")
            else:
                with pytest.raises(azmqtt.PublishRefused):
                    one.publish("floors/3/pump", b"")


def test_a_refused_token_is_named_by_its_claim_and_never_shown(
    namespace: azmqtt.LocalNamespace, key: RSAPrivateKey, certificate: str
):
    def refused(token: str) -> str:
        reason = refusal(namespace, authentication=azmqtt.JsonWebToken(lambda: token))
        assert not any(piece in reason for piece in token.split("."))
        return reason

    assert "authentication method" in refused(sign(key))
    namespace.set_custom_jwt(ISSUER, [certificate], custom_domains=["custom.example"])
    assert "aud" in refused(sign(key, aud="elsewhere"))
    assert "iss" in refused(sign(key, iss="elsewhere"))
    assert "nbf" in refused(sign(key, nbf=time.time() + 60))
    other = rsa.generate_private_key(65537, 2048)
    assert "signature" in refused(sign(other))
    token = azmqtt.JsonWebToken(lambda: sign(key, aud=["custom.example"]))
    with client(namespace, authentication=token) as one:
        one.connect()
    namespace.remove_custom_jwt()
    assert "authentication method" in refused(sign(key))


def test_a_token_is_renewed_during_a_flood_and_nothing_is_lost(
    namespace: azmqtt.LocalNamespace, key: RSAPrivateKey, certificate: str
):
    namespace.set_custom_jwt(ISSUER, [certificate])
    asked = []

    def token() -> str:
        asked.append(time.time())
        return sign(key, exp=5)

    flood = azmqtt.JsonWebToken(token)
    with client(namespace, authentication=flood) as one, namespace.mqtt_client("watcher") as two:
        received: list[int] = []
        done = threading.Event()

        @two.on_message("contosotopics/a")
        def receive(message: azmqtt.MqttMessage) -> None:
            received.append(int(message.payload))
            if message.payload == b"-1":
                done.set()

        two.subscribe("contosotopics/a")
        sent = 0
        # Each token lives for five seconds: the first is over when this ends.
        while len(asked) < 2 or time.time() < asked[0] + 6:
            one.publish_many([("contosotopics/a", str(number).encode()) for number in range(sent, sent + 50)])
            sent += 50
        one.publish("contosotopics/a", b"-1")
        assert done.wait(20)
        assert received == [*range(sent), -1]
        assert one.stats().connects == 1


def test_a_token_that_is_not_renewed_ends_the_connection(
    namespace: azmqtt.LocalNamespace, key: RSAPrivateKey, certificate: str
):
    mqtt = pytest.importorskip("paho.mqtt.client")
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    namespace.set_custom_jwt(ISSUER, [certificate])
    properties = Properties(PacketTypes.CONNECT)
    properties.AuthenticationMethod = "CUSTOM-JWT"
    properties.AuthenticationData = sign(key, exp=2).encode()
    paho = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "paho", protocol=mqtt.MQTTv5)
    paho.tls_set(namespace.ca_file)
    ended = threading.Event()
    codes = []

    def disconnected(_client: Any, _data: Any, flags: Any, code: Any, _properties: Any) -> None:
        codes.append((flags.is_disconnect_packet_from_server, code.value))
        paho.disconnect()
        ended.set()

    paho.on_disconnect = disconnected
    paho.connect("localhost", namespace.port, properties=properties)
    paho.loop_start()
    assert ended.wait(20)
    paho.loop_stop()
    assert codes[0] == (True, 0x87)


class Webhook:
    """A webhook on this machine: what it answers, and what it was asked."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] = {}
        self.status = 200
        self.hang = threading.Event()
        self.hang.set()
        self.asked: list[tuple[str, dict[str, Any]]] = []
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                webhook.asked.append((self.headers["Authorization"], body))
                webhook.hang.wait(20)
                answer = json.dumps(webhook.answer).encode()
                self.send_response(webhook.status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/authenticate"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    made = Webhook()
    yield made
    made.hang.set()
    made.server.shutdown()
    made.server.server_close()


@pytest.mark.parametrize("protocol", [5, 4])
def test_a_webhook_decides(namespace: azmqtt.LocalNamespace, webhook: Webhook, protocol: int):
    namespace.set_webhook(webhook.url, application="api://app/.default")
    shown = {"username": "user", "password": "secret", "protocol": protocol}
    webhook.answer = {"decision": "deny", "errorReason": "not today"}
    with client(namespace, **shown) as one, pytest.raises(azmqtt.AuthenticationFailed):
        one.connect()
    assert "not today" in (namespace.last_refusal or "")
    webhook.answer = {"decision": "allow", "clientAuthenticationName": "pump"}
    with client(namespace, **shown) as one:
        one.publish("contosotopics/a", b"")
    authorization, question = webhook.asked[-1]
    password = base64.b64encode(b"secret").decode()
    assert question == {"clientId": "client1", "userName": "user", "password": password}
    public = serialization.load_pem_public_key(namespace.token_key_pem.encode())
    assert read(authorization.removeprefix("Bearer "), public)["aud"] == "api://app"  # type: ignore[arg-type]


def test_a_webhook_that_fails_or_hangs_is_unavailable(namespace: azmqtt.LocalNamespace, webhook: Webhook):
    namespace.set_webhook(webhook.url)
    for status, answer, hangs, reason in (
        (500, {}, False, "status 500"),
        (200, {"decision": "perhaps"}, False, "decision"),
        (200, {}, True, "5 s"),
    ):
        webhook.status, webhook.answer = status, answer
        if hangs:
            webhook.hang.clear()
        with client(namespace, username="user") as one, pytest.raises(azmqtt.ConnectionFailed, match="0x88"):
            one.connect()
        assert reason in (namespace.last_refusal or "")
    namespace.remove_webhook()
    with namespace.mqtt_client("client2") as two:
        two.connect()


def test_a_webhook_elsewhere_is_refused(namespace: azmqtt.LocalNamespace):
    for url in ("http://example.com/a", "https://10.0.0.1", "http://localhost.example.com"):
        with pytest.raises(ValueError, match="not on this machine"):
            namespace.set_webhook(url)
        namespace.set_webhook(url, allow_remote=True)
    for url in ("", "ftp://localhost", "http://user:secret@localhost"):
        with pytest.raises(ValueError, match="webhook") as error:
            namespace.set_webhook(url)
        assert "secret" not in str(error.value)


def test_a_field_of_the_certificate_is_the_name(namespace: azmqtt.LocalNamespace):
    namespace.add_ca(namespace.ca_pem)
    namespace.create_client("pump", validation_scheme="SubjectMatchesAuthenticationName")
    shown = namespace.create_certificate("pump")
    options = {"certificate": shown.certificate, "private_key": shown.private_key}
    assert "no client" in refusal(namespace, **options)
    namespace.set_alternative_authentication_name_sources(["ClientCertificateDns", "ClientCertificateSubject"])
    with client(namespace, **options) as one:
        one.publish("contosotopics/a", b"")
    with pytest.raises(ValueError, match="ClientCertificateIp"):
        namespace.set_alternative_authentication_name_sources(["Subject"])  # type: ignore[list-item]


def test_what_cannot_be_is_refused(namespace: azmqtt.LocalNamespace, certificate: str):
    with pytest.raises(ValueError, match="RSA"):
        namespace.set_custom_jwt(ISSUER, [namespace.ca_pem])
    with pytest.raises(ValueError, match="1 or 2"):
        namespace.set_custom_jwt(ISSUER, [certificate] * 3)
    with pytest.raises(TypeError, match="list"):
        namespace.set_custom_jwt(ISSUER, certificate)
    with pytest.raises(ValueError, match="GUID"):
        namespace.entra_token("x")
    namespace.close()
    with pytest.raises(RuntimeError, match="stopped"):
        namespace.entra_token(OBJECT_ID)
