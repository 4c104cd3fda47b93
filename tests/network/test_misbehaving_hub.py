"""What a caller sees of a hub that refuses, hangs, cuts the line, or answers rubbish: a typed error or a recovery."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import azmqtt
from logs import lines_until
from scripted_hub import CONNACK, CONNECT, Link, Script, ScriptedHub, packet, publish

KEY = base64.b64encode(b"an example key, not a secret one").decode()
CONNECTION_STRING = f"HostName=localhost;DeviceId=dev1;SharedAccessKey={KEY}"

Run = Callable[..., "contextmanager[azmqtt.DeviceClient]"]


@pytest.fixture
def hub_and_client(tmp_path: Path) -> Callable[..., object]:
    """Run scripts, and give a client of theirs."""

    @contextmanager
    def run(*scripts: Script, tls: bool = True) -> Iterator[tuple[ScriptedHub, azmqtt.DeviceClient]]:
        with ScriptedHub(tmp_path, *scripts, tls=tls) as hub:
            client = azmqtt.DeviceClient.from_connection_string(
                CONNECTION_STRING,
                port=hub.port,
                trust=hub.ca_file,
                timeout=10,
                retry=azmqtt.RetryPolicy(base=0.02, max=0.2),
            )
            try:
                yield hub, client
            finally:
                client.close(timeout=0)

    return run


async def well_behaved(link: Link) -> None:
    """Acknowledge every message and answer every twin request."""
    await link.accept()
    version = 1
    while True:
        message = await link.next_publish()
        if message.packet_id:
            await link.acknowledge(message)
        elif "/twin/GET/" in message.topic:
            body = b'{"desired":{"$version":1},"reported":{"$version":%d}}' % version
            await link.answer_twin(message, 200, body)
        elif "/twin/PATCH/" in message.topic:
            version += 1
            await link.answer_twin(message, 204, version=version)


def test_plaintext_server(hub_and_client):
    async def speak_first(link: Link) -> None:
        await link.send(b"220 mail.example.com ESMTP\r\n")
        await link.hang()

    with hub_and_client(speak_first, tls=False) as (_, client):
        with pytest.raises(azmqtt.ConnectionFailed, match="TLS") as caught:
            client.connect()
        assert caught.value.step == "TLS"


def test_handshake_that_hangs_ends_with_the_call(hub_and_client):
    with hub_and_client(Link.hang, tls=False) as (_, client):
        with pytest.raises(azmqtt.RequestTimeout):
            client.connect(timeout=0.5)
        with pytest.raises(azmqtt.RequestTimeout):
            client.send_message(b"x", timeout=0.5)


def test_unknown_root_is_told(hub_and_client, tmp_path):
    with hub_and_client(well_behaved) as (hub, _):
        other = azmqtt.DeviceClient.from_connection_string(CONNECTION_STRING, port=hub.port)
        with pytest.raises(azmqtt.ConnectionFailed, match="trust"):
            other.connect(timeout=10)
        other.close()


def test_no_connack_ends_with_the_call(hub_and_client):
    with hub_and_client(Link.hang) as (_, client), pytest.raises(azmqtt.RequestTimeout):
        client.connect(timeout=0.5)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (1, azmqtt.ConnectionFailed),
        (2, azmqtt.AuthenticationFailed),
        (3, azmqtt.ConnectionFailed),
        (4, azmqtt.AuthenticationFailed),
        (5, azmqtt.AuthenticationFailed),
    ],
)
def test_refused_connect_is_typed(hub_and_client, code, error):
    async def refuse(link: Link) -> None:
        assert (await link.receive()).kind == CONNECT
        await link.send(packet(CONNACK, bytes([0, code])))
        await link.hang()

    with hub_and_client(refuse) as (hub, client):
        with pytest.raises(error, match=f"CONNACK {code}"):
            client.connect()
        # A refused token is signed anew once, and no more.
        assert hub.connections == (2 if error is azmqtt.AuthenticationFailed else 1)
        assert client.state == "disconnected"


def test_line_closed_before_connack(hub_and_client):
    async def close(link: Link) -> None:
        await link.receive()

    with hub_and_client(close) as (_, client), pytest.raises(azmqtt.ConnectionFailed, match="CONNACK"):
        client.connect()


@pytest.mark.parametrize(
    "rubbish",
    [
        pytest.param(b"\x30\x05\x00\x10abc", id="topic past the end"),
        pytest.param(b"\x32\x07\x00\x03abc\x00\x00", id="packet id 0"),
        pytest.param(b"\xff\xff\xff\xff\xff\xff", id="no packet at all"),
        pytest.param(b"\x30\xff\xff\xff\x7f", id="larger than any message"),
        pytest.param(b"\x40\x03\x00", id="cut in mid-packet"),
        pytest.param(b"\x10\x00", id="CONNECT from the server"),
    ],
)
def test_rubbish_in_mid_connection_is_survived(hub_and_client, rubbish):
    async def spoil(link: Link) -> None:
        await link.accept()
        await link.next_publish()  # not acknowledged: it must come again
        await link.send(rubbish)

    with hub_and_client(spoil, well_behaved) as (hub, client):
        client.send_message(b"kept")
        assert hub.connections == 2
        assert client.stats()["connections_lost"] == 1


def test_acknowledgement_that_never_comes(hub_and_client):
    async def deaf(link: Link) -> None:
        await link.accept()
        while True:
            await link.next_publish()

    with hub_and_client(deaf) as (_, client):
        with pytest.raises(azmqtt.RequestTimeout, match="send_message"):
            client.send_message(b"x", timeout=0.3)
        with pytest.raises(azmqtt.RequestTimeout) as caught:
            client.send_messages([b"1", b"2"], timeout=0.3)
        assert caught.value.acknowledged == 0
        with pytest.raises(azmqtt.RequestTimeout, match="get_twin"):
            client.get_twin(timeout=0.3)


def test_answers_to_nobody_are_dropped(hub_and_client):
    async def confused(link: Link) -> None:
        await link.accept()
        request = await link.next_publish()
        for topic in ("204/?$rid=nobody&$version=9", "204/?$version=9", "banana/?$rid=1", "204"):
            await link.send(publish(f"$iothub/twin/res/{topic}", b"{"))
        await link.answer_twin(request, 204, version=7)
        await link.answer_twin(request, 204, version=8)  # once more
        await link.answer_twin(await link.next_publish(), 204, version=9)
        await link.hang()

    with hub_and_client(confused) as (_, client):
        assert client.patch_reported_properties({"a": 1}).version == 7
        assert client.patch_reported_properties({"a": 2}).version == 9
        assert client.stats()["twin_answers_unmatched"] >= 2


@pytest.mark.parametrize(
    ("status", "body", "error", "code"),
    [
        (400, b'{"errorCode":400004,"trackingId":"T1","message":"bad"}', azmqtt.RequestFailed, 400004),
        (412, b'{"errorCode":412001,"trackingId":"T1","message":"bad"}', azmqtt.PreconditionFailed, 412001),
        (429, b'{"errorCode":429001,"trackingId":"T1","message":"bad"}', azmqtt.Throttled, 429001),
        (503, b"<html>gateway</html>", azmqtt.RequestFailed, None),
        (500, b"", azmqtt.RequestFailed, None),
        (500, b"[" * 100_000, azmqtt.RequestFailed, None),
        (500, b"\xff\xfe", azmqtt.RequestFailed, None),
    ],
)
def test_refused_patch_is_typed(hub_and_client, status, body, error, code):
    async def refuse(link: Link) -> None:
        await link.accept()
        await link.answer_twin(await link.next_publish(), status, body)
        await link.hang()

    with hub_and_client(refuse) as (_, client):
        with pytest.raises(error) as caught:
            client.patch_reported_properties({"a": 1})
        assert type(caught.value) is error
        assert caught.value.status == status
        assert caught.value.error_code == code
        if code is not None:
            assert (caught.value.tracking_id, caught.value.message) == ("T1", "bad")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"desired":{}}', b'{"desired":{"$version":1},"reported":7}', b"{" * 5000, b"\xff"],
)
def test_twin_that_makes_no_sense(hub_and_client, body):
    async def babble(link: Link) -> None:
        await link.accept()
        await link.answer_twin(await link.next_publish(), 200, body)
        await link.hang()

    with hub_and_client(babble) as (_, client), pytest.raises(azmqtt.BadAnswer):
        client.get_twin()


def test_patch_without_a_version_in_its_answer(hub_and_client):
    async def forget(link: Link) -> None:
        await link.accept()
        await link.answer_twin(await link.next_publish(), 204)
        await link.hang()

    with hub_and_client(forget) as (_, client), pytest.raises(azmqtt.BadAnswer, match="version"):
        client.patch_reported_properties({"a": 1})


def test_request_is_published_again_after_a_lost_connection(hub_and_client):
    async def vanish(link: Link) -> None:
        await link.accept()
        await link.next_publish()

    with hub_and_client(vanish, well_behaved) as (hub, client):
        assert client.patch_reported_properties({"a": 1}).version == 2
        assert hub.connections == 2


def test_conditional_patch_is_not_published_again(hub_and_client):
    async def vanish(link: Link) -> None:
        await link.accept()
        await link.next_publish()

    with hub_and_client(vanish, well_behaved) as (_, client), pytest.raises(azmqtt.ConnectionLost):
        client.patch_reported_properties({"a": 1}, if_version=1)


def test_refused_subscription_is_told(hub_and_client):
    async def refuse(link: Link) -> None:
        await link.accept()
        subscribe = await link.receive()
        await link.send(packet(9, subscribe.packet_id + b"\x80"))
        await link.hang()

    with hub_and_client(refuse) as (_, client), pytest.raises(azmqtt.BadAnswer, match="subscription"):
        client.get_twin()


def test_hub_that_takes_subscriptions_and_then_closes_is_not_stormed(hub_and_client, caplog):
    async def close_after_subscribe(link: Link) -> None:
        await link.accept()
        await link.receive()

    with hub_and_client(close_after_subscribe) as (hub, client):
        # What the error says depends on whether the time is over on a connection or between two.
        with pytest.raises(azmqtt.RequestTimeout, match=r"no answer to get_twin within 1\.5 s"):
            client.get_twin(timeout=1.5)
        lines_until(caplog, "the hub closed the connection")
        # 0.02 s doubling to 0.2 s, with jitter: far from a storm.
        assert 2 <= hub.connections <= 60
