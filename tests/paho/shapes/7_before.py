"""Callback API version 2, a counter of its own, and a loop by hand. For paho 2.x."""

import itertools
import json
import time

from common import HOST, PORT, make_client, say

counter = itertools.count(1)
pending = {}
client = make_client(api_version=2)


@client.connect_callback()
def on_connect(client, userdata, flags, reason_code, properties):
    say("connected", reason_code)
    client.subscribe("$iothub/twin/res/#")


@client.subscribe_callback()
def on_subscribe(client, userdata, mid, reason_codes, properties):
    say("subscribed", reason_codes)
    pending["subscribe"] = True


@client.message_callback()
def on_message(client, userdata, message):
    request_id = int(message.topic.split("$rid=")[1].split("&")[0])
    say("message", message.topic, request_id)
    pending[request_id] = True


def wait_for(key):
    deadline = time.monotonic() + 20
    while not pending.get(key) and time.monotonic() < deadline:
        client.loop(timeout=0.1)


def report(properties):
    request_id = next(counter)
    client.publish(f"$iothub/twin/PATCH/properties/reported/?$rid={request_id}", json.dumps(properties))
    wait_for(request_id)


client.connect(HOST, PORT)
wait_for("subscribe")
report({"level": 1})
report({"level": 2})
client.disconnect()
