"""Microsoft's azure-iot-device asks for faults, as its own end-to-end tests do, against a hub on port 8883.

Run by an interpreter that has that package: ``python azure_iot_device_faults.py CONNECTION_STRING CA_FILE``.
Prints one JSON object: for each fault, whether the connection was lost and came back, and a message went through then.
"""

import json
import sys
import threading
from pathlib import Path

from azure.iot.device import IoTHubDeviceClient, Message

WAIT = 30.0


def main() -> None:
    """Ask for each fault, wait for the connection to come back, send."""
    connection_string, ca_file = sys.argv[1:]
    client = IoTHubDeviceClient.create_from_connection_string(
        connection_string,
        server_verification_cert=Path(ca_file).read_text(encoding="utf-8"),
        connection_retry_interval=1,
    )
    lost, back = threading.Event(), threading.Event()

    def on_connection_state_change() -> None:
        (back if client.connected else lost).set()

    client.on_connection_state_change = on_connection_state_change
    client.connect()
    seen = {}
    for fault, reason in [("KillTcp", "boom"), ("ShutDownMqtt", "byebye")]:
        lost.clear()
        back.clear()
        message = Message("a fault, please")
        message.custom_properties = {
            "AzIoTHub_FaultOperationType": fault,
            "AzIoTHub_FaultOperationCloseReason": reason,
            "AzIoTHub_FaultOperationDelayInSecs": "1",
            "AzIoTHub_FaultOperationDurationInSecs": "1",
        }
        client.send_message(message)
        seen[fault] = [lost.wait(WAIT), back.wait(WAIT)]
        client.send_message(f"after {fault}")
    client.shutdown()
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
