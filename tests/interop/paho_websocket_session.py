"""A session of paho-mqtt, as it comes, over WebSockets against a hub on localhost.

Run by an interpreter that has that package: ``python paho_websocket_session.py PORT DEVICE_ID TOKEN CA_FILE``.
Prints one JSON object with the answer to a request for the twin.
"""

import json
import sys
import threading
from typing import Any

from paho.mqtt import client as mqtt

WAIT = 20.0


def main() -> None:
    """Connect, send messages of several sizes, read the twin."""
    port, device_id, token, ca_file = sys.argv[1:]
    arguments: dict[str, Any] = {"client_id": device_id, "transport": "websockets"}
    if hasattr(mqtt, "CallbackAPIVersion"):
        arguments["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION2
    client = mqtt.Client(**arguments)
    client.ws_set_options(path="/$iothub/websocket")
    client.tls_set(ca_certs=ca_file)
    client.username_pw_set(f"localhost/{device_id}/?api-version=2021-04-12", token)
    connected, subscribed, answered = threading.Event(), threading.Event(), threading.Event()
    seen = {}

    def on_message(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        seen.update(topic=message.topic, twin=message.payload.decode())
        answered.set()

    client.on_connect = lambda *_: connected.set()
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = on_message
    client.connect("localhost", int(port))
    client.loop_start()
    if not connected.wait(WAIT):
        sys.exit("it did not connect")
    for size in (1, 1000, 200_000):
        client.publish(f"devices/{device_id}/messages/events/", b"x" * size, qos=1).wait_for_publish(WAIT)
    client.subscribe("$iothub/twin/res/#")
    if not subscribed.wait(WAIT):
        sys.exit("it did not subscribe")
    client.publish("$iothub/twin/GET/?$rid=1", b"")
    if not answered.wait(WAIT):
        sys.exit("there was no answer")
    client.disconnect()
    client.loop_stop()
    print(json.dumps(seen))


main()
