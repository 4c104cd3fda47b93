"""Act as a device from the command line. For Azure, change only the first lines of `main`."""

import os
import subprocess
import sys

import azmqtt


def azmqtt_command(*arguments: str, environment: dict[str, str]) -> None:
    """Run one command, as a shell would."""
    print("$ azmqtt", *arguments, flush=True)
    command = [sys.executable, "-m", "azmqtt", *arguments]
    subprocess.run(command, env={**os.environ, **environment}, check=True)  # noqa: S603 - of this script


def main() -> None:
    """Use the command line with a local hub."""
    with azmqtt.LocalHub() as hub:
        device = hub.create_device("thermometer")
        # The connection string is a secret. Other users of the machine cannot read the environment.
        environment = {"IOTHUB_DEVICE_CONNECTION_STRING": device.connection_string}
        local = ("--port", str(hub.port), "--trust", hub.ca_file)

        azmqtt_command("check", *local, environment=environment)
        azmqtt_command("device", "send-d2c-message", "--data", '{"temperature": 21.5}', *local, environment=environment)
        print("the hub has", hub.wait_for_telemetry("thermometer")[0].text)

        hub.send_c2d("thermometer", "open the window", {"urgency": "low"})
        azmqtt_command("device", "c2d-message", "receive", *local, environment=environment)

        azmqtt_command("device-twin", "update", "--json", '{"firmware": "1.2"}', *local, environment=environment)
        azmqtt_command("device-twin", "show", *local, environment=environment)
        azmqtt_command(
            "device", "simulate", "--msg-count", "3", "--msg-interval", "0.1", *local, environment=environment
        )
        print("the hub has", hub.telemetry_count("thermometer"), "messages")


if __name__ == "__main__":
    main()
