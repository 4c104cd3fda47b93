"""What was published on a local namespace: looked at, waited for, asserted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from unittest.mock import ANY

import pytest

import azmqtt


@pytest.fixture(scope="module")
def namespace() -> Iterator[azmqtt.LocalNamespace]:
    """A namespace on which every client may publish and subscribe everywhere."""
    with azmqtt.LocalNamespace(maximum_client_sessions_per_authentication_name=100) as namespace:
        namespace.create_topic_space("everything", ["#"])
        for name in ("Publisher", "Subscriber"):
            namespace.create_permission_binding(name, topic_space_name="everything", permission=name)
        yield namespace


@pytest.fixture
def client(namespace: azmqtt.LocalNamespace, request: pytest.FixtureRequest) -> Iterator[azmqtt.MqttClient]:
    name = request.node.name.partition("[")[0][:100]
    with namespace.mqtt_client(name, session_expiry=0) as client:
        yield client


def last(namespace: azmqtt.LocalNamespace) -> int:
    """Return the number of the newest message."""
    return max((message.sequence for message in namespace.messages()), default=0)


def test_a_message_has_all_that_was_sent(namespace, client):
    client.publish(
        "all/of/it",
        {"a": 1},
        retain=True,
        user_properties=[("x", "1"), ("x", "2")],
        response_topic="answers",
        correlation_data=b"7",
        message_expiry=60,
    )
    [message] = namespace.messages("all/#")
    assert (message.topic, message.json(), message.text, message.qos) == ("all/of/it", {"a": 1}, '{"a":1}', 1)
    assert (message.retain, message.user_properties) == (True, (("x", "1"), ("x", "2")))
    assert (message.content_type, message.payload_format) == ("application/json", 1)
    assert (message.response_topic, message.correlation_data, message.message_expiry) == ("answers", b"7", 60)
    assert message.authentication_name == message.client_id == "test_a_message_has_all_that_was_sent"


def test_messages_are_found_by_filter_and_number(namespace, client):
    start = last(namespace)
    for topic in ("found/a", "found/b", "other/a", "found/a"):
        client.publish(topic, topic)
    numbers = [message.sequence - start for message in namespace.messages("found/+", after=start)]
    assert numbers == [1, 2, 4]
    assert len(namespace.messages("+/a", after=start + 1)) == 2
    with pytest.raises(ValueError, match="topic_filter"):
        namespace.messages("a/#/b")


def test_what_is_refused_is_not_among_them(namespace, client):
    start = last(namespace)
    namespace.update_topic_space("everything", topic_templates=["nothing"])
    try:
        with pytest.raises(azmqtt.PublishRefused):
            client.publish("refused", b"")
    finally:
        namespace.update_topic_space("everything", topic_templates=["#"])
    assert namespace.messages(after=start) == []


def test_a_will_is_among_them(namespace):
    start = last(namespace)
    will = azmqtt.Will("wills/a", b"gone")
    with namespace.mqtt_client("will", will=will, session_expiry=0) as client:
        client.connect()
        namespace.update_client("will", enabled=False)
        message = namespace.wait_for_message("wills/#", 20, after=start)
    assert (message.payload, message.authentication_name) == (b"gone", "will")


def test_a_wait_ends_with_the_message(namespace, client):
    start = last(namespace)
    client.publish("early", b"")
    assert namespace.wait_for_message("early", after=start).topic == "early"
    later = threading.Timer(0.1, client.publish, ["late", {"temperature": 31}])
    later.start()
    try:
        found = namespace.wait_for_message(lambda message: message.topic == "late", 20, after=start)
    finally:
        later.join()
    assert found == namespace.wait_for_message("late", predicate=lambda message: message.json()["temperature"] > 30)


def test_a_wait_that_ends_in_vain_shows_what_came(namespace, client):
    start = last(namespace)
    client.publish("other", "what came")
    with pytest.raises(TimeoutError, match=r"1 came, the last of them:\n  .* other what came"):
        namespace.wait_for_message(lambda message: message.topic == "this", 0.05, after=start)
    with pytest.raises(TimeoutError, match="none came"):
        namespace.wait_for_message("this", 0, after=start)
    with pytest.raises(ValueError, match="topic_filter"):
        namespace.wait_for_message("a/#/b", 0)
    with pytest.raises(TypeError, match="predicate is given twice"):
        namespace.wait_for_message(bool, 0, predicate=bool)


def test_waits_and_assertions_for_asyncio(namespace, client):
    start = last(namespace)

    async def session() -> None:
        waiting = asyncio.create_task(namespace.wait_for_message_async("async/#", 20, after=start))
        await asyncio.sleep(0)
        await client.publish_async("async/a", b"x")
        assert (await waiting).payload == b"x"
        await namespace.assert_messages_async("async/#", [b"x"], after=start)

    asyncio.run(session())


def test_assertions_hold(namespace, client):
    start = last(namespace)
    client.publish("held/a", {"t": 21.5, "at": 7})
    client.publish("held/b", "text", user_properties={"a": "b"})
    client.publish("held/c", b"\xff")
    expected = [
        {"t": pytest.approx(21.5), "at": ANY},
        azmqtt.MqttMessage("held/b", "text", user_properties={"a": "b"}),
        b"\xff",
    ]
    messages = namespace.assert_messages("held/#", expected, after=start)
    assert [message.topic for message in messages] == ["held/a", "held/b", "held/c"]
    namespace.assert_messages("held/b", [lambda message: message.text == "text"], after=start)
    namespace.assert_messages("nobody/#", [])


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ([{"t": 22}, "text"], r"messages\[0\].payload.t: expected 22, got 21"),
        ([{"t": 21}], r"messages\[1\]: unexpected b"),
        ([{"t": 21}, "text", "more"], r'messages\[2\]: expected "more", got nothing within 0.2 s'),
        (
            [{"t": 21}, azmqtt.MqttMessage("differs/c", "text")],
            r'messages\[1\].topic: expected "differs/c", got "differs/b"',
        ),
        ([{"t": 21}, azmqtt.MqttMessage("differs/b", "text", content_type="x")], r'content_type: expected "x"'),
        ([bool, lambda _: False], r"messages\[1\]: <lambda> says no to b"),
    ],
)
def test_assertions_say_what_differs(namespace, client, expected, said):
    start = last(namespace)
    client.publish("differs/a", {"t": 21})
    client.publish("differs/b", "text")
    with pytest.raises(AssertionError, match="messages on differs/#:\n  ") as failed:
        namespace.assert_messages("differs/#", expected, after=start, timeout=0.2)
    failed.match(said)


def test_without_a_record_there_is_nothing_to_look_at():
    with azmqtt.LocalNamespace(record=False) as namespace, pytest.raises(RuntimeError, match="record=True"):
        namespace.messages()


def test_what_was_recorded_can_be_read_when_the_namespace_is_stopped():
    with azmqtt.LocalNamespace() as namespace:
        namespace.create_topic_space("everything", ["#"])
        namespace.create_permission_binding("publish", topic_space_name="everything", permission="Publisher")
        with namespace.mqtt_client("client1") as client:
            client.publish("a", b"x")
    assert [message.payload for message in namespace.messages()] == [b"x"]
    assert namespace.wait_for_message("a").payload == b"x"
    with pytest.raises(RuntimeError, match="the namespace is stopped"):
        namespace.wait_for_message("b", None)
