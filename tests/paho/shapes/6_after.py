"""An asyncio wrapper that polls a flag which paho's thread sets."""

import asyncio
import json

from common import HOST, PORT, make_client, say

from azmqtt.paho import TwinPatcher


class AsyncDevice:
    def __init__(self):
        self.client = make_client()
        self.twin = TwinPatcher(self.client, show_answers=True)
        self.client.on_connect = lambda client, *_: client.subscribe("$iothub/twin/res/#")
        self.client.on_subscribe = self.on_subscribe
        self.client.on_message = self.on_message
        self.future = asyncio.get_running_loop().create_future()
        self.answer = None

    def on_subscribe(self, client, userdata, mid, granted_qos):
        self.answer = "subscribed"

    def on_message(self, client, userdata, message):
        say("message", message.topic)
        self.answer = message.topic

    async def until_answered(self):
        while self.answer is None:
            await asyncio.sleep(0.01)
        self.answer = None

    async def report(self, properties):
        say("status", (await self.twin.patch_async(properties, timeout=10)).status)
        await self.until_answered()


async def main():
    device = AsyncDevice()
    device.client.connect(HOST, PORT)
    device.client.loop_start()
    await device.until_answered()
    await device.report({"mode": "eco"})
    device.client.disconnect()
    device.client.loop_stop()


asyncio.run(asyncio.wait_for(main(), 20))
