"""Everyday types and ``json_default`` in whatever a client of a broker publishes."""

from __future__ import annotations

import asyncio
import threading
from decimal import Decimal

import numpy as np
import pytest

import azmqtt

VALUE = {"t": np.array([np.float32(0.1)]), "point": {1, 2}, "exact": Decimal("1.10")}
TEXT = '{"t":[0.1],"point":[1,2],"exact":1.10}'


def of_set(value):
    if isinstance(value, set):
        return sorted(value)
    raise TypeError


PUBLISHING = {
    "publish": lambda client, topic: client.publish(topic, VALUE),
    "publish_async": lambda client, topic: asyncio.run(client.publish_async(topic, VALUE)),
    "publish_many": lambda client, topic: client.publish_many([(topic, VALUE)]),
    "publish_many_async": lambda client, topic: asyncio.run(client.publish_many_async([(topic, VALUE)])),
    "MqttMessage": lambda client, topic: client.publish_many([azmqtt.MqttMessage(topic, VALUE, json_default=of_set)]),
}


@pytest.mark.parametrize("publish", PUBLISHING.values(), ids=PUBLISHING)
def test_publishing(mosquitto, connect, publish, request):
    topic = f"types/{request.node.name}"
    with connect(mosquitto, json_default=of_set) as client:
        messages = client.messages(timeout=10)
        client.subscribe(topic)
        publish(client, topic)
        message = next(messages)
    assert message.text() == TEXT
    assert message.content_type == "application/json"


def test_requests(mosquitto, connect):
    with connect(mosquitto, "asks", json_default=of_set) as client, connect(mosquitto, json_default=of_set) as server:
        requests = server.messages(timeout=10)
        server.subscribe("ask")
        got = []

        def serve():
            request = next(requests)
            got.append(request.text())
            server.respond(request, VALUE)

        thread = threading.Thread(target=serve)
        thread.start()
        assert client.request("ask", VALUE).text() == TEXT
        thread.join(10)
        assert got == [TEXT]


def test_a_will():
    will = azmqtt.Will("gone", VALUE)
    azmqtt.MqttClient("localhost", will=will, json_default=of_set)
    with pytest.raises(TypeError, match=r"will\.payload\.point: set is not JSON"):
        azmqtt.MqttClient("localhost", will=will)


def test_what_nobody_knows(mosquitto, connect):
    with connect(mosquitto) as client:
        with pytest.raises(TypeError, match=r"payload\.point: set is not JSON"):
            client.publish("t", VALUE)
        with pytest.raises(TypeError, match=r"payload\.point: set is not JSON"):
            client.publish_many([("t", VALUE)])
    with pytest.raises(TypeError, match=r"payload\.point: set is not JSON"):
        azmqtt.MqttMessage("t", VALUE)
