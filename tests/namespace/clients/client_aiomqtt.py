"""aiomqtt against a local namespace: one JSON document in, one out. Runs where nothing of ours is installed."""

import asyncio
import json
import sys

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def client(given, who, **options):
    tls = aiomqtt.TLSParameters(ca_certs=given["ca"], certfile=who["certificate"], keyfile=who["key"])
    version = aiomqtt.ProtocolVersion.V5 if given["version"] == 5 else aiomqtt.ProtocolVersion.V311
    return aiomqtt.Client(
        given["host"], given["port"], identifier=who["id"], tls_params=tls, protocol=version, timeout=20, **options
    )


async def main(given):
    """Try each feature; return what came of it."""
    said = {}
    one, two = given["clients"]
    async with client(given, two) as subscriber:
        messages = subscriber.messages
        await subscriber.subscribe("contoso/#", qos=1)
        async with client(given, one, will=aiomqtt.Will("contoso/will", b"gone", qos=1)) as publisher:
            properties = None
            if given["version"] == 5:
                properties = Properties(PacketTypes.PUBLISH)
                properties.UserProperty = ("a", "b")
            await publisher.publish("contoso/0", "zero", qos=0)
            await publisher.publish("contoso/1", "one", qos=1, retain=True, properties=properties)
            zero, message = await anext(messages), await anext(messages)
            said["received"] = [zero.payload.decode(), message.payload.decode(), message.qos]
            if given["version"] == 5:
                said["properties"] = message.properties.UserProperty
        await subscriber.subscribe("contoso/1", qos=1)
        kept = await anext(messages)
        said["retained"] = [kept.payload.decode(), bool(kept.retain)]
        codes = await subscriber.subscribe("elsewhere/#", qos=1)
        said["denied_subscribe"] = [getattr(code, "value", code) for code in codes]
    return said


print(json.dumps(asyncio.run(asyncio.wait_for(main(json.loads(sys.argv[1])), 60))))
