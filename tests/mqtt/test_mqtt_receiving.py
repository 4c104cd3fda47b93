"""What `messages` and `on_message` promise, clause by clause, with a broker that notes each acknowledgement."""

from __future__ import annotations

import queue
import threading

import pytest

import azmqtt
import mqtt5
from mqtt5 import CONNECT, PUBACK, PUBLISH, PUBREC, SUBSCRIBE
from scripted_broker import Manners, ScriptedBroker

RETRY = azmqtt.RetryPolicy(base=0.01, max=0.05)


def send(broker: ScriptedBroker, manners: Manners, *packets: bytes) -> None:
    broker.send(manners.link, b"".join(packets))


def acknowledged(client: azmqtt.MqttClient, manners: Manners) -> list[int]:
    """Return what the client has acknowledged since the last call: what it says stands before its next message."""
    client.publish("barrier", b"")
    found = []
    while True:
        packet = manners.packets.get(timeout=20)
        if packet.kind == PUBLISH:
            return found
        if packet.kind in {PUBACK, PUBREC}:
            found.append(packet.packet_id)


def arrived(client: azmqtt.MqttClient, count: int) -> None:
    """Wait until so many messages have come in."""
    tick = threading.Event()
    while client.stats().messages_received < count:
        assert not tick.wait(0.01)


def test_they_select_and_never_subscribe(scripted, connect):
    manners = Manners()
    broker = scripted(manners)
    client = connect(broker)
    everything, some = client.messages(timeout=20), client.messages("a/+", timeout=20)
    handled = queue.Queue()
    client.on_message("a/#", handled.put)
    client.connect()
    send(broker, manners, mqtt5.publish("a/1", b"1"), mqtt5.publish("b", b"2"), mqtt5.publish("a/1/x", b"3"))
    assert [next(everything).payload for _ in range(3)] == [b"1", b"2", b"3"]
    assert next(some).payload == b"1"
    assert [handled.get(timeout=20).payload for _ in range(2)] == [b"1", b"3"]
    client.publish("barrier", b"")
    assert SUBSCRIBE not in {packet.kind for packet in list(manners.packets.queue)}


def test_iterating_connects_and_brings_what_the_session_holds(scripted, connect):
    """Of a session that the broker has kept, messages come with the connection, before any call could ask for them."""

    async def session(link, _):
        await link.send(mqtt5.connack(session_present=True) + mqtt5.publish("kept", b"x", qos=1, packet_id=3))

    manners = Manners(on={CONNECT: session})
    client = connect(scripted(manners), "me")
    handled = queue.Queue()
    client.on_message("kept", handled.put)
    message = next(client.messages(timeout=20))
    assert (message.topic, message.payload) == ("kept", b"x")
    assert handled.get(timeout=20).topic == "kept"
    assert manners.next(PUBACK).packet_id == 3


@pytest.mark.parametrize("qos", [1, 2])
def test_a_message_is_acknowledged_once_all_have_taken_it(scripted, connect, qos):
    manners = Manners()
    broker = scripted(manners)
    client = connect(broker)
    one, other, third = client.messages(timeout=20), client.messages("a", timeout=20), client.messages("b", timeout=20)
    entered, leave = threading.Event(), threading.Event()

    @client.on_message
    def handler(_):
        entered.set()
        assert leave.wait(30)

    client.connect()
    send(broker, manners, mqtt5.publish("a", b"1", qos=qos, packet_id=1))
    next(one)
    next(other)
    assert entered.wait(20)
    assert acknowledged(client, manners) == [], "nobody is done with it"
    one.close()
    assert acknowledged(client, manners) == []
    # To ask for the next one is to be done with the one before.
    assert other.take() is None
    assert acknowledged(client, manners) == [], "the handler has not returned"
    leave.set()
    assert manners.next(PUBACK if qos == 1 else PUBREC).packet_id == 1
    third.close()


def test_a_handler_that_raises_is_done_with_the_message(scripted, connect):
    manners = Manners()
    broker = scripted(manners)
    client = connect(broker)

    @client.on_message
    def handler(_):
        raise ValueError("of the handler")

    client.connect()
    send(broker, manners, mqtt5.publish("a", b"", qos=1, packet_id=1))
    assert manners.next(PUBACK).packet_id == 1


@pytest.mark.parametrize(("qos", "kind"), [(1, PUBACK), (2, PUBREC)])
def test_what_nobody_wants_is_acknowledged_and_counted(scripted, connect, qos, kind):
    manners = Manners()
    broker = scripted(manners)
    client = connect(broker)
    messages = client.messages("wanted", timeout=20)
    client.connect()
    send(broker, manners, mqtt5.publish("wanted", b"", qos=qos, packet_id=1))
    send(broker, manners, *(mqtt5.publish("unwanted", b"", qos=qos, packet_id=n) for n in (2, 3)))
    # Acknowledgements leave in the order of arrival.
    next(messages)
    arrived(client, 3)
    assert acknowledged(client, manners) == []
    messages.close()
    assert [manners.next(kind).packet_id for _ in range(3)] == [1, 2, 3]
    assert client.stats().messages_unclaimed == 2


