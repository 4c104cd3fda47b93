"""A publish inside ``on_message``: the device reports the setting that it was sent."""

import json
import threading

from common import HOST, PORT, make_client, say

answered = threading.Event()


def on_connect(client, userdata, flags, rc):
    client.subscribe([("$iothub/twin/res/#", 0), ("$iothub/twin/PATCH/properties/desired/#", 0)])


def on_subscribe(client, userdata, mid, granted_qos):
    say("ready")


def on_message(client, userdata, message):
    say("message", message.topic)
    if message.topic.startswith("$iothub/twin/res/"):
        answered.set()
        return
    interval = json.loads(message.payload)["interval"]
    client.publish("$iothub/twin/PATCH/properties/reported/?$rid=7", json.dumps({"interval": interval}))


client = make_client()
client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
client.connect(HOST, PORT)
client.loop_start()
answered.wait(20)
client.disconnect()
client.loop_stop()
