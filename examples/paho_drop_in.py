"""Microsoft's sample for direct MQTT, written for paho, with its import changed."""

import ssl
from typing import Any

import azmqtt
from azmqtt.paho import client as mqtt  # before: from paho.mqtt import client as mqtt


def on_connect(client: mqtt.Client, userdata: Any, flags: dict[str, int], rc: int) -> None:
    """Note whether the hub accepted the connection."""
    print("connected with result code", rc)


def on_disconnect(client: mqtt.Client, userdata: Any, rc: int) -> None:
    """Note the end of the connection."""
    print("disconnected with result code", rc)


def on_publish(client: mqtt.Client, userdata: Any, mid: int) -> None:
    """Note that the hub has the message."""
    print("sent message", mid)
    client.disconnect()


def main() -> None:
    """Send one message to a local hub."""
    with azmqtt.LocalHub() as hub:
        # With a real hub: its name, port 8883, and a token for the device; omit ca_certs.
        device_id = hub.create_device("paho-device").device_id
        key = hub.device(device_id).connection_string.rpartition("SharedAccessKey=")[2]
        sas_token = azmqtt.sas.generate(f"localhost/devices/{device_id}", key)

        client = mqtt.Client(client_id=device_id, protocol=mqtt.MQTTv311)
        client.on_connect = on_connect
        client.on_disconnect = on_disconnect
        client.on_publish = on_publish
        client.username_pw_set(f"localhost/{device_id}/?api-version=2021-04-12", sas_token)
        client.tls_set(ca_certs=hub.ca_file, cert_reqs=ssl.CERT_REQUIRED, tls_version=ssl.PROTOCOL_TLSv1_2)
        client.tls_insecure_set(False)
        client.connect("localhost", port=hub.port)
        client.publish(f"devices/{device_id}/messages/events/", '{"id": 123}', qos=1)
        client.loop_forever()

        print("the hub got", hub.wait_for_telemetry(device_id)[0].json())


if __name__ == "__main__":
    main()
