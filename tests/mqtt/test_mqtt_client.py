"""`azmqtt.MqttClient` and Mosquitto, over TLS, in both versions of MQTT."""

from __future__ import annotations

import asyncio
import queue
import subprocess
import sys
import threading

import pytest

import azmqtt
from azmqtt import MqttMessage, Published


def test_what_is_published_comes_back(mosquitto, connect, protocol):
    with connect(mosquitto, "one", protocol=protocol) as client:
        messages = client.messages("plant/+", timeout=20)
        assert client.subscribe("plant/#") == (1,)
        assert client.publish("plant/a", {"t": 21.5}) == Published(0, None)
        message = next(messages)
        assert (message.topic, message.json(), message.qos, message.retain) == ("plant/a", {"t": 21.5}, 1, False)
        assert client.publish("plant/b", "Grüße", qos=0).reason_code == 0
        assert next(messages).text() == "Grüße"
        assert client.connected
        stats = client.stats()
        assert (stats.messages_sent, stats.messages_received) == (2, 2)
    assert client.state == "closed"


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_each_quality_of_service(mosquitto, connect, protocol, qos):
    client = connect(mosquitto, protocol=protocol)
    messages = client.messages(timeout=20)
    assert client.subscribe(f"quality/{qos}", qos=2) == (2,)
    client.publish(f"quality/{qos}", b"x", qos=qos)
    message = next(messages)
    assert (message.payload, message.qos) == (b"x", qos)


async def test_the_same_for_await(mosquitto, connect, protocol):
    async with connect(mosquitto, protocol=protocol) as client:
        messages = client.messages("await/#", timeout=20)
        assert await client.subscribe_async("await/#") == (1,)
        await asyncio.gather(*(client.publish_async("await/x", str(n)) for n in range(100)))
        found = [int((await anext(messages)).text()) for _ in range(100)]
        assert found == list(range(100))
        assert await client.unsubscribe_async("await/#") == (0,)


def test_properties_go_both_ways(mosquitto, connect):
    client = connect(mosquitto)
    messages = client.messages(timeout=20)
    client.subscribe("properties")
    client.publish(
        "properties",
        b"x",
        user_properties=[("b", "1"), ("a", "2"), ("b", "3")],
        content_type="text/x",
        response_topic="answers",
        correlation_data=b"\0\xff",
        message_expiry=60,
        payload_format=0,
    )
    message = next(messages)
    assert message.user_properties == [("b", "1"), ("a", "2"), ("b", "3")]
    assert (message.content_type, message.response_topic) == ("text/x", "answers")
    assert (message.correlation_data, message.payload_format) == (b"\0\xff", 0)
    # Mosquitto's clock of whole seconds may run behind.
    assert message.message_expiry in {59, 60, 61}
    # What goes with the kind of payload.
    client.publish("properties", {"a": 1})
    client.publish("properties", "text")
    client.publish("properties", b"bytes")
    kinds = [(message.content_type, message.payload_format) for message in (next(messages) for _ in range(3))]
    assert kinds == [("application/json", 1), ("text/plain", 1), (None, None)]


def test_mqtt_311_has_no_properties(mosquitto, connect):
    client = connect(mosquitto, protocol=4)
    with pytest.raises(azmqtt.NotSupported, match=r"MQTT 3\.1\.1"):
        client.publish("a", b"", content_type="x")
    with pytest.raises(azmqtt.NotSupported, match=r"MQTT 3\.1\.1"):
        client.subscribe("a", no_local=True)
    with pytest.raises(azmqtt.NotSupported, match=r"MQTT 3\.1\.1"):
        client.request("a")
    client.publish("a", {"not": "asked for"})


def test_nobody_has_subscribed(mosquitto, connect):
    assert connect(mosquitto).publish("nobody/listens", b"x") == Published(0x10, matched=False)


def test_many_messages(mosquitto, connect, protocol):
    client = connect(mosquitto, protocol=protocol)
    messages = client.messages(timeout=20)
    client.subscribe("many/#")
    given = [("many/a", str(n)) for n in range(500)] + [MqttMessage("many/b", b"500", qos=1)]
    assert client.publish_many(iter(given)) == 501
    assert [int(next(messages).payload) for _ in range(501)] == list(range(501))


