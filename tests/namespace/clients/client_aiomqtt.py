"""aiomqtt against a local namespace: one JSON document in, one out. Runs where nothing of ours is installed."""

import asyncio
import contextlib
import json
import sys

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def client(given, who, *, clean=True, **options):
    tls = aiomqtt.TLSParameters(ca_certs=given["ca"], certfile=who["certificate"], keyfile=who["key"])
    port = given["https_port" if given["transport"] == "websockets" else "port"]
    if given["version"] == 5:
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 60
        options |= {"protocol": aiomqtt.ProtocolVersion.V5, "clean_start": clean, "properties": session}
    else:
        options |= {"protocol": aiomqtt.ProtocolVersion.V311, "clean_session": clean}
    return aiomqtt.Client(
        given["host"], port, identifier=who["id"], tls_params=tls, transport=given["transport"], timeout=20, **options
    )


async def main(given):
    """Try each feature; return what came of it."""
    said = {}
    one, two = given["clients"]
    is_v5 = given["version"] == 5
    async with client(given, one) as publisher:
        async with client(given, two) as subscriber:
            messages = subscriber.messages
            await subscriber.subscribe("contoso/#", qos=1)
            properties = None
            if is_v5:
                properties = Properties(PacketTypes.PUBLISH)
                properties.UserProperty = ("a", "b")
            await publisher.publish("contoso/0", "zero", qos=0)
            await publisher.publish("contoso/1", "one", qos=1, retain=True, properties=properties)
            zero, message = await anext(messages), await anext(messages)
            said["received"] = [zero.payload.decode(), message.payload.decode(), message.qos]
            if is_v5:
                said["properties"] = message.properties.UserProperty
                said["shared"] = [code.value for code in await subscriber.subscribe("$share/group/contoso/s", qos=1)]
            await subscriber.subscribe("contoso/1", qos=1)
            kept = await anext(messages)
            said["retained"] = [kept.payload.decode(), bool(kept.retain)]
            codes = await subscriber.subscribe("elsewhere/#", qos=1)
            said["denied_subscribe"] = [getattr(code, "value", code) for code in codes]
        # With its session kept, it comes back to what was published meanwhile.
        await publisher.publish("contoso/1", b"", qos=1, retain=True)
        async with client(given, two, clean=False) as subscriber:
            await subscriber.subscribe("contoso/#", qos=1)
        await publisher.publish("contoso/2", "meanwhile", qos=1)
        async with client(given, two, clean=False) as subscriber:
            said["session"] = [True, (await anext(subscriber.messages)).payload.decode()]
    async with client(given, two) as subscriber:
        await subscriber.subscribe("contoso/#", qos=1)
        with contextlib.suppress(aiomqtt.MqttError):
            async with client(given, one, will=aiomqtt.Will("contoso/will", b"gone", qos=1)) as publisher:
                if not is_v5:
                    try:
                        await publisher.publish("elsewhere/1", "denied", qos=1)
                    except aiomqtt.MqttError:
                        said["denied_publish"] = "closed"
                else:
                    # It goes without a word.
                    publisher._client.socket().close()
                raise aiomqtt.MqttError("gone")
        said["will"] = (await anext(subscriber.messages)).payload.decode()
    return said


print(json.dumps(asyncio.run(asyncio.wait_for(main(json.loads(sys.argv[1])), 60))))
