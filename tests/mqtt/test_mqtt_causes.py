"""What errors say about their cause: the wrong port, a client identifier that two have, a token that does not fit."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time

import pytest

import azmqtt
import mqtt5
from azmqtt import JsonWebToken, ServiceAccountToken
from azmqtt._mqtt import authentication, service_account
from mqtt5 import AUTH, CONNECT, DISCONNECT
from scripted_broker import BrokerLink, Manners, ScriptedBroker, until_error
from test_mqtt_authentication import jwt

RETRY = azmqtt.RetryPolicy(base=0.01, max=0.05)


# TLS and none


@pytest.fixture
def server(request):
    """A server on TCP that sends these bytes to whoever says something, and closes."""
    answer = request.param

    def serve(listener):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1)
                    connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "server", [b"", b"\x20\x02\0\x01", mqtt5.connack(0x84)], ids=["closes", "MQTT 3.1.1", "MQTT 5"], indirect=True
)
@pytest.mark.parametrize("websocket", [False, True])
def test_a_broker_without_tls(server, websocket):
    with azmqtt.MqttClient("localhost", port=server, websocket=websocket) as client:
        with pytest.raises(azmqtt.ConnectionFailed, match="if it takes MQTT without TLS, pass tls=False") as raised:
            client.connect()
        assert raised.value.step == "TLS"
        assert "tls=False" in client.last_error


def test_mosquitto_without_tls(mosquitto, connect, protocol):
    with pytest.raises(azmqtt.ConnectionFailed, match="pass tls=False") as raised:
        connect(mosquitto, protocol=protocol, port=mosquitto.port).connect()
    assert raised.value.step == "TLS"


@pytest.mark.parametrize(
    ("server", "hint"),
    [(b"", "if it expects TLS"), (b"\x15\x03\x03\0\2\2\x0a", "answers in TLS")],
    ids=["closes", "alert"],
    indirect=["server"],
)
def test_a_broker_with_tls(server, hint, protocol):
    with azmqtt.MqttClient("localhost", port=server, tls=False, protocol=protocol) as client:
        with pytest.raises(azmqtt.ConnectionFailed, match=f"{hint}.*omit tls=False"):
            client.connect()
        assert hint in client.last_error


def test_mosquitto_with_tls(mosquitto, connect, protocol):
    options = {"port": mosquitto.tls_port, "tls": False, "trust": None, "protocol": protocol}
    with pytest.raises(azmqtt.ConnectionFailed, match="omit tls=False"):
        connect(mosquitto, **options).connect()


def test_mosquitto_with_websockets(mosquitto, connect, protocol):
    with pytest.raises(azmqtt.ConnectionFailed, match=r"answers in HTTP before its CONNACK; .*pass websocket=True"):
        connect(mosquitto, protocol=protocol, port=mosquitto.wss_port).connect()


def test_a_good_broker_that_closes_is_not_suspected(scripted, connect):
    async def closes(link: BrokerLink) -> None:
        await link.expect(CONNECT)

    with pytest.raises(azmqtt.ConnectionFailed) as raised:
        connect(scripted(closes)).connect()
    assert "tls=" not in str(raised.value)


# One client identifier, two clients


def test_two_clients_of_one_identifier_in_mqtt_311(mosquitto, connect):
    """The broker cannot say that another one has taken over: the client says that it may be so, and does not spin."""
    slow = azmqtt.RetryPolicy(base=3600, max=3600)
    first = connect(mosquitto, "twins", protocol=4, retry=slow)
    changes = first.state_changes(timeout=20)
    first.connect()
    # On another port it is as far from the first as one of another process.
    second = connect(mosquitto, "twins", port=mosquitto.port, tls=False, trust=None, protocol=4, retry=slow)
    second.connect()
    reason = next(change.reason for change in changes if change.state == "reconnecting")
    assert 'another client has connected as "twins" (a second program' in reason
    assert 'as "twins"' in first.last_error
    with pytest.raises(azmqtt.RequestTimeout, match='as "twins"'):
        first.publish("a", b"", timeout=0.2)
    second.publish("a", b"")
    assert second.stats().connections_lost == 0


def test_a_session_without_a_name_has_no_twin(mosquitto, connect):
    client = connect(mosquitto, protocol=4, retry=RETRY)
    changes = client.state_changes(timeout=20)
    client.connect()
    mosquitto.stop()
    mosquitto.start()
    reason = next(change.reason for change in changes if change.state == "reconnecting")
    assert "another client" not in reason


# A broker that sends too much


def test_a_broker_that_ignores_the_receive_maximum(scripted, connect):
    """It is told by 0x93, the user sees why, and between two attempts the back-off is waited for."""
    manners = Manners()
    broker = scripted(manners)
    client = connect(broker, "me", receive_maximum=2, retry=azmqtt.RetryPolicy(base=3600, max=3600))
    changes, messages = client.state_changes(timeout=20), client.messages(timeout=20)
    client.connect()
    broker.send(manners.link, b"".join(mqtt5.publish("a", b"", qos=1, packet_id=n) for n in (1, 2, 3)))
    assert manners.next(DISCONNECT).reason == 0x93
    reason = next(change.reason for change in changes if change.state == "reconnecting")
    assert "Receive Maximum" in reason
    with pytest.raises(azmqtt.RequestTimeout, match="Receive Maximum"):
        client.publish("a", b"", timeout=0.2)
    assert "Receive Maximum" in client.last_error
    assert broker.connections == 1
    # Who asks by name does not wait.
    client.connect()
    assert (broker.connections, client.last_error) == (2, None)
    assert client.stats().connections_lost == 1
    messages.close()


# Tokens


async def refuse(link: BrokerLink, _: mqtt5.Packet) -> None:
    await link.send(mqtt5.connack(0x87))


def refused(client: azmqtt.MqttClient, token: str) -> str:
    with pytest.raises(azmqtt.AuthenticationFailed) as raised:
        client.connect()
    assert raised.value.reason_code == 0x87
    shown = [str(raised.value), client.last_error, repr(client), str(client.stats())]
    assert not any(part in text for text in shown for part in token.split("."))
    return str(raised.value)


@pytest.mark.parametrize(
    ("claims", "named"),
    [
        ({"aud": "s3cret"}, r"the audience \(aud\) should be localhost"),
        ({"aud": "localhost", "sub": None}, r"the subject \(sub\)"),
        (
            {"aud": "localhost", "sub": "s3cret"},
            r"the subject \(sub\), which is the authentication name, is not the user name",
        ),
        ({"aud": "localhost", "nbf": time.time() + 1000}, r"it becomes valid in \d+ s by this machine's clock \(nbf\)"),
        ({"aud": "localhost", "iss": "https://sts.windows.net/x/"}, "Entra ID: that is for the method OAUTH2-JWT"),
    ],
    ids=["aud", "no sub", "sub", "nbf", "iss"],
)
def test_a_token_of_ones_own_that_is_refused(scripted, connect, claims, named):
    given = {"exp": time.time() + 3600, "sub": "me", "iss": "https://s3cret.example", **claims}
    token = jwt(**{name: value for name, value in given.items() if value is not None})
    broker = scripted(Manners(on={CONNECT: refuse}))
    client = connect(broker, "me", username="me", authentication=JsonWebToken(lambda: token))
    words = refused(client, token)
    assert re.search(f"Not authorized.*of the token: .*{named}", words), words
    assert "s3cret" not in words


def test_a_good_token_that_is_refused_is_not_suspected(scripted, connect):
    token = jwt(exp=time.time() + 3600, sub="me", aud="localhost")
    client = connect(scripted(Manners(on={CONNECT: refuse})), authentication=JsonWebToken(lambda: token))
    assert "of the token" not in refused(client, token)


def test_an_expired_file_of_a_service_account(scripted, connect, tmp_path, monkeypatch):
    monkeypatch.setattr(service_account, "_SETTLED", 0.0)
    file = tmp_path / "broker-sat"
    file.write_text(token := jwt(exp=time.time() - 60, aud="aio-internal", sub="system:serviceaccount:a:b"))
    client = connect(scripted(Manners(on={CONNECT: refuse})), authentication=ServiceAccountToken(file))
    assert re.search(r"of the token: it has expired \d+ s ago by this machine's clock \(exp\)", refused(client, token))


def test_an_expired_token_of_ones_own_is_not_even_shown(scripted, connect):
    manners = Manners()
    token = jwt(exp=time.time() - 60)
    client = connect(scripted(manners), authentication=JsonWebToken(lambda: token))
    with pytest.raises(
        azmqtt.AuthenticationFailed, match=r"JsonWebToken: .*the token has expired: its exp was 6\d s ago"
    ):
        client.connect()
    assert manners.connects == []


def test_a_renewal_that_is_refused_names_the_claim(scripted, connect, monkeypatch):
    """The broker says nothing but 0x87."""
    monkeypatch.setattr(authentication, "_RENEW_AFTER", 0.0)
    monkeypatch.setattr(authentication, "_LEAST_WAIT", 0.05)
    audiences = iter(["localhost"])

    def get_token():
        return jwt(exp=time.time() + 3600, sub="me", aud=next(audiences, "s3cret"), alg="RS256")

    async def refuse_auth(link: BrokerLink, _: mqtt5.Packet) -> None:
        await link.send(mqtt5.disconnect(0x87))
        await link.hang()

    first, second = Manners(on={AUTH: refuse_auth}), Manners(on={CONNECT: refuse})
    client = connect(scripted(first, second), "me", authentication=JsonWebToken(get_token), retry=RETRY)
    changes = client.state_changes(timeout=20)
    client.connect()
    reason = next(change.reason for change in changes if change.state == "reconnecting")
    assert re.search(r"re-authentication failed: Not authorized.*\(aud\) should be localhost", reason), reason
    error = until_error(client, azmqtt.AuthenticationFailed)
    assert re.search(r"\(aud\) should be localhost", str(error)), error
    assert "s3cret" not in reason + str(error)


def test_the_plain_broker_speaks(tmp_path):
    """The scripted broker without TLS, with what a client is to leave out."""
    with ScriptedBroker(tmp_path, Manners(), tls=False) as broker:
        with azmqtt.MqttClient("localhost", port=broker.port, tls=False) as client:
            assert client.publish("a", b"").reason_code == 0
        encrypted = azmqtt.MqttClient("localhost", port=broker.port)
        with encrypted, pytest.raises(azmqtt.ConnectionFailed, match="pass tls=False"):
            encrypted.connect()
