"""A class that assigns callbacks and filters the answers with ``message_callback_add``."""

import json
import threading

from common import HOST, PORT, make_client, say

from azmqtt.paho import TwinPatcher


class Device:
    def __init__(self):
        self.client = make_client(userdata=self)
        self.twin = TwinPatcher(self.client, show_answers=True)
        self.client.on_connect = self.on_connect
        self.client.on_subscribe = self.on_subscribe
        self.client.on_message = self.on_message
        self.client.message_callback_add("$iothub/twin/res/#", self.on_twin_answer)
        self.ready = threading.Event()
        self.answered = threading.Event()
        self.request_id = 0

    def on_connect(self, client, userdata, flags, rc):
        say("connected", rc, userdata is self)
        client.subscribe("$iothub/twin/res/#")

    def on_subscribe(self, client, userdata, mid, granted_qos):
        say("subscribed", granted_qos)
        self.ready.set()

    def on_message(self, client, userdata, message):
        say("message", message.topic)

    def on_twin_answer(self, client, userdata, message):
        say("answer", message.topic)
        self.answered.set()

    def report(self, properties):
        self.request_id += 1
        topic = "$iothub/twin/PATCH/properties/reported/?$rid=%d" % self.request_id
        say("status", self.twin.patch(properties, timeout=10).status)

    def run(self):
        self.client.connect(HOST, PORT)
        self.client.loop_start()
        self.ready.wait(20)
        self.report({"door": "open"})
        self.answered.wait(20)
        self.client.disconnect()
        self.client.loop_stop()


Device().run()
