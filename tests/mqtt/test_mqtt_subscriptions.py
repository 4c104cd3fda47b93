"""Subscriptions with identifiers (MQTT 5 §3.8.2.1.2): what is asked for, what arrives, and what remains of them."""

from __future__ import annotations

import pytest

import azmqtt
import mqtt5
from mqtt5 import PUBLISH, SUBSCRIBE
from scripted_broker import BrokerLink, Manners

RETRY = azmqtt.RetryPolicy(base=0.01, max=0.05)


def test_messages_say_which_subscriptions_they_match(mosquitto, connect):
    client = connect(mosquitto)
    messages = client.messages("numbered/#", timeout=20)
    assert client.subscribe("numbered/#", subscription_identifier=7) == (1,)
    assert client.subscribe("numbered/a", "numbered/b", subscription_identifier=2**28 - 1) == (1, 1)
    client.subscribe("numbered/+/plain")
    client.publish("numbered/c", b"")
    assert next(messages).subscription_identifiers == (7,)
    client.publish("numbered/a", b"")
    # A broker may send one copy for all subscriptions, or one for each (MQTT 5 §3.3.4).
    found = set(next(messages).subscription_identifiers)
    if len(found) == 1:
        found |= set(next(messages).subscription_identifiers)
    assert found == {7, 2**28 - 1}


async def test_the_same_for_await(mosquitto, connect):
    client = connect(mosquitto)
    messages = client.messages("awaited", timeout=20)
    assert await client.subscribe_async("awaited", subscription_identifier=3) == (1,)
    await client.publish_async("awaited", b"")
    assert (await anext(messages)).subscription_identifiers == (3,)


def test_a_message_that_is_passed_on_leaves_its_identifiers(mosquitto, connect):
    """A client may not send any [MQTT-3.3.4-6]."""
    client = connect(mosquitto)
    arrived, passed = client.messages("from/+", timeout=20), client.messages("to/+", timeout=20)
    client.subscribe("from/+", subscription_identifier=1)
    client.subscribe("to/+", subscription_identifier=2)
    client.publish("from/a", b"x", user_properties=[("a", "b")])
    message = next(arrived)
    assert message.subscription_identifiers == (1,)
    client.publish_many([message])
    again = next(arrived)
    assert (again.subscription_identifiers, again.user_properties) == ((1,), [("a", "b")])
    assert passed.take() is None


@pytest.mark.parametrize("call", ["subscribe", "unsubscribe"])
@pytest.mark.parametrize(
    ("filters", "said"),
    [
        (("a", 1), "topic_filter must be str, not int: the QoS goes by name, {call}(topic_filter, qos=1)"),
        ((["a", "b"],), "topic_filter must be str, not list: {call} takes filters one by one, {call}(*filters)"),
        ((("a", 1),), "topic_filter must be str, not tuple: {call} takes filters one by one, {call}(*filters)"),
        (("a", print), "topic_filter must be str, not a function: handlers are for on_message, not for {call}"),
        ((), "{call} takes at least one topic filter"),
    ],
)
def test_what_paho_would_take_is_explained(connect, mosquitto, call, filters, said):
    client = connect(mosquitto)
    with pytest.raises(TypeError) as raised:
        getattr(client, call)(*filters)
    assert str(raised.value) == said.format(call=call)
    assert client.stats().connects == 0, "nothing was sent"


def test_no_identifier_is_sent(scripted, connect):
    manners = Manners()
    broker = scripted(manners)
    client = connect(broker)
    arrived = client.messages(timeout=20)
    client.connect()
    broker.send(manners.link, mqtt5.publish("a", b"x", subscription_id=1))
    client.publish_many([next(arrived)])
    assert manners.next(PUBLISH).all("subscription_id") == []


def test_a_broker_without_identifiers(scripted, connect):
    manners = Manners(subscription_ids_available=0)
    client = connect(scripted(manners))
    with pytest.raises(azmqtt.NotSupported, match="subscription identifiers"):
        client.subscribe("a", subscription_identifier=1)
    assert client.subscribe("b") == (1,)
    assert manners.next(SUBSCRIBE).filters == [("b", 1)]
    assert len(manners.connects) == 1


def test_mqtt_311_has_none(connect, mosquitto):
    client = connect(mosquitto, protocol=4)
    with pytest.raises(azmqtt.NotSupported, match=r"MQTT 3\.1\.1 has no subscription identifiers"):
        client.subscribe("a", subscription_identifier=1)
    assert client.subscribe("a") == (1,)


@pytest.mark.parametrize(
    ("number", "error"), [(0, ValueError), (2**28, ValueError), (True, TypeError), ("1", TypeError)]
)
def test_what_is_no_identifier(connect, scripted, number, error):
    with pytest.raises(error, match="subscription_identifier"):
        connect(scripted()).subscribe("a", subscription_identifier=number)


def test_they_come_back_after_a_lost_session(scripted, connect):
    async def drop(link: BrokerLink, _: mqtt5.Packet) -> None:
        link.writer.transport.abort()

    first, second = Manners(on={mqtt5.PUBLISH: drop}), Manners()
    client = connect(scripted(first, second), "me", retry=RETRY)
    client.subscribe("a", "b", subscription_identifier=5)
    client.subscribe("c")
    client.subscribe("d", subscription_identifier=6)
    client.subscribe("b", subscription_identifier=6)  # in place of the one before
    client.publish("x", b"")
    asked = [second.next(SUBSCRIBE) for _ in range(3)]
    assert [(packet.all("subscription_id"), [name for name, _ in packet.filters]) for packet in asked] == [
        ([5], ["a"]),
        ([], ["c"]),
        ([6], ["d", "b"]),
    ]
