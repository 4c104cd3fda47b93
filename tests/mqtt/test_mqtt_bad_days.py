"""Brokers of MQTT 5 that misbehave: each is a typed error or a recovery, within its bound."""

from __future__ import annotations

import asyncio
import queue
import threading

import pytest

import azmqtt
import mqtt5
from mqtt5 import AUTH, CONNACK, CONNECT, PUBACK, PUBLISH, PUBREC, PUBREL, SUBSCRIBE
from scripted_broker import BrokerLink, Manners, until_error

#: How soon a client tries again.
RETRY = azmqtt.RetryPolicy(base=0.01, max=0.05)


def answering(connack: bytes):
    """A broker that answers CONNECT with these bytes, and waits."""

    async def script(link: BrokerLink) -> None:
        await link.expect(CONNECT)
        await link.send(connack)
        await link.hang()

    return script


# CONNECT


@pytest.mark.parametrize(
    ("connack", "error"),
    [
        (mqtt5.connack(0x87, reason_string="no such client"), azmqtt.AuthenticationFailed),
        (mqtt5.connack(0x86), azmqtt.AuthenticationFailed),
        (mqtt5.connack(0x8C), azmqtt.AuthenticationFailed),
        (mqtt5.connack(0x85), azmqtt.ConnectionFailed),
        (mqtt5.connack(0x88), azmqtt.ConnectionFailed),
        (mqtt5.connack(0x83), azmqtt.ConnectionFailed),
        (mqtt5.connack(0x9C, server_reference="other.example.com:8883"), azmqtt.ServerMoved),
        (mqtt5.connack(0x9D, server_reference="other.example.com"), azmqtt.ServerMoved),
    ],
)
def test_a_broker_that_refuses(scripted, connect, connack, error):
    with pytest.raises(error) as raised:
        connect(scripted(answering(connack))).connect()
    assert raised.value.reason_code == connack[3]
    assert isinstance(raised.value, azmqtt.Error)
    if error is azmqtt.ServerMoved:
        assert raised.value.server_reference.startswith("other.example.com")
    if connack[3] == 0x87:
        assert "no such client" in str(raised.value)


BAD_CONNACKS = {
    "doubled": mqtt5.connack(0, ("receive_maximum", 1), ("receive_maximum", 1)),
    "zero": mqtt5.connack(0, receive_maximum=0),
    "of another packet": mqtt5.connack(0, topic_alias=1),
    "of the client": mqtt5.connack(0, request_problem_information=1),
    "no boolean": mqtt5.connack(0, retain_available=2),
    "unknown": mqtt5.packet(CONNACK, b"\0\0\2\x7f\0"),
    "too long": mqtt5.packet(CONNACK, b"\0\0\x0a\x21\0"),
    "not minimal": mqtt5.packet(CONNACK, b"\0\0\x80\0"),
    "reserved flags": mqtt5.packet(CONNACK, b"\2\0\0"),
    "unknown reason": mqtt5.packet(CONNACK, b"\0\x7f\0"),
    "no UTF-8": mqtt5.packet(CONNACK, b"\0\0\x04\x1f\0\x01\xff"),
    "session present and refused": mqtt5.connack(0x87, session_present=True),
    "another packet": mqtt5.publish("a"),
    "a second one": mqtt5.connack() + mqtt5.connack(),
}


@pytest.mark.parametrize("connack", BAD_CONNACKS.values(), ids=BAD_CONNACKS)
def test_a_connack_that_breaks_a_rule(scripted, connect, connack):
    client = connect(scripted(answering(connack), Manners()), retry=RETRY)
    try:
        client.connect()
    except (azmqtt.ConnectionFailed, azmqtt.ConnectionLost, azmqtt.AuthenticationFailed):
        client.connect()
    # Whatever the first connection was, the second one is good.
    assert client.publish("a", b"").reason_code == 0
    assert client.stats().connects <= 2


def test_a_broker_that_says_nothing(scripted, connect):
    async def silent(link: BrokerLink) -> None:
        await link.hang()

    with pytest.raises(azmqtt.RequestTimeout, match=r"within 0\.5 s"):
        connect(scripted(silent)).connect(timeout=0.5)


# The limits of CONNACK


