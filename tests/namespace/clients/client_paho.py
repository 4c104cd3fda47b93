"""paho-mqtt against a local namespace: one JSON document in, one out. Runs where nothing of ours is installed."""

import json
import queue
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

LONG = 20


class Peer:
    """A client whose callbacks wait in a queue."""

    def __init__(self, given, who, *, clean=True, will=None):
        self.happened = queue.Queue()
        self.is_v5 = given["version"] == 5
        transport = given["transport"]
        version = {4: mqtt.MQTTv311, 5: mqtt.MQTTv5}[given["version"]]
        options = {} if self.is_v5 else {"clean_session": clean}
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, who["id"], protocol=version, transport=transport, **options
        )
        client.tls_set(given["ca"], who["certificate"], who["key"])
        if will:
            client.will_set(will, "gone", qos=1)
        note = self.happened.put
        client.on_connect = lambda _c, _u, flags, code, _p: note(("connected", code.value, flags.session_present))
        client.on_disconnect = lambda _c, _u, _f, code, _p: note(("disconnected", code.value))
        client.on_subscribe = lambda _c, _u, _m, codes, _p: note(("subscribed", [code.value for code in codes]))
        client.on_unsubscribe = lambda _c, _u, _m, _codes, _p: note(("unsubscribed",))
        client.on_publish = lambda _c, _u, _m, code, _p: note(("published", code.value))
        client.on_message = lambda _c, _u, message: note(("message", message))
        self.client = client
        options = {}
        if self.is_v5:
            session = Properties(PacketTypes.CONNECT)
            session.SessionExpiryInterval = 60
            options = {"clean_start": clean, "properties": session}
        client.connect(given["host"], given["https_port" if transport == "websockets" else "port"], **options)
        client.loop_start()
        self.connack = self.wait("connected")

    def wait(self, kind):
        while True:
            event = self.happened.get(timeout=LONG)
            if event[0] == kind:
                return event[1:]

    def subscribe(self, topic):
        self.client.subscribe(topic, qos=1)
        return self.wait("subscribed")[0]

    def publish(self, topic, body, **options):
        self.client.publish(topic, body, **options)
        return self.wait("published")[0]

    def message(self):
        return self.wait("message")[0]

    def leave(self):
        # What came in is acknowledged before this answer is looked at: a kept session has nothing left to send again.
        self.client.unsubscribe("contoso/barrier")
        self.wait("unsubscribed")
        self.client.disconnect()
        self.wait("disconnected")
        self.client.loop_stop()


def main(given):
    """Try each feature; return what came of it."""
    said = {}
    one, two = given["clients"]
    publisher, subscriber = Peer(given, one, will="contoso/will"), Peer(given, two)
    said["connected"] = [publisher.connack[0], subscriber.connack[0]]
    said["subscribed"] = subscriber.subscribe("contoso/#")
    said["denied_subscribe"] = subscriber.subscribe("elsewhere/#")
    properties = None
    if publisher.is_v5:
        properties = Properties(PacketTypes.PUBLISH)
        properties.ContentType, properties.ResponseTopic = "text/plain", "contoso/answer"
        properties.CorrelationData, properties.UserProperty = b"\1", ("a", "b")
    publisher.publish("contoso/0", "zero", qos=0)
    said["published"] = publisher.publish("contoso/1", "one", qos=1, properties=properties)
    zero, message = subscriber.message(), subscriber.message()
    said["received"] = [zero.payload.decode(), message.payload.decode(), message.qos]
    if publisher.is_v5:
        found = message.properties
        said["properties"] = [found.ContentType, found.ResponseTopic, found.CorrelationData.hex(), found.UserProperty]
        said["shared"] = subscriber.subscribe("$share/group/contoso/s")
    publisher.publish("contoso/kept", "kept", qos=1, retain=True)
    subscriber.message()
    subscriber.subscribe("contoso/kept")
    kept = subscriber.message()
    said["retained"] = [kept.payload.decode(), kept.retain]
    # With its session kept, it comes back to what was published meanwhile.
    subscriber.leave()
    subscriber = Peer(given, two, clean=False)
    if not publisher.is_v5:
        # In 3.1.1 a clean session leaves nothing; this one is kept.
        subscriber.subscribe("contoso/#")
        subscriber.leave()
    else:
        subscriber.leave()
    publisher.publish("contoso/2", "meanwhile", qos=1)
    subscriber = Peer(given, two, clean=False)
    said["session"] = [subscriber.connack[1], subscriber.message().payload.decode()]
    # It goes without a word.
    denied = publisher.client.publish("elsewhere/1", "denied", qos=1)
    said["denied_publish"] = (
        publisher.wait("published")[0] if publisher.is_v5 else publisher.wait("disconnected") and "closed"
    )
    del denied
    publisher.client.loop_stop()
    publisher.client.socket() and publisher.client.socket().close()
    said["will"] = subscriber.message().payload.decode()
    subscriber.leave()
    return said


print(json.dumps(main(json.loads(sys.argv[1]))))
