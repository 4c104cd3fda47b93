"""A session of Microsoft's azure-iot-device, as it comes, against a hub on localhost:8883.

Run by an interpreter that has that package: ``python azure_iot_device_session.py CONNECTION_STRING CA_FILE``, with
``websockets`` as a third argument for MQTT over WebSockets on localhost:443.
Prints one JSON object with what the device saw.
"""

import json
import sys
import threading
from pathlib import Path

from azure.iot.device import IoTHubDeviceClient, Message, MethodRequest, MethodResponse

WAIT = 30.0


def main() -> None:
    """Connect, send, read and patch the twin, receive a desired change and a cloud message, answer a method."""
    connection_string, ca_file, *way = sys.argv[1:]
    client = IoTHubDeviceClient.create_from_connection_string(
        connection_string, server_verification_cert=Path(ca_file).read_text(), websockets=way == ["websockets"]
    )
    desired = threading.Event()
    cloud_message = threading.Event()
    method = threading.Event()
    seen: dict[str, object] = {}

    def on_desired(patch: dict[str, object]) -> None:
        seen["desired_patch"] = patch
        desired.set()

    def on_message(message: Message) -> None:
        seen["cloud_message"] = message.data.decode()
        seen["cloud_property"] = message.custom_properties.get("kind")
        cloud_message.set()

    def on_method(request: MethodRequest) -> None:
        seen["method"] = [request.name, request.payload]
        client.send_method_response(MethodResponse.create_from_method_request(request, 202, {"accepted": True}))
        method.set()

    client.on_method_request_received = on_method
    client.on_twin_desired_properties_patch_received = on_desired
    client.on_message_received = on_message
    client.connect()

    message = Message(json.dumps({"temperature": 21.5}), message_id="m-1", content_type="application/json")
    message.content_encoding = "utf-8"
    message.custom_properties["alert"] = "a b&c=d/é"
    client.send_message(message)

    client.patch_twin_reported_properties({"firmware": "1.1", "parts": {"pump": None}})
    seen["twin"] = client.get_twin()

    # The other side acts on this line.
    print(json.dumps({"ready": True}), flush=True)
    if not desired.wait(WAIT) or not cloud_message.wait(WAIT) or not method.wait(WAIT):
        sys.exit("the desired change, the cloud message or the call of the method did not arrive")
    client.shutdown()
    print(json.dumps(seen), flush=True)


main()