def test_what_is_sent_obeys_the_limits(scripted, connect):
    manners = Manners(
        maximum_qos=0, retain_available=0, maximum_packet_size=200, wildcard_available=0, shared_available=0,
        server_keep_alive=7, assigned_client_id="given",
    )  # fmt: skip
    client = connect(scripted(manners))
    for call in (
        lambda: client.publish("a", b"", qos=1),
        lambda: client.publish("a", b"", qos=2),
        lambda: client.publish("a", b"", qos=0, retain=True),
        lambda: client.subscribe("a/#"),
        lambda: client.subscribe("$share/g/a"),
    ):
        client.connect()
        with pytest.raises(azmqtt.NotSupported):
            call()
    assert client.client_id == "given"
    with pytest.raises(azmqtt.MessageTooLarge, match="200"):
        client.publish("a", b"x" * 200, qos=0)
    client.publish("a", b"x" * 100, qos=0)
    assert manners.next(PUBLISH).payload == b"x" * 100
    assert len(manners.received) == 1
    assert len(manners.connects) == 1


def test_one_message_at_a_time(scripted, connect):
    open_now, most = set(), []

    async def slow(link: BrokerLink, found: mqtt5.Packet) -> None:
        open_now.add(found.packet_id)
        most.append(len(open_now))
        await asyncio.sleep(0)
        open_now.discard(found.packet_id)
        await link.send(mqtt5.answer(PUBACK, found.packet_id))

    client = connect(scripted(Manners(receive_maximum=1, on={PUBLISH: slow})))
    assert client.publish_many(("a", str(n)) for n in range(50)) == 50
    assert most == [1] * 50


def test_topics_get_an_alias_without_being_asked_for_one(scripted, connect):
    """An alias is given with the first message of a topic, and stands in its place after that."""
    manners = Manners(topic_alias_maximum=2)
    client = connect(scripted(manners))
    assert client.publish_many((f"topic/{name}", b"") for name in "ababcc") == 6
    seen = [(packet.topic, packet.get("topic_alias")) for packet in manners.received]
    # The third topic takes the alias that was not used for longest.
    assert seen == [("topic/a", 1), ("topic/b", 2), ("", 1), ("", 2), ("topic/c", 1), ("", 1)]


# PUBLISH


def test_a_message_that_is_refused(scripted, connect):
    async def refuse(link: BrokerLink, found: mqtt5.Packet) -> None:
        reason = 0x87 if found.topic == "secret" else 0
        kind = PUBACK if found.qos == 1 else mqtt5.PUBREC
        text = {"reason_string": "not yours"} if reason else {}
        await link.send(mqtt5.answer(kind, found.packet_id, reason, **text))

    client = connect(scripted(Manners(on={PUBLISH: refuse})))
    for qos in (1, 2):
        with pytest.raises(azmqtt.PublishRefused, match="not yours") as raised:
            client.publish("secret", b"", qos=qos)
        assert (raised.value.reason_code, raised.value.reason_string) == (0x87, "not yours")
    topics = ["a", "secret", "b", "secret", "c"]
    with pytest.raises(azmqtt.PublishRefused) as raised:
        client.publish_many((topic, b"") for topic in topics)
    assert (raised.value.acknowledged, raised.value.refused, raised.value.reason_code) == (3, 2, 0x87)
    assert client.connected


def test_a_filter_that_is_refused(scripted, connect):
    async def refuse(link: BrokerLink, found: mqtt5.Packet) -> None:
        reasons = [0x87 if name == "secret" else 1 for name, _ in found.filters]
        await link.send(mqtt5.granted(mqtt5.SUBACK, found.packet_id, reasons, reason_string="outside"))

    client = connect(scripted(Manners(on={SUBSCRIBE: refuse})))
    with pytest.raises(azmqtt.SubscribeRefused, match="outside") as raised:
        client.subscribe("a", "secret")
    assert raised.value.reason_codes == (1, 0x87)
    assert client.subscribe("a") == (1,)


def test_suback_with_too_few_codes(scripted, connect):
    async def few(link: BrokerLink, found: mqtt5.Packet) -> None:
        await link.send(mqtt5.granted(mqtt5.SUBACK, found.packet_id, [1]))

    client = connect(scripted(Manners(on={SUBSCRIBE: few}), Manners()), retry=RETRY)
    try:
        assert client.subscribe("a", "b") == (1, 1)
    except azmqtt.Error:
        assert client.subscribe("a", "b") == (1, 1)


# What arrives

