"""The scripted broker itself, with a client that is not ours: what it writes can be read."""

from __future__ import annotations

import queue

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

import mqtt5
from scripted_broker import Manners, ScriptedBroker


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_paho_understands_it(tmp_path, qos):
    manners = Manners(receive_maximum=10, user_property=("a", "b"))
    with ScriptedBroker(tmp_path, manners) as broker:
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, "me", protocol=paho.MQTTv5)
        client.tls_set(broker.ca_file)
        connected, messages = queue.Queue(), queue.Queue()
        client.on_connect = lambda *args: connected.put(args[3:])
        client.on_message = lambda *args: messages.put(args[2])
        client.connect("localhost", broker.port)
        client.loop_start()
        reason, properties = connected.get(timeout=30)
        assert reason == 0
        assert properties.UserProperty == [("a", "b")]
        sent = Properties(PacketTypes.PUBLISH)
        sent.ContentType = "text/plain"
        client.publish("up", b"1", qos=qos, properties=sent).wait_for_publish(30)
        found = manners.next(mqtt5.PUBLISH)
        assert (found.topic, found.payload, found.qos, found.get("content_type")) == ("up", b"1", qos, "text/plain")
        broker.send(manners.link, mqtt5.publish("down", b"2", qos=qos, correlation_data=b"x"))
        assert messages.get(timeout=30).properties.CorrelationData == b"x"
        client.disconnect()
        client.loop_stop()