def test_an_iterator_that_is_full_holds_acknowledgements_and_the_socket_is_read(scripted, connect):
    manners = Manners()
    broker = scripted(manners)
    client = connect(broker, receive_maximum=6)
    messages = client.messages(timeout=20)
    client.connect()
    assert manners.connects[0].get("receive_maximum") == 6
    for number in range(1, 7):
        send(broker, manners, mqtt5.publish("a", str(number).encode(), qos=1 + number % 2, packet_id=number))
    arrived(client, 6)
    assert acknowledged(client, manners) == [], "nobody has taken any"
    # At QoS 0 the socket is read, and the oldest go.
    flood = b"".join(mqtt5.publish("z", str(number).encode()) for number in range(5000))
    send(broker, manners, flood)
    arrived(client, 5006)
    found = [next(messages) for _ in range(client.stats().messages_waiting)]
    kept = [int(message.payload) for message in found if message.topic == "z"]
    assert [message.text() for message in found if message.topic == "a"] == ["1", "2", "3", "4", "5", "6"]
    assert kept == list(range(5000 - len(kept), 5000)), "the oldest are gone, and no others"
    assert len(found) <= 4096
    assert client.stats().messages_dropped == 5000 - len(kept)
    messages.close()
    assert acknowledged(client, manners) == [1, 2, 3, 4, 5, 6]


def test_an_iterator_is_bounded_by_bytes_as_well(scripted, connect):
    manners = Manners()
    broker = scripted(manners)
    client = connect(broker)
    messages = client.messages(timeout=20)
    client.connect()
    large = bytes(2**20)
    for number in range(20):
        send(broker, manners, mqtt5.publish("z", str(number).encode() + large))
    arrived(client, 20)
    dropped = client.stats().messages_dropped
    assert dropped >= 4, "16 MiB hold 15 of them"
    first = next(messages)
    assert first.payload.startswith(str(dropped).encode() + b"\0")


def test_iterators_and_handlers_go_on_after_a_reconnect(scripted, connect):
    first, second = Manners(), Manners(session_present=True)
    broker = scripted(first, second)
    client = connect(broker, "me", retry=RETRY)
    messages = client.messages("a", timeout=20)
    handled = queue.Queue()
    client.on_message("a", handled.put)
    client.connect()
    send(broker, first, mqtt5.publish("a", b"1", qos=1, packet_id=1))
    assert next(messages).payload == handled.get(timeout=20).payload == b"1"
    broker.drop(first.link)
    second.next(CONNECT)
    client.connect()
    send(broker, second, mqtt5.publish("a", b"2", qos=1, packet_id=1))
    assert next(messages).payload == handled.get(timeout=20).payload == b"2"


def test_what_waits_and_comes_again_is_taken_once(scripted, connect):
    """Not acknowledged when the connection is lost, a message at QoS 1 comes again; the copy that waits goes."""
    first, second = Manners(), Manners(session_present=True)
    broker = scripted(first, second)
    client = connect(broker, "me", retry=RETRY)
    messages = client.messages("a", timeout=20)
    client.connect()
    send(broker, first, *(mqtt5.publish("a", str(n).encode(), qos=1, packet_id=n) for n in (1, 2, 3)))
    assert next(messages).payload == b"1"
    arrived(client, 3)
    broker.drop(first.link)
    second.next(CONNECT)
    client.connect()
    again = [mqtt5.publish("a", str(n).encode(), qos=1, packet_id=n, dup=True) for n in (1, 2, 3)]
    send(broker, second, *again, mqtt5.publish("a", b"4", qos=1, packet_id=4))
    # The one in the application's hands was not acknowledged, and is told apart by its flag alone.
    found = [next(messages) for _ in range(4)]
    assert [(message.payload, message.duplicate) for message in found] == [
        (b"1", True),
        (b"2", True),
        (b"3", True),
        (b"4", False),
    ]
    messages.close()
    assert [second.next(PUBACK).packet_id for _ in range(4)] == [1, 2, 3, 4]


def test_by_hand_no_receiver_acknowledges(scripted, connect):
    manners = Manners()
    broker = scripted(manners)
    client = connect(broker, ack="manual")
    handled = queue.Queue()
    client.on_message("a", handled.put)
    messages = client.messages(timeout=20)
    client.connect()
    send(broker, manners, mqtt5.publish("a", b"", qos=1, packet_id=1), mqtt5.publish("a", b"", qos=2, packet_id=2))
    by_handler = [handled.get(timeout=20) for _ in range(2)]
    by_iterator = [next(messages) for _ in range(2)]
    assert acknowledged(client, manners) == []
    for message in by_handler:
        message.ack()
    assert acknowledged(client, manners) == [], "each receiver has to"
    for message in reversed(by_iterator):
        message.ack()
    assert acknowledged(client, manners) == [1, 2]