BAD_PUBLISHES = {
    "alias 0": mqtt5.publish("a", b"", topic_alias=0),
    "alias above the maximum": mqtt5.publish("a", b"", topic_alias=17),
    "alias that is unknown": mqtt5.publish("", b"", topic_alias=3),
    "no topic": mqtt5.publish("", b""),
    "a wildcard": mqtt5.publish("a/#", b""),
    "QoS 3": mqtt5.packet(PUBLISH, b"\0\1a\0\1\0", 6),
    "packet id 0": mqtt5.publish("a", b"", qos=1, packet_id=0),
    "a doubled property": mqtt5.publish("a", b"", ("content_type", "x"), ("content_type", "y")),
    "a property of another packet": mqtt5.publish("a", b"", receive_maximum=1),
    "a format that is none": mqtt5.publish("a", b"", payload_format=2),
    "subscription id 0": mqtt5.publish("a", b"", subscription_id=0),
    "a response topic with a wildcard": mqtt5.publish("a", b"", response_topic="+"),
    "text with U+0000": mqtt5.publish("a\0", b""),
    "properties that end too late": mqtt5.packet(PUBLISH, b"\0\1a\x09\x01\0"),
    "a packet of no type": b"\0\0",
    "a length of five bytes": b"\x30\xff\xff\xff\xff\x01",
    "larger than the client takes": mqtt5.publish("a", b"x" * 2000),
    "PUBACK for nothing, with flags": mqtt5.packet(PUBACK, b"\0\1", 1),
    "PINGREQ": mqtt5.packet(mqtt5.PINGREQ),
    "AUTH for nothing": mqtt5.auth(0x18, authentication_method="X"),
}


@pytest.mark.parametrize("bad", BAD_PUBLISHES.values(), ids=BAD_PUBLISHES)
def test_a_packet_that_breaks_a_rule_ends_the_connection(scripted, connect, bad):
    """It ends on arrival, with a DISCONNECT that says why, and the client comes back."""
    first, second = Manners(), Manners()
    broker = scripted(first, second)
    client = connect(broker, retry=RETRY, max_packet_size=1000)
    messages = client.messages(timeout=20)
    client.connect()
    broker.send(first.link, bad)
    reason = first.next(mqtt5.DISCONNECT).reason
    assert reason >= 0x80
    second.next(CONNECT)
    client.connect()
    broker.send(second.link, mqtt5.publish("good", b"", topic_alias=16) + mqtt5.publish("", b"2", topic_alias=16))
    assert [next(messages).topic for _ in range(2)] == ["good", "good"]


#: Those that a server may send (MQTT 5 §3.14.2.1), but for the ones that are the application's to judge.
REASONS = [
    *(0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99),
    *(0x9A, 0x9B, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2),
]


@pytest.mark.parametrize("reason", REASONS)
def test_a_broker_that_disconnects_with_a_reason(scripted, connect, reason):
    async def once(link: BrokerLink, found: mqtt5.Packet) -> None:
        await link.send(mqtt5.disconnect(reason, reason_string="because"))

    client = connect(scripted(Manners(on={PUBLISH: once}), Manners()), "me", retry=RETRY)
    changes = client.state_changes(timeout=20)
    # The session is lost, the message is sent again.
    assert client.publish("a", b"").reason_code == 0
    why = next(change.reason for change in changes if change.state == "reconnecting")
    assert "because" in why


def test_a_session_that_is_taken_over(scripted, connect):
    first, second = Manners(), Manners()
    broker = scripted(first, second)
    client = connect(broker, "me", retry=RETRY)
    client.connect()
    broker.send(first.link, mqtt5.disconnect(0x8E))
    assert until_error(client, azmqtt.SessionTakenOver).reason_code == 0x8E
    assert broker.connections == 1, "it does not fight back"
    client.connect()
    assert client.publish("a", b"").reason_code == 0
    assert broker.connections == 2


@pytest.mark.parametrize("reason", [0x9C, 0x9D])
def test_a_broker_that_has_moved(scripted, connect, reason):
    first = Manners()
    broker = scripted(first)
    client = connect(broker, "me", retry=RETRY)
    client.connect()
    broker.send(first.link, mqtt5.disconnect(reason, server_reference="other.example.com"))
    error = until_error(client, azmqtt.ServerMoved)
    assert (error.reason_code, error.server_reference) == (reason, "other.example.com")
    assert broker.connections == 1


# Requests


