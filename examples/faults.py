"""Inject faults into a local hub, and check that no message is lost."""

import azmqtt
from azmqtt import faults


def main() -> None:
    """Send during single faults, then during a schedule of random faults."""
    quickly = azmqtt.RetryPolicy(base=0.01, max=0.1)
    with azmqtt.LocalHub() as hub, hub.device_client("sensor", retry=quickly) as device:
        device.connect()
        for fault in (faults.Drop("puback"), faults.Cut("puback"), faults.ExpireToken("telemetry")):
            with hub.inject_fault(fault, device_id="sensor") as injected:
                device.send_message(f"through {fault.name}")
                injected.wait()
        print(f"{hub.connection_count('sensor')} connections, {len(hub.telemetry('sensor'))} messages, some twice")

        hub.inject_fault(faults.Answer(429, retry_after=5), device_id="sensor")
        try:
            device.get_twin()
        except azmqtt.Throttled as error:
            print(f"throttled, try again in {error.retry_after} s")

        storm = faults.FaultSchedule(
            seed=1,
            duration=1,
            faults=[(faults.Drop(), {"every": 0.2}), (faults.Corrupt("puback"), {"probability": 0.01})],
        )
        hub.start_fault_schedule(storm)
        wanted = [f"reading {number}" for number in range(1000)]
        for start in range(0, len(wanted), 100):
            device.send_messages(wanted[start : start + 100])
        missing = set(wanted) - {message.body.decode() for message in hub.telemetry("sensor")}
        print(f"{len(hub.fired_faults())} faults, {len(missing)} of {len(wanted)} messages lost")


if __name__ == "__main__":
    main()
