"""`azmqtt.MqttClient` and paho-mqtt, through Mosquitto over TLS, in MQTT 5."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

import azmqtt
from mosquitto import Mosquitto

#: Values of properties that are easy to get wrong: repeats in order, all bytes, text beyond ASCII.
PAIRS = [("unit", "°C"), ("a", ""), ("unit", "K")]
CORRELATION = bytes(range(256))


class Paho:
    """paho's client, connected, with what it received."""

    def __init__(self, broker: Mosquitto) -> None:
        self.received: queue.Queue[paho.MQTTMessage] = queue.Queue()
        self._granted: queue.Queue[list[Any]] = queue.Queue()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self.client.tls_set(ca_certs=str(broker.ca_file))
        self.client.on_message = lambda _client, _data, message: self.received.put(message)
        self.client.on_subscribe = lambda _client, _data, _mid, codes, _properties: self._granted.put(codes)
        connected = threading.Event()
        self.client.on_connect = lambda *_: connected.set()
        self.client.connect("localhost", broker.tls_port)
        self.client.loop_start()
        assert connected.wait(20)

    def subscribe(self, topic_filter: str, **options: Any) -> list[int]:
        self.client.subscribe(topic_filter, options=SubscribeOptions(qos=options.pop("qos", 1), **options))
        return [code.value for code in self._granted.get(timeout=20)]

    def publish(self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = False, **properties: Any) -> None:
        given = Properties(PacketTypes.PUBLISH)
        for name, value in properties.items():
            setattr(given, name, value)
        self.client.publish(topic, payload, qos, retain, given).wait_for_publish(20)

    def next(self) -> paho.MQTTMessage:
        return self.received.get(timeout=20)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def peer(mosquitto: Mosquitto) -> Iterator[Paho]:
    client = Paho(mosquitto)
    yield client
    client.close()


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_paho_reads_what_we_publish(mosquitto, connect, peer, qos):
    assert peer.subscribe("to-paho/#", qos=2) == [2]
    connect(mosquitto).publish(
        "to-paho/ä",
        b"\0payload",
        qos=qos,
        user_properties=PAIRS,
        content_type="text/x",
        response_topic="answers/ß",
        correlation_data=CORRELATION,
        message_expiry=60,
        payload_format=0,
    )
    message = peer.next()
    assert (message.topic, message.payload, message.qos, message.retain) == ("to-paho/ä", b"\0payload", qos, False)
    found = message.properties
    assert found.UserProperty == PAIRS
    assert (found.ContentType, found.ResponseTopic, found.CorrelationData) == ("text/x", "answers/ß", CORRELATION)
    assert found.PayloadFormatIndicator == 0
    # Mosquitto's clock of whole seconds may run behind.
    assert found.MessageExpiryInterval in {59, 60, 61}


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_we_read_what_paho_publishes(mosquitto, connect, peer, qos):
    client = connect(mosquitto)
    messages = client.messages("from-paho/#", timeout=20)
    client.subscribe("from-paho/#", qos=2)
    peer.publish(
        "from-paho/ä",
        b"\0payload",
        qos,
        UserProperty=PAIRS,
        ContentType="text/x",
        ResponseTopic="answers/ß",
        CorrelationData=CORRELATION,
        MessageExpiryInterval=60,
        PayloadFormatIndicator=0,
    )
    message = next(messages)
    assert (message.topic, message.payload, message.qos, message.retain) == ("from-paho/ä", b"\0payload", qos, False)
    assert message.user_properties == PAIRS
    assert (message.content_type, message.response_topic) == ("text/x", "answers/ß")
    assert (message.correlation_data, message.payload_format) == (CORRELATION, 0)
    assert message.message_expiry in {59, 60, 61}


def test_what_one_retains_the_other_gets(mosquitto, connect, peer):
    client = connect(mosquitto)
    client.publish("kept/ours", "ours", retain=True)
    peer.subscribe("kept/ours")
    message = peer.next()
    assert (message.payload, message.retain) == (b"ours", True)
    peer.publish("kept/paho", b"paho", retain=True)
    messages = client.messages("kept/paho", timeout=20)
    client.subscribe("kept/paho")
    found = next(messages)
    assert (found.payload, found.retain) == (b"paho", True)
    # With "retain as published" a live message keeps its flag; with handling 2 nothing comes at first.
    peer.subscribe("kept/#", retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
    client.publish("kept/new", b"new", retain=True)
    message = peer.next()
    assert (message.payload, message.retain) == (b"new", True)


def test_both_are_members_of_a_group(mosquitto, connect, peer):
    peer.subscribe("$share/mixed/work")
    client = connect(mosquitto)
    # One queue for both.
    client.on_message("work", peer.received.put)
    client.subscribe("$share/mixed/work")
    assert connect(mosquitto).publish_many(("work", str(n)) for n in range(20)) == 20
    got = [peer.next() for _ in range(20)]
    assert sorted(int(message.payload) for message in got) == list(range(20))
    assert {type(message) for message in got} == {paho.MQTTMessage, azmqtt.MqttMessage}


def test_paho_answers_our_request(mosquitto, connect, peer):
    def answer(_client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        given = Properties(PacketTypes.PUBLISH)
        given.CorrelationData = message.properties.CorrelationData
        peer.client.publish(message.properties.ResponseTopic, message.payload.upper(), 1, properties=given)

    peer.client.message_callback_add("service/upper", answer)
    peer.subscribe("service/upper")
    assert connect(mosquitto, "asks-paho").request("service/upper", b"shout", timeout=20).payload == b"SHOUT"


def test_we_answer_a_request_of_paho(mosquitto, connect, peer):
    server = connect(mosquitto, "answers-paho")
    server.on_message("service/lower", lambda request: server.respond(request, request.payload.lower()))
    server.subscribe("service/lower")
    peer.subscribe("paho/answers")
    peer.publish("service/lower", b"WHISPER", ResponseTopic="paho/answers", CorrelationData=CORRELATION)
    message = peer.next()
    assert (message.payload, message.properties.CorrelationData) == (b"whisper", CORRELATION)


def test_no_local_keeps_our_own_away(mosquitto, connect, peer):
    client = connect(mosquitto)
    messages = client.messages("echo", timeout=20)
    client.subscribe("echo", no_local=True)
    client.publish("echo", b"ours")
    peer.publish("echo", b"theirs")
    assert next(messages).payload == b"theirs"


def test_a_will_reaches_paho_with_its_properties(mosquitto, connect, peer):
    peer.subscribe("gone")
    program = (
        "import azmqtt, os, sys; port, trust = sys.argv[1:]\n"
        "will = azmqtt.Will('gone', 'bye', qos=1, user_properties=[('a', '1'), ('a', '2')], content_type='text/x')\n"
        "client = azmqtt.MqttClient('localhost', port=int(port), trust=trust, will=will)\n"
        "client.connect()\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(mosquitto.tls_port), mosquitto.ca_file], check=True, timeout=50)
    message = peer.next()
    assert (message.payload, message.properties.ContentType) == (b"bye", "text/x")
    assert message.properties.UserProperty == [("a", "1"), ("a", "2")]
