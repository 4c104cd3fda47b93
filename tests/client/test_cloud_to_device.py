"""Messages to a device: every property, at least once, and what their sender hears of them."""

from __future__ import annotations

import base64
import datetime as dt
import itertools
import threading
import time

import pytest

import azmqtt
from scripted_hub import PUBACK, PUBLISH, SUBACK, SUBSCRIBE, Link, ScriptedHub, packet

KEY = base64.b64encode(b"an example key, not a secret one").decode()
TOPIC = "devices/dev1/messages/devicebound/"
RETRY = azmqtt.RetryPolicy(base=0.02, max=0.2)


def until(condition, timeout=10):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


def deliver(bag: str, packet_id: int, body: bytes = b"", flags: int = 0b0010) -> bytes:
    """A QoS 1 message."""
    topic = (TOPIC + bag).encode()
    return packet(PUBLISH, len(topic).to_bytes(2, "big") + topic + packet_id.to_bytes(2, "big") + body, flags=flags)


async def acknowledged(link: Link) -> bytes:
    """Wait for a PUBACK; subscriptions are granted meanwhile."""
    while True:
        got = await link.receive()
        if got.kind == PUBACK:
            return got.packet_id
        if got.kind == SUBSCRIBE:
            await link.send(packet(SUBACK, got.packet_id + b"\1"))


def scripted_client(hub: ScriptedHub) -> azmqtt.DeviceClient:
    return azmqtt.DeviceClient.from_connection_string(
        f"HostName=localhost;DeviceId=dev1;SharedAccessKey={KEY}", port=hub.port, trust=hub.ca_file, retry=RETRY
    )


ENCODED = (
    "%24.mid=m%3A1&%24.cid=c&%24.uid=u&%24.to=%2Fdevices%2Fdev1%2Fmessages%2FdeviceBound&%24.exp=2030-01-01T00%3A00%3A00Z"
    "&%24.ctime=2026-01-01T00%3A00%3A00Z&%24.ct=application%2Fjson&%24.ce=utf-8&iothub-ack=full"
    "&null&empty=&k=a%2Bb%20c%26&%24.unknown=x&iothub-foo=bar"
)


@pytest.mark.parametrize("bag", [ENCODED, ENCODED.replace("%24", "$"), ENCODED.replace("%24", "$").replace("%3A", ":")])
def test_every_property_encoded_and_raw(tmp_path, bag):
    async def script(link: Link) -> None:
        await link.accept()
        await link.send(deliver(bag, 7, b"{}"))
        await acknowledged(link)

    with ScriptedHub(tmp_path, script) as hub, scripted_client(hub) as client:
        message = next(client.messages(timeout=10))
        client.close(timeout=0)
    assert (message.message_id, message.correlation_id, message.user_id) == ("m:1", "c", "u")
    assert message.to == "/devices/dev1/messages/deviceBound"
    assert (message.expiry, message.creation_time) == ("2030-01-01T00:00:00Z", "2026-01-01T00:00:00Z")
    assert (message.content_type, message.content_encoding, message.ack) == ("application/json", "utf-8", "full")
    assert message.properties == {
        "null": "",
        "empty": "",
        "k": "a+b c&",
        "$.unknown": "x",
        "iothub-foo": "bar",
    }


def test_properties_that_cannot_be_read_do_not_hide_the_body(tmp_path):
    async def script(link: Link) -> None:
        await link.accept()
        await link.send(deliver("%ff=%f", 1, b"still here"))
        await acknowledged(link)

    with ScriptedHub(tmp_path, script) as hub, scripted_client(hub) as client:
        message = next(client.messages(timeout=10))
        assert message.body == b"still here"
        with pytest.raises(ValueError, match="percent-encoded"):
            message.properties  # noqa: B018 - it raises
        client.close(timeout=0)


def test_messages_before_the_subscription_is_answered_are_not_lost(tmp_path):
    """A session that the hub remembers delivers right after CONNACK."""
    seen = threading.Event()

    async def script(link: Link) -> None:
        await link.accept()
        await link.send(b"".join(deliver("", n, b"%d" % n) for n in (1, 2)))
        # The application may take the first before the subscription is on its way.
        got, early = await link.receive(), []
        while got.kind != SUBSCRIBE:
            early.append(got.packet_id)
            got = await link.receive()
        await link.send(deliver("", 3, b"3"))
        await link.send(packet(SUBACK, got.packet_id + b"\1"))
        acknowledgements = early + [await acknowledged(link) for _ in range(3 - len(early))]
        assert acknowledgements == [n.to_bytes(2, "big") for n in (1, 2, 3)]
        seen.set()
        await link.hang()

    with ScriptedHub(tmp_path, script) as hub, scripted_client(hub) as client:
        client.connect()
        messages = client.messages(timeout=10)
        assert [message.body for message in itertools.islice(messages, 3)] == [b"1", b"2", b"3"]
        messages.close()
        assert seen.wait(10)
        client.close(timeout=0)


