"""A robot (see robot_lines.py) of the asyncio client of Microsoft's azure-iot-device, as it comes."""

import asyncio
import json
import sys

from azure.iot.device import MethodResponse
from azure.iot.device.aio import IoTHubDeviceClient, IoTHubModuleClient

from robot_lines import describe_message, make_client, make_message, method_answer, say


class Robot:
    """One client at a time; each public method is a call."""

    client = None

    async def make(self, call: dict) -> None:
        """Make a client and have it tell what comes."""
        self.client = client = make_client(call, IoTHubDeviceClient, IoTHubModuleClient)
        listen = call.get("listen", ["messages", "desired", "methods"])

        async def on_message(message: object) -> None:
            say(event="message", value=describe_message(message))

        async def on_desired(patch: dict) -> None:
            say(event="desired", value=patch)

        async def on_state() -> None:
            say(event="connected", value=client.connected)

        if "messages" in listen:
            client.on_message_received = on_message
        if "desired" in listen:
            client.on_twin_desired_properties_patch_received = on_desired
        if "methods" in listen:
            client.on_method_request_received = self._answer
        client.on_connection_state_change = on_state

    async def _answer(self, request: object) -> None:
        say(event="method", value=[request.name, request.payload])
        status, payload = method_answer(request.name, request.payload)
        await self.client.send_method_response(MethodResponse.create_from_method_request(request, status, payload))

    async def connect(self, _call: dict) -> None:
        """Connect."""
        await self.client.connect()

    async def disconnect(self, _call: dict) -> None:
        """Disconnect; the session stays."""
        await self.client.disconnect()

    async def shutdown(self, _call: dict) -> None:
        """End the client, if there is one."""
        if self.client is None:
            return
        await self.client.shutdown()
        self.client = None

    async def send(self, call: dict) -> None:
        """Send one message."""
        if "output" in call:
            await self.client.send_message_to_output(make_message(call), call["output"])
        else:
            await self.client.send_message(make_message(call))

    async def send_numbers(self, call: dict) -> list:
        """Send numbers, ten at a time; return those that were acknowledged."""
        acknowledged = []

        async def send(number: int) -> None:
            try:
                await self.client.send_message(str(number))
                acknowledged.append(number)
            except Exception as error:
                say(event="not sent", value=[number, type(error).__name__])

        end = call["first"] + call["count"]
        for start in range(call["first"], end, 10):
            await asyncio.gather(*(send(number) for number in range(start, min(start + 10, end))))
        return acknowledged

    async def get_twin(self, _call: dict) -> dict:
        """Read the twin."""
        return await self.client.get_twin()

    async def patch_twin(self, call: dict) -> None:
        """Patch the reported properties."""
        await self.client.patch_twin_reported_properties(call["patch"])


async def main() -> None:
    """Do what the lines ask for, until there are no more."""
    robot = Robot()
    say(event="ready", value=sys.argv[1:])
    while line := await asyncio.to_thread(sys.stdin.readline):
        call = json.loads(line)
        try:
            say(id=call["id"], result=await getattr(robot, call["call"])(call))
        except Exception as error:
            say(id=call["id"], error=type(error).__name__, text=str(error))


asyncio.run(main())