def test_answers_that_belong_to_nothing(scripted, connect):
    async def answer(link: BrokerLink, found: mqtt5.Packet) -> None:
        await link.send(mqtt5.answer(PUBACK, found.packet_id))
        topic, data = found.get("response_topic"), found.get("correlation_data")
        wrong = mqtt5.publish(topic, b"wrong", correlation_data=data[::-1], retain=True)
        none = mqtt5.publish(topic, b"none")
        await link.send(wrong + none + mqtt5.publish(topic, b"right", correlation_data=data))
        await link.send(mqtt5.publish(topic, b"again", correlation_data=data))

    client = connect(scripted(Manners(on={PUBLISH: answer})), "me")
    answer_to = client.request("service", b"x")
    assert answer_to.payload == b"right"
    assert len(answer_to.correlation_data) == 16
    client.request("service", b"x")
    assert client.stats().replies_unmatched >= 3


# Sessions


class Forgetful(Manners):
    """A broker that drops the first connection at its first message, and has forgotten the session then."""

    def __init__(self, at: int = PUBLISH, **named: object) -> None:
        super().__init__(on={at: self.drop}, **named)

    async def drop(self, link: BrokerLink, _: mqtt5.Packet) -> None:
        link.writer.transport.abort()


def test_a_lost_session_is_restored(scripted, connect):
    second = Manners()
    client = connect(scripted(Forgetful(), second), "me", retry=RETRY)
    client.subscribe("a/#")
    client.publish("b", b"x")
    assert second.next(SUBSCRIBE).filters == [("a/#", 1)]
    assert [(message.payload, message.dup) for message in second.received] == [(b"x", False)]
    assert client.stats().sessions_lost == 1


def test_a_session_that_is_kept(scripted, connect):
    second = Manners(session_present=True)
    client = connect(scripted(Forgetful(), second), "me", retry=RETRY)
    client.publish("b", b"x")
    assert [(message.payload, message.dup) for message in second.received] == [(b"x", True)]
    assert not second.connects[0].clean_start


def test_a_lost_session_that_is_an_error(scripted, connect):
    second = Manners()
    broker = scripted(Forgetful(), second)
    client = connect(broker, "me", retry=RETRY, lost_session="fail")
    client.subscribe("a")
    with pytest.raises(azmqtt.SessionLost):
        client.publish("b", b"x")
    with pytest.raises(azmqtt.SessionLost):
        client.publish("b", b"y")
    client.connect()
    client.publish("b", b"z")
    assert [message.payload for message in second.received] == [b"z"]


def test_a_broker_that_lies_about_the_session(scripted, connect):
    """Session present on the first connection, of a client that wanted a new one."""
    first = answering(mqtt5.connack(session_present=True))
    client = connect(scripted(first, Manners()), "me", retry=RETRY, clean_start=True)
    try:
        client.connect()
    except azmqtt.Error:
        client.connect()
    assert client.publish("a", b"").reason_code == 0


@pytest.mark.parametrize("qos", [1, 2])
def test_a_broker_that_says_it_has_the_session_and_has_not(scripted, connect, qos):
    """It has forgotten the packet identifiers: every call has its outcome all the same, and nothing is sent twice."""

    async def unknown(link: BrokerLink, found: mqtt5.Packet) -> None:
        await link.send(mqtt5.answer(mqtt5.PUBCOMP, found.packet_id, 0x92))

    second = Manners(session_present=True, on={PUBREL: unknown})
    broker = scripted(Forgetful(PUBLISH if qos == 1 else PUBREL), second)
    client = connect(broker, "me", retry=RETRY)
    assert client.publish("a", b"x", qos=qos).reason_code == 0
    client.publish("a", b"y", qos=qos)
    assert [message.payload for message in second.received] == ([b"x", b"y"] if qos == 1 else [b"y"])
    assert broker.connections == 2


def test_qos_1_is_doubled_only_where_its_acknowledgement_was_lost(scripted, connect):
    """A connection is lost in a flood; what comes again is what was never acknowledged, in its order."""
    acknowledged, seen = [], []

    async def half(link: BrokerLink, found: mqtt5.Packet) -> None:
        seen.append(found.payload)
        if len(seen) > 60:
            link.writer.transport.abort()
        elif len(seen) <= 50:
            await link.send(mqtt5.answer(PUBACK, found.packet_id))
            acknowledged.append(found.payload)

    second = Manners(session_present=True)
    client = connect(scripted(Manners(on={PUBLISH: half}, receive_maximum=20), second), "me", retry=RETRY)
    everything = [str(number).encode() for number in range(200)]
    assert client.publish_many(("a", payload) for payload in everything) == 200
    again = [message.payload for message in second.received if message.dup]
    fresh = [message.payload for message in second.received if not message.dup]
    assert not set(again) & set(acknowledged)
    assert seen[50:] == again[: len(seen) - 50]
    assert acknowledged + again + fresh == everything


