"""``loop_start`` and a ``threading.Event`` for each topic."""

import json
import threading

from common import HOST, PORT, make_client, say

CONNECTED, SUBSCRIBED, ANSWER = "connected", "subscribed", "$iothub/twin/res"
events = {name: threading.Event() for name in (CONNECTED, SUBSCRIBED, ANSWER)}


def on_message(client, userdata, message):
    say("message", message.topic)
    for topic, event in events.items():
        if message.topic.startswith(topic):
            event.set()


def wait_for(name):
    if not events[name].wait(20):
        raise SystemExit("no " + name)
    events[name].clear()


client = make_client()
client.on_connect = lambda *_: events[CONNECTED].set()
client.on_subscribe = lambda *_: events[SUBSCRIBED].set()
client.connect(HOST, PORT)
client.loop_start()
wait_for(CONNECTED)
client.subscribe("$iothub/twin/res/#")
wait_for(SUBSCRIBED)
client.on_message = on_message
for n in range(3):
    client.publish("$iothub/twin/PATCH/properties/reported/?$rid=42", json.dumps({"step": n}))
    wait_for(ANSWER)
client.disconnect()
client.loop_stop()
