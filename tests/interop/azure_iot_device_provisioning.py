"""A device of Microsoft's azure-iot-device, as it comes: registers on port 8883, then sends a message to its hub.

Run by an interpreter that has that package: ``python azure_iot_device_provisioning.py HOST ID_SCOPE REGISTRATION_ID KEY
CA_FILE``. Prints one JSON object with what the service said.
"""

import json
import sys
from pathlib import Path

from azure.iot.device import IoTHubDeviceClient, ProvisioningDeviceClient


def main() -> None:
    """Register, connect to the assigned hub, send a message."""
    host, id_scope, registration_id, key, ca_file = sys.argv[1:]
    certificate = Path(ca_file).read_text()
    provisioning = ProvisioningDeviceClient.create_from_symmetric_key(
        provisioning_host=host,
        registration_id=registration_id,
        id_scope=id_scope,
        symmetric_key=key,
        server_verification_cert=certificate,
    )
    provisioning.provisioning_payload = {"model": "x"}
    result = provisioning.register()
    state = result.registration_state
    said = {
        "status": result.status,
        "operation_id": result.operation_id,
        "hub": state.assigned_hub,
        "device_id": state.device_id,
        "sub_status": state.sub_status,
        "payload": json.loads(state.response_payload),
        "created": state.created_date_time,
        "etag": state.etag,
    }
    client = IoTHubDeviceClient.create_from_symmetric_key(
        key, state.assigned_hub, state.device_id, server_verification_cert=certificate
    )
    client.connect()
    client.send_message("hello")
    client.shutdown()
    print(json.dumps(said))


main()
