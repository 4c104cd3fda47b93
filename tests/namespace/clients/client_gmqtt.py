"""gmqtt against a local namespace: one JSON document in, one out. Runs where nothing of ours is installed."""

import asyncio
import json
import ssl
import sys

import gmqtt
from gmqtt.mqtt.constants import MQTTv50, MQTTv311


class Peer:
    """A client whose callbacks wait in a queue."""

    def __init__(self, given, who, *, clean=True, will=None):
        self.happened = asyncio.Queue()
        options = {"session_expiry_interval": 60} if given["version"] == 5 else {}
        message = gmqtt.Message(will, "gone", qos=1) if will else None
        self.client = gmqtt.Client(who["id"], clean_session=clean, will_message=message, **options)
        self.client.on_message = self.on_message
        self.client.on_disconnect = lambda *_: self.happened.put_nowait("closed")
        self.client.on_subscribe = lambda _client, _mid, codes, _properties: self.happened.put_nowait(list(codes))

    async def on_message(self, _client, topic, payload, qos, properties):
        self.happened.put_nowait((topic, payload.decode(), qos, properties))
        return 0

    async def connect(self, given, who):
        context = ssl.create_default_context(cafile=given["ca"])
        context.load_cert_chain(who["certificate"], who["key"])
        version = MQTTv50 if given["version"] == 5 else MQTTv311
        await self.client.connect(given["host"], given["port"], ssl=context, version=version)

    async def next(self):
        return await asyncio.wait_for(self.happened.get(), 20)


async def main(given):
    """Try each feature; return what came of it."""
    said = {}
    one, two = given["clients"]
    publisher, subscriber = Peer(given, one, will="contoso/will"), Peer(given, two)
    await publisher.connect(given, one)
    await subscriber.connect(given, two)
    subscriber.client.subscribe("contoso/#", qos=1)
    said["subscribed"] = await subscriber.next()
    publisher.client.publish("contoso/0", "zero", qos=0)
    options = {"user_property": ("a", "b")} if given["version"] == 5 else {}
    publisher.client.publish("contoso/1", "one", qos=1, **options)
    zero, message = await subscriber.next(), await subscriber.next()
    said["received"] = [zero[1], message[1], message[2]]
    if given["version"] == 5:
        said["properties"] = message[3]["user_property"]
    subscriber.client.subscribe("elsewhere/#", qos=1)
    said["denied_subscribe"] = await subscriber.next()
    if given["version"] == 5:
        subscriber.client.subscribe("$share/group/contoso/s", qos=1)
        said["shared"] = await subscriber.next()
    publisher.client.publish("contoso/kept", "one", qos=1, retain=True)
    await subscriber.next()
    subscriber.client.subscribe("contoso/kept", qos=1)
    # The codes of the subscription, and the message, in any order.
    kept = next(each for each in [await subscriber.next(), await subscriber.next()] if isinstance(each, tuple))
    said["retained"] = [kept[1], bool(kept[3]["retain"])]
    publisher.client.publish("contoso/kept", "", qos=1, retain=True)
    await subscriber.next()
    # With its session kept, it comes back to what was published meanwhile.
    await subscriber.client.disconnect()
    subscriber = Peer(given, two, clean=False)
    await subscriber.connect(given, two)
    subscriber.client.subscribe("contoso/#", qos=1)
    await subscriber.next()
    await subscriber.client.disconnect()
    publisher.client.publish("contoso/2", "meanwhile", qos=1)
    subscriber = Peer(given, two, clean=False)
    await subscriber.connect(given, two)
    said["session"] = [True, (await subscriber.next())[1]]
    if given["version"] == 4:
        publisher.client.set_config({"reconnect_retries": 0})
        publisher.client.publish("elsewhere/1", "denied", qos=1)
        said["denied_publish"] = await publisher.next()
    else:
        # It goes without a word.
        publisher.client.set_config({"reconnect_retries": 0})
        publisher.client._connection._transport.abort()
    said["will"] = (await subscriber.next())[1]
    await subscriber.client.disconnect()
    return said


print(json.dumps(asyncio.run(asyncio.wait_for(main(json.loads(sys.argv[1])), 60))))
