"""A robot (see robot_lines.py) of the blocking client of Microsoft's azure-iot-device, as it comes."""

import json
import sys

from azure.iot.device import IoTHubDeviceClient, IoTHubModuleClient, MethodResponse

from robot_lines import describe_message, make_client, make_message, method_answer, say


class Robot:
    """One client at a time; each public method is a call."""

    client = None

    def make(self, call: dict) -> None:
        """Make a client and have it tell what comes."""
        self.client = client = make_client(call, IoTHubDeviceClient, IoTHubModuleClient)
        listen = call.get("listen", ["messages", "desired", "methods"])
        if "messages" in listen:
            client.on_message_received = lambda message: say(event="message", value=describe_message(message))
        if "desired" in listen:
            client.on_twin_desired_properties_patch_received = lambda patch: say(event="desired", value=patch)
        if "methods" in listen:
            client.on_method_request_received = self._answer
        client.on_connection_state_change = lambda: say(event="connected", value=client.connected)

    def _answer(self, request: object) -> None:
        say(event="method", value=[request.name, request.payload])
        status, payload = method_answer(request.name, request.payload)
        self.client.send_method_response(MethodResponse.create_from_method_request(request, status, payload))

    def connect(self, _call: dict) -> None:
        """Connect."""
        self.client.connect()

    def disconnect(self, _call: dict) -> None:
        """Disconnect; the session stays."""
        self.client.disconnect()

    def shutdown(self, _call: dict) -> None:
        """End the client, if there is one."""
        if self.client is None:
            return
        self.client.shutdown()
        self.client = None

    def send(self, call: dict) -> None:
        """Send one message."""
        if "output" in call:
            self.client.send_message_to_output(make_message(call), call["output"])
        else:
            self.client.send_message(make_message(call))

    def send_numbers(self, call: dict) -> list:
        """Send numbers one after the other; return those that were acknowledged."""
        acknowledged = []
        for number in range(call["first"], call["first"] + call["count"]):
            try:
                self.client.send_message(str(number))
                acknowledged.append(number)
            except Exception as error:
                say(event="not sent", value=[number, type(error).__name__])
        return acknowledged

    def get_twin(self, _call: dict) -> dict:
        """Read the twin."""
        return self.client.get_twin()

    def patch_twin(self, call: dict) -> None:
        """Patch the reported properties."""
        self.client.patch_twin_reported_properties(call["patch"])


def main() -> None:
    """Do what the lines ask for, until there are no more."""
    robot = Robot()
    say(event="ready", value=sys.argv[1:])
    for line in sys.stdin:
        call = json.loads(line)
        try:
            say(id=call["id"], result=getattr(robot, call["call"])(call))
        except Exception as error:
            say(id=call["id"], error=type(error).__name__, text=str(error))


main()
