"""awscrt's client of MQTT 5 against a local namespace: one JSON document in, one out.

Runs where nothing of ours is installed.
"""

import json
import queue
import sys

from awscrt import io, mqtt5

LONG = 20


class Peer:
    """A client whose callbacks wait in a queue."""

    def __init__(self, given, who, *, clean=True, will=None):
        self.messages, states = queue.Queue(), queue.Queue()
        tls = io.TlsContextOptions.create_client_with_mtls_from_path(who["certificate"], who["key"])
        tls.override_default_trust_store_from_path(None, given["ca"])
        options = mqtt5.ClientOptions(
            host_name=given["host"],
            port=given["port"],
            tls_ctx=io.ClientTlsContext(tls),
            connect_options=mqtt5.ConnectPacket(
                client_id=who["id"],
                session_expiry_interval_sec=60,
                will=will and mqtt5.PublishPacket(topic=will, payload="gone", qos=mqtt5.QoS.AT_LEAST_ONCE),
            ),
            session_behavior=mqtt5.ClientSessionBehaviorType.CLEAN
            if clean
            else mqtt5.ClientSessionBehaviorType.REJOIN_ALWAYS,
            # It appends what is meant for AWS to the user name, which is the authentication name here.
            disable_metrics=True,
            on_publish_callback_fn=lambda data: self.messages.put(data.publish_packet),
            on_lifecycle_event_connection_success_fn=lambda data: states.put(data.connack_packet),
            on_lifecycle_event_stopped_fn=lambda _: states.put("stopped"),
            on_lifecycle_event_connection_failure_fn=lambda data: states.put(data.exception),
        )
        self.client = mqtt5.Client(options)
        self.client.start()
        self.states = states
        self.connack = states.get(timeout=LONG)

    def leave(self, *, in_order=True):
        self.client.stop(mqtt5.DisconnectPacket() if in_order else None)
        while self.states.get(timeout=LONG) != "stopped":
            pass

    def subscribe(self, topic):
        packet = mqtt5.SubscribePacket([mqtt5.Subscription(topic, mqtt5.QoS.AT_LEAST_ONCE)])
        return [int(code) for code in self.client.subscribe(packet).result(LONG).reason_codes]

    def publish(self, topic, body, **options):
        packet = mqtt5.PublishPacket(topic=topic, payload=body, **options)
        done = self.client.publish(packet).result(LONG)
        code = done.puback.reason_code if done.puback else None
        return None if code is None else int(code)


def main(given):
    """Try each feature; return what came of it."""
    said = {}
    one, two = given["clients"]
    publisher, subscriber = Peer(given, one, will="contoso/will"), Peer(given, two)
    said["connected"] = [int(publisher.connack.reason_code), int(subscriber.connack.reason_code)]
    said["subscribed"] = subscriber.subscribe("contoso/#")
    said["denied_subscribe"] = subscriber.subscribe("elsewhere/#")
    said["shared"] = subscriber.subscribe("$share/group/contoso/s")
    publisher.publish("contoso/0", "zero", qos=mqtt5.QoS.AT_MOST_ONCE)
    user = [mqtt5.UserProperty("a", "b")]
    said["published"] = publisher.publish(
        "contoso/1", "one", qos=mqtt5.QoS.AT_LEAST_ONCE, retain=True, content_type="text/plain", user_properties=user
    )
    zero, message = subscriber.messages.get(timeout=LONG), subscriber.messages.get(timeout=LONG)
    said["received"] = [zero.payload.decode(), message.payload.decode(), int(message.qos)]
    said["properties"] = [message.content_type, [message.user_properties[0].name, message.user_properties[0].value]]
    subscriber.subscribe("contoso/1")
    kept = subscriber.messages.get(timeout=LONG)
    said["retained"] = [kept.payload.decode(), kept.retain]
    said["denied_publish"] = publisher.publish("elsewhere/1", "denied", qos=mqtt5.QoS.AT_LEAST_ONCE)
    # With its session kept, it comes back to what was published meanwhile.
    subscriber.leave()
    publisher.publish("contoso/2", "meanwhile", qos=mqtt5.QoS.AT_LEAST_ONCE)
    subscriber = Peer(given, two, clean=False)
    said["session"] = [subscriber.connack.session_present, subscriber.messages.get(timeout=LONG).payload.decode()]
    # It goes without a word.
    publisher.leave(in_order=False)
    said["will"] = subscriber.messages.get(timeout=LONG).payload.decode()
    subscriber.leave()
    return said


print(json.dumps(main(json.loads(sys.argv[1]))))
