"""A session of a module of Microsoft's azure-iot-device, as it comes, against a hub on localhost:8883.

Run by an interpreter that has that package: ``python azure_iot_device_module_session.py [CONNECTION_STRING CA_FILE]``;
without arguments from the environment of IoT Edge, where ``invoke`` makes it call a method of the module "other" and do
nothing else. Prints one JSON object with what the module saw.
"""

import json
import sys
import threading
from pathlib import Path

from azure.iot.device import IoTHubModuleClient, Message, MethodRequest, MethodResponse

WAIT = 30.0


def make_client() -> IoTHubModuleClient:
    """As a developer's machine does, or as inside IoT Edge."""
    if len(sys.argv) <= 2:
        return IoTHubModuleClient.create_from_edge_environment()
    connection_string, ca_file = sys.argv[1:]
    return IoTHubModuleClient.create_from_connection_string(
        connection_string, server_verification_cert=Path(ca_file).read_text()
    )


def main() -> None:
    """Connect, send to an output, read and patch the twin, receive a desired change and an input, answer a method."""
    client = make_client()
    if sys.argv[1:] == ["invoke"]:
        call = {
            "methodName": "ping",
            "payload": {"n": 1},
            "responseTimeoutInSeconds": 10,
            "connectTimeoutInSeconds": 10,
        }
        # Its own connection is not needed for it.
        print(json.dumps(client.invoke_method(call, "sdk-device", "other")), flush=True)
        client.shutdown()
        return
    events = {name: threading.Event() for name in ("desired", "input", "method")}
    seen: dict[str, object] = {}

    def on_desired(patch: dict[str, object]) -> None:
        seen["desired_patch"] = patch
        events["desired"].set()

    def on_message(message: Message) -> None:
        seen["input"] = [message.input_name, message.data.decode(), message.custom_properties.get("kind")]
        events["input"].set()

    def on_method(request: MethodRequest) -> None:
        seen["method"] = [request.name, request.payload]
        client.send_method_response(MethodResponse.create_from_method_request(request, 202, {"accepted": True}))
        events["method"].set()

    client.on_method_request_received = on_method
    client.on_twin_desired_properties_patch_received = on_desired
    client.on_message_received = on_message
    client.connect()

    client.send_message(Message("plain", message_id="m-1"))
    message = Message("routed")
    message.custom_properties["alert"] = "a b&c=d/é"
    client.send_message_to_output(message, "output 1")

    client.patch_twin_reported_properties({"firmware": "1.1"})
    seen["twin"] = client.get_twin()

    # The other side acts on this line.
    print(json.dumps({"ready": True}), flush=True)
    for name, event in events.items():
        if not event.wait(WAIT):
            sys.exit(f"nothing came: {name}")
    client.shutdown()
    print(json.dumps(seen), flush=True)


main()