async def test_many_messages_for_await(mosquitto, connect, protocol):
    client = connect(mosquitto, protocol=protocol)
    seen = []

    async def source():
        for number in range(100):
            yield "many/a", str(number)

    assert await client.publish_many_async(source(), progress=lambda done, total: seen.append((done, total))) == 100
    assert seen[-1] == (100, None)
    assert await client.publish_many_async([("many/a", b"")] * 3, qos=0) == 3


def test_every_receiver_gets_a_message(mosquitto, connect, protocol):
    client = connect(mosquitto, protocol=protocol)
    handled = queue.Queue()
    client.on_message("fan/a")(handled.put)
    everything, some = client.messages(timeout=20), client.messages("fan/+", timeout=20)

    @client.on_message
    def anything(message):
        handled.put(message)

    client.subscribe("fan/#")
    client.publish("fan/a", b"x")
    client.publish("other", b"")
    assert next(everything).payload == next(some).payload == b"x"
    assert [handled.get(timeout=20).topic for _ in range(2)] == ["fan/a", "fan/a"]
    with pytest.raises(RuntimeError, match="a handler for messages to 'fan/a' is already registered"):
        client.on_message("fan/a", print)


async def test_an_async_handler(mosquitto, connect, protocol):
    async with connect(mosquitto, protocol=protocol) as client:
        found = asyncio.Queue()

        @client.on_message("handler/#")
        async def handle(message):
            await found.put(message.topic)

        await client.subscribe_async("handler/#")
        await client.publish_async("handler/a", b"")
        assert await asyncio.wait_for(found.get(), 20) == "handler/a"


def test_a_request_and_its_answer(mosquitto, connect):
    server, client = connect(mosquitto, "server"), connect(mosquitto, "client")
    server.on_message("service/double", lambda request: server.respond(request, 2 * request.json()))
    server.subscribe("service/double")
    answer = client.request("service/double", 21)
    assert (answer.json(), answer.topic) == (42, "clients/client/service/double")
    assert client.request("service/double", 1, response_topic="mine/answers").topic == "mine/answers"
    with pytest.raises(ValueError, match="the message has no response topic"):
        client.respond(answer, b"")


async def test_requests_side_by_side(mosquitto, connect):
    server, client = connect(mosquitto, "server2"), connect(mosquitto, "client2")

    @server.on_message("service/echo")
    async def echo(request):
        await server.respond_async(request, request.payload)

    await server.subscribe_async("service/echo")
    answers = await asyncio.gather(*(client.request_async("service/echo", str(n)) for n in range(50)))
    assert [answer.text() for answer in answers] == [str(n) for n in range(50)]
    await server.close_async()


def test_nobody_answers(mosquitto, connect):
    with pytest.raises(azmqtt.RequestTimeout):
        connect(mosquitto, "lonely").request("nobody", b"", timeout=0.5)


def test_acknowledged_by_hand(mosquitto, connect, protocol):
    sender = connect(mosquitto, protocol=protocol)
    first = connect(mosquitto, f"by-hand-{protocol}", protocol=protocol, ack="manual")
    messages = first.messages(timeout=20)
    first.subscribe("hand")
    for number in range(3):
        sender.publish("hand", str(number))
    got = [next(messages) for _ in range(3)]
    got[0].ack()
    got[0].ack()
    first.publish("other", b"")  # behind the acknowledgement
    first.close()
    again = connect(mosquitto, f"by-hand-{protocol}", protocol=protocol, ack="manual")
    left = again.messages(timeout=20)
    redelivered = [next(left) for _ in range(2)]
    assert [(message.text(), message.duplicate) for message in redelivered] == [("1", True), ("2", True)]
    for message in redelivered:
        message.ack()
    with pytest.raises(RuntimeError, match='create it with ack="manual"'):
        MqttMessage("a", qos=1).ack()


def test_retained_messages(mosquitto, connect, protocol):
    client = connect(mosquitto, protocol=protocol)
    client.publish("retained", b"kept", retain=True)
    messages = client.messages(timeout=20)
    client.subscribe("retained")
    assert next(messages).retain
    client.publish("retained", b"", retain=True)


def test_a_shared_subscription(mosquitto, connect):
    members = [connect(mosquitto) for _ in range(2)]
    found = queue.Queue()
    for member in members:
        member.on_message("shared/x", found.put)
        member.subscribe("$share/group/shared/x")
    assert connect(mosquitto).publish_many(("shared/x", str(n)) for n in range(20)) == 20
    assert sorted(int(found.get(timeout=20).payload) for _ in range(20)) == list(range(20))


