"""Module globals, constant ids, and a ``client.loop()`` by hand."""

import json
import sys
import time

from common import HOST, PORT, make_client, say

from azmqtt.paho import TwinPatcher

REPORTED = "$iothub/twin/PATCH/properties/reported/?$rid="
RID_STATUS = "101"
RID_CONFIG = "102"

client = make_client()
twin = TwinPatcher(client, show_answers=True)
is_connected = False
answers = 0


def on_connect(c, userdata, flags, rc):
    global is_connected
    is_connected = rc == 0
    c.subscribe("$iothub/twin/res/#")


def on_message(c, userdata, message):
    global answers
    say("message", message.topic)
    answers += 1


def run_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("it took too long")
        client.loop(0.1)


def report(rid, properties):
    say("status", twin.patch(properties, request_id=rid, timeout=10).status)


client.on_connect = on_connect
client.on_message = on_message
client.connect(HOST, PORT)
run_until(lambda: is_connected)
report(RID_STATUS, {"status": "up"})
run_until(lambda: answers == 1)
report(RID_CONFIG, {"interval": 5})
run_until(lambda: answers == 2)
client.disconnect()
