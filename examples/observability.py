"""Monitor a device: its state changes, statistics, the log, and the progress of many messages."""

import logging
import sys

import azmqtt


def main() -> None:
    """Send over a connection that breaks, and show what happens."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="log: %(message)s")
    quickly = azmqtt.RetryPolicy(base=0.05, max=0.5)

    with azmqtt.LocalHub() as hub, hub.device_client("watched", retry=quickly) as device:

        @device.on_state_change
        def changed(change: azmqtt.StateChange) -> None:
            print(f"state: {change.previous} -> {change.state}")

        device.connect()
        again = device.state_changes(timeout=10)

        readings = [{"reading": number} for number in range(2000)]
        device.send_messages(readings, progress=lambda done, total: print(f"progress: {done} of {total}"))

        hub.disconnect("watched")
        print("lost because:", next(change.reason for change in again if change.state == "reconnecting"))
        device.send_message({"still": "here"})

        stats = device.stats()
        print(f"{stats.messages_sent} sent, {stats.reconnects} reconnects, round trips: {stats.publish_round_trip}")
        print(stats)


if __name__ == "__main__":
    main()
