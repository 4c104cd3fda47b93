"""Publish to any MQTT broker, and receive: ``python mqtt_publish_subscribe.py HOST PORT CA_FILE``."""

import sys

import azmqtt


def main(hostname: str = "localhost", port: str = "8883", ca_file: str | None = None) -> None:
    """Send readings of two boilers, and print the received ones."""
    with azmqtt.MqttClient(hostname, "dashboard", port=int(port), trust=ca_file) as client:
        # Create the iterator before the subscription, so that no message is missed.
        readings = client.messages("plant/+/temperature", timeout=10)
        print("granted QoS", client.subscribe("plant/#"))

        outcome = client.publish("plant/boiler-7/temperature", {"celsius": 81.5}, message_expiry=60)
        print("somebody may have subscribed:", outcome.matched is not False)
        count = client.publish_many(("plant/boiler-8/temperature", {"celsius": 70 + n}) for n in range(100))
        print(count, "messages acknowledged")

        hottest: dict[str, float] = {}
        for number, message in enumerate(readings, 1):
            celsius = message.json()["celsius"]
            hottest[message.topic] = max(celsius, hottest.get(message.topic, celsius))
            if number == count + 1:
                break
        print(hottest)


if __name__ == "__main__":
    main(*sys.argv[1:])