def test_at_least_once_over_dropped_connections(hub):
    device_id = hub.create_device().device_id
    with hub.device_client(device_id, retry=RETRY) as client:
        received = []
        sent = [b"%d" % n for n in range(20)]
        for body in sent:
            hub.send_c2d(device_id, body, ack="full")
        for count, message in enumerate(client.messages(timeout=0.5)):
            received.append(message.body)
            if count in (3, 10, 17):
                hub.disconnect(device_id)
        until(lambda: hub.pending_c2d(device_id) == 0)
    # Nothing is missing, and what comes again comes after what it was sent before.
    assert list(dict.fromkeys(received)) == sent
    assert len(hub.wait_for_feedback(device_id, count=20)) == 20


def test_a_device_that_was_off_gets_what_was_sent_meanwhile(hub):
    device_id = hub.create_device().device_id
    with hub.device_client(device_id) as client:
        assert list(client.messages(timeout=0.05)) == []
    hub.send_c2d(device_id, "while you were away")
    with hub.device_client(device_id) as client:
        assert next(client.messages(timeout=10)).text() == "while you were away"


def test_a_slow_application_loses_nothing_and_sees_again_what_it_kept_too_long():
    with azmqtt.LocalHub(c2d_lock=0.2) as hub, hub.device_client("slow") as client:
        for n in range(5):
            hub.send_c2d("slow", b"%d" % n, ack="positive")
        received = []
        for message in client.messages(timeout=1):
            if not received:
                time.sleep(0.5)
            received.append(message.body)
        assert set(received) == {b"%d" % n for n in range(5)}
        assert len(received) > 5, "a lock ran out: at least once"
        assert hub.pending_c2d("slow") == 0
        assert sorted(record.original_message_id for record in hub.feedback("slow")) == sorted(
            {record.original_message_id for record in hub.feedback("slow")}
        )
        assert len(hub.feedback("slow")) == 5


def test_feedback(hub):
    device_id = hub.create_device().device_id
    before = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
    assert hub.send_c2d(device_id, "x", message_id="m1", correlation_id="c1", ack="positive") == "m1"
    with hub.device_client(device_id) as client:
        message = next(client.messages(timeout=10))
        assert (message.message_id, message.correlation_id, message.ack) == ("m1", "c1", "positive")
    (record,) = hub.wait_for_feedback(device_id)
    assert record.enqueued_time >= before
    shape = record.as_dict()
    assert list(shape) == [
        "originalMessageId",
        "enqueuedTimeUtc",
        "statusCode",
        "description",
        "deviceId",
        "deviceGenerationId",
    ]
    assert (shape["originalMessageId"], shape["statusCode"], shape["deviceId"]) == ("m1", "Success", device_id)
    assert shape["deviceGenerationId"].isdigit()
    with pytest.raises(TimeoutError, match="1 of 2 records"):
        hub.wait_for_feedback(device_id, count=2, timeout=0)


def test_expiry_and_purge(hub):
    device_id = hub.create_device().device_id
    past = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)
    old = hub.send_c2d(device_id, "x", ack="negative", expiry=past)
    short = hub.send_c2d(device_id, "x", ack="full", ttl=0.05)
    records = hub.wait_for_feedback(device_id, count=2)
    assert [(r.original_message_id, r.status_code) for r in records] == [(old, "Expired"), (short, "Expired")]
    purged = hub.send_c2d(device_id, "x", ack="full")
    assert hub.purge_c2d(device_id) == 1
    last = hub.feedback(device_id)[-1]
    assert (last.original_message_id, last.status_code, last.description) == (purged, "Purged", "Message purged")
    assert hub.pending_c2d(device_id) == 0


def test_null_and_empty_values(hub):
    device_id = hub.create_device().device_id
    hub.send_c2d(device_id, "x", {"null": None, "empty": "", "k": "v"}, content_type="text/plain")
    with hub.device_client(device_id) as client:
        message = next(client.messages(timeout=10))
    assert message.properties == {"null": "", "empty": "", "k": "v"}
    assert message.content_type == "text/plain"


def test_arguments_that_break_a_rule(hub):
    device_id = hub.create_device().device_id
    with pytest.raises(ValueError, match="ack"):
        hub.send_c2d(device_id, "x", ack="sometimes")
    with pytest.raises(ValueError, match="time zone"):
        hub.send_c2d(device_id, "x", expiry=dt.datetime(2030, 1, 1))
    with pytest.raises(ValueError, match="exclude each other"):
        hub.send_c2d(device_id, "x", ttl=1, expiry=dt.datetime.now(dt.timezone.utc))
    with pytest.raises(ValueError, match="ttl must be"):
        hub.send_c2d(device_id, "x", ttl=-1)
    with pytest.raises(LookupError):
        hub.purge_c2d("nobody")
    with pytest.raises(ValueError, match="c2d_max_delivery_count"):
        azmqtt.LocalHub(c2d_max_delivery_count=0)


def test_messages_wait_over_a_restart_of_the_hub(tmp_path):
    with azmqtt.LocalHub(state=tmp_path / "state") as hub:
        hub.create_device("dev1")
        for body in ("a", "b"):
            hub.send_c2d("dev1", body)
        with hub.device_client("dev1") as client:
            messages = client.messages(timeout=10)
            assert next(messages).text() == "a"
            messages.close()
            until(lambda: hub.pending_c2d("dev1") == 1)
    with azmqtt.LocalHub(state=tmp_path / "state") as hub:
        assert hub.pending_c2d("dev1") == 1
        with hub.device_client("dev1") as client:
            assert next(client.messages(timeout=10)).text() == "b"