@pytest.mark.parametrize(("at", "error"), [(PUBLISH, azmqtt.DeliveryUnknown), (PUBREL, None)])
def test_a_message_at_qos_2_when_the_session_is_lost(scripted, connect, at, error):
    second = Manners()
    client = connect(scripted(Forgetful(at), second), "me", retry=RETRY)
    if error is None:
        # The broker has said that it has the message.
        assert client.publish("a", b"x", qos=2).reason_code == 0
    else:
        with pytest.raises(error):
            client.publish("a", b"x", qos=2)
    client.publish("a", b"y")
    assert [message.payload for message in second.received] == [b"y"]


def test_a_message_at_qos_2_in_a_session_that_lives(scripted, connect):
    second = Manners(session_present=True)
    client = connect(scripted(Forgetful(PUBREL), second), "me", retry=RETRY)
    client.publish("a", b"x", qos=2)
    assert second.received == []


def test_messages_at_qos_2_arrive_once(scripted, connect):
    async def hold(link: BrokerLink, found: mqtt5.Packet) -> None:
        """No PUBREL: the connection is lost before it."""

    first, second = Manners(on={PUBREC: hold}), Manners(session_present=True)
    broker = scripted(first, second)
    client = connect(broker, "me", retry=RETRY)
    found = queue.Queue()
    client.on_message(lambda message: found.put(message.payload))
    client.connect()
    broker.send(first.link, mqtt5.publish("a", b"1", qos=2, packet_id=7))
    first.next(PUBREC)
    broker.drop(first.link)
    second.next(CONNECT)
    broker.send(second.link, mqtt5.publish("a", b"1", qos=2, packet_id=7, dup=True))
    second.next(PUBREC)
    second.next(mqtt5.PUBCOMP)
    broker.send(second.link, mqtt5.publish("a", b"2", qos=2, packet_id=7))
    assert [found.get(timeout=20) for _ in range(2)] == [b"1", b"2"]


def test_a_message_that_expires_while_it_waits(scripted, connect):
    client = connect(scripted(answering(b"")), retry=azmqtt.RetryPolicy(first_connect=True))
    with pytest.raises((azmqtt.MessageExpired, azmqtt.RequestTimeout)):
        client.publish("a", b"", message_expiry=1, timeout=3)


# Receivers that are full


def test_a_receiver_that_nobody_empties(scripted, connect):
    manners = Manners()
    broker = scripted(manners)
    client = connect(broker, receive_maximum=8)
    messages = client.messages(timeout=20)
    client.connect()
    assert manners.connects[0].get("receive_maximum") == 8
    for number in range(1, 9):
        broker.send(manners.link, mqtt5.publish("a", str(number).encode(), qos=1, packet_id=number))
    # The socket is read all the same.
    broker.send(manners.link, b"".join(mqtt5.publish("b", b"x" * 100) for _ in range(6000)))
    client.publish("still", b"alive")
    stats = client.stats()
    assert stats.messages_received >= 8
    assert [next(messages).text() for _ in range(8)] == [str(number) for number in range(1, 9)]
    deadline = threading.Event()
    while client.stats().messages_dropped == 0:
        assert not deadline.wait(0.01)
    assert client.stats().messages_waiting <= 4096


def test_unclaimed_messages_are_acknowledged_and_counted(scripted, connect):
    manners = Manners()
    broker = scripted(manners)
    client = connect(broker)
    client.connect()
    broker.send(manners.link, mqtt5.publish("a", b"", qos=1, packet_id=5))
    assert manners.next(PUBACK).packet_id == 5
    assert client.stats().messages_unclaimed == 1


def test_acknowledgements_keep_the_order_of_arrival(scripted, connect):
    manners = Manners()
    broker = scripted(manners)
    client = connect(broker, ack="manual")
    messages = client.messages(timeout=20)
    client.connect()
    for number in (11, 12, 13):
        broker.send(manners.link, mqtt5.publish("a", b"", qos=1, packet_id=number))
    got = [next(messages) for _ in range(3)]
    for index in (2, 0, 1):
        got[index].ack()
    assert [manners.next(PUBACK).packet_id for _ in range(3)] == [11, 12, 13]


def test_no_auth_without_a_method(scripted, connect):
    manners = Manners()
    client = connect(scripted(manners))
    client.connect()
    assert manners.connects[0].get("authentication_method") is None
    assert AUTH not in {packet.kind for packet in list(manners.packets.queue)}
