"""Keep your paho client, and get an answer to every change of the reported properties."""

import threading
from typing import Any

import paho.mqtt.client as mqtt

import azmqtt
from azmqtt.paho import TwinPatcher, configure


def main() -> None:
    """Report a property, follow a setting and read the twin, with a paho client that runs its own loop."""
    with azmqtt.LocalHub() as hub:
        device = hub.create_device("pump")

        # An existing application: its client, its callbacks, its loop.
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.on_message = lambda _client, _userdata, message: print("on_message:", message.topic.split("?")[0])

        # Client id, user name, a fresh SAS token for each connection, and TLS. With a real hub, omit `trust`.
        host = configure(client, device.connection_string, trust=hub.ca_file)
        twin = TwinPatcher(client)
        client.connect(host, hub.port)
        client.loop_start()

        result = twin.patch({"firmware": "1.1"}, timeout=10)
        print("status", result.status, "version", result.version)
        try:
            twin.patch({"firmware": "1.2"}, if_version=1, timeout=10)
        except azmqtt.PreconditionFailed as error:
            print("refused:", error.status)

        done = threading.Event()

        @twin.on_desired
        def changed(change: azmqtt.DesiredPatch) -> None:
            # This runs on paho's thread, which must not block, so use a future instead of patch().
            future = twin.patch_future({"interval": change["interval"]}, timeout=10)

            def reported(outcome: Any) -> None:
                print("reported:", outcome.result().status)
                done.set()

            future.add_done_callback(reported)

        # Changes are reported relative to this read.
        print("interval:", twin.get(timeout=10).desired.get("interval"))
        hub.patch_desired("pump", {"interval": 30})
        done.wait(10)
        print(hub.twin("pump")["properties"]["reported"]["interval"])

        twin.close()
        client.disconnect()
        client.loop_stop()


if __name__ == "__main__":
    main()
