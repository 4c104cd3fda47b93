"""Receive cloud-to-device messages, with feedback for their sender."""

import azmqtt


def main() -> None:
    """Send three orders to a device and read the feedback."""
    with azmqtt.LocalHub() as hub:
        hub.create_device("pump")
        for order in ("start", "faster", "stop"):
            hub.send_c2d("pump", order, {"from": "the office"}, message_id=f"order-{order}", ack="full")

        with hub.device_client("pump") as device:
            for message in device.messages(timeout=10):
                print(f"{message.message_id}: {message.text()!r} from {message.properties['from']}")
                # The client completes the message when the loop asks for the next one, or ends.
                if message.text() == "stop":
                    break

        for record in hub.wait_for_feedback("pump", count=3):
            print(record.original_message_id, record.status_code)


if __name__ == "__main__":
    main()