def test_a_will(mosquitto, connect, protocol):
    watcher = connect(mosquitto, protocol=protocol)
    messages = watcher.messages(timeout=20)
    watcher.subscribe("will")
    program = (
        "import azmqtt, os, sys; port, trust, protocol = sys.argv[1:]; will = azmqtt.Will('will', 'gone', qos=1)\n"
        # A client that nobody keeps says DISCONNECT, and then there is no will.
        "client = azmqtt.MqttClient('localhost', port=int(port), trust=trust, protocol=int(protocol), will=will)\n"
        "client.connect()\n"
        "os._exit(0)"
    )
    arguments = [str(mosquitto.tls_port), mosquitto.ca_file, str(protocol)]
    subprocess.run([sys.executable, "-c", program, *arguments], check=True, timeout=50)
    assert next(messages).text() == "gone"


def test_a_client_certificate_and_a_websocket_do_not_go_together_here(mosquitto, connect, protocol):
    options = {"port": mosquitto.mutual_port, "certificate": mosquitto.client_cert, "private_key": mosquitto.client_key}
    with connect(mosquitto, protocol=protocol, **options) as client:
        client.publish("a", b"")
    with connect(mosquitto, protocol=protocol, port=mosquitto.wss_port, websocket=True) as client:
        client.publish("a", b"")
    plain = {"port": mosquitto.port, "tls": False, "trust": None}
    with connect(mosquitto, protocol=protocol, **plain) as client:
        client.publish("a", b"")


def test_two_processes_of_one_client_id(mosquitto, connect):
    """Mosquitto 2.0.11 sends no DISCONNECT to the first one, whose reason says what it most probably is."""
    first = connect(mosquitto, "twice")
    changes = first.state_changes(timeout=30)
    first.connect()
    program = "import azmqtt, sys; port, trust = sys.argv[1:]\n"
    program += "with azmqtt.MqttClient('localhost', 'twice', port=int(port), trust=trust) as client: client.connect()"
    arguments = [str(mosquitto.tls_port), mosquitto.ca_file]
    subprocess.run([sys.executable, "-c", program, *arguments], check=True, timeout=50)
    reasons = [next(changes).reason for _ in range(3)]
    assert 'another client has connected as "twice"' in str(reasons[-1]) or first.state == "disconnected"


def test_from_any_thread(mosquitto, connect, protocol):
    client = connect(mosquitto, protocol=protocol)
    outcomes = queue.Queue()
    threads = [threading.Thread(target=lambda: outcomes.put(client.publish("thread", b"x"))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert outcomes.qsize() == 10


def test_the_session_outlives_the_client(mosquitto, connect, protocol):
    first = connect(mosquitto, f"sleeper-{protocol}", protocol=protocol)
    first.subscribe("asleep")
    first.close()
    connect(mosquitto, protocol=protocol).publish("asleep", b"x")
    second = connect(mosquitto, f"sleeper-{protocol}", protocol=protocol)
    assert next(second.messages("asleep", timeout=20)).payload == b"x"
    # A clean start forgets it.
    second.close()
    third = connect(mosquitto, f"sleeper-{protocol}", protocol=protocol, clean_start=True)
    messages = third.messages(timeout=0.3)
    connect(mosquitto, protocol=protocol).publish("asleep", b"y")
    assert list(messages) == []


def test_a_broker_that_restarts(mosquitto, connect, protocol):
    client = connect(mosquitto, f"stays-{protocol}", protocol=protocol)
    changes = client.state_changes(timeout=30)
    messages = client.messages("restart", timeout=30)
    client.subscribe("restart")
    mosquitto.stop()
    mosquitto.start()
    client.publish("restart", b"after", timeout=30)
    assert next(messages).payload == b"after"
    states = [next(changes).state for _ in range(4)]
    assert states == ["connecting", "connected", "reconnecting", "connected"]
    assert client.stats().reconnects == 1


def test_nothing_but_a_connection_is_needed_to_be_seen(mosquitto, connect):
    client = connect(mosquitto, "seen")
    assert repr(client) == "MqttClient('localhost', 'seen', disconnected)"
    client.publish("a", b"")
    assert "connected" in client._repr_html_()
    assert "publish_round_trip" in repr(client.stats())
