"""Ids made from the clock: two requests within a second have the same, and one answer is lost from sight."""

import json
import threading
import time

from common import HOST, PORT, make_client, say

from azmqtt.paho import TwinPatcher

ready = threading.Event()
answered = threading.Semaphore(0)
waiting = {}


def on_message(client, userdata, message):
    request_id = message.topic.split("$rid=")[1].split("&")[0]
    say("message", message.topic)
    waiting.pop(request_id, None)
    answered.release()


def report(properties):
    request_id = str(int(time.time()))
    waiting[request_id] = properties
    say("status", twin.patch(properties, timeout=10).status)


client = make_client()
twin = TwinPatcher(client, show_answers=True)
client.on_connect = lambda client, *_: client.subscribe("$iothub/twin/res/#")
client.on_subscribe = lambda *_: ready.set()
client.on_message = on_message
client.connect(HOST, PORT)
client.loop_start()
ready.wait(20)
report({"first": True})
report({"second": True})
for _ in range(2):
    answered.acquire(timeout=20)
client.disconnect()
client.loop_stop()
