"""The documentation's snippet: a constant ``$rid``, QoS 0, and the answer is nobody's business."""

import json
import threading

from common import HOST, PORT, make_client, say

from azmqtt.paho import TwinPatcher

connected = threading.Event()


def on_connect(client, userdata, flags, rc):
    say("connected", rc)
    connected.set()


def on_publish(client, userdata, mid):
    pass


client = make_client()
client.on_connect = on_connect
client.on_publish = on_publish
client.connect(HOST, PORT)
client.loop_start()
connected.wait(20)

rid = 1
topic = "$iothub/twin/PATCH/properties/reported/?$rid=" + str(rid)
twin = TwinPatcher(client)
say("status", twin.patch({"firmware": "1.1"}, timeout=10).status)

client.disconnect()
client.loop_stop()
