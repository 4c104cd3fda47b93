"""`azmqtt.MqttClient` and gmqtt, through Mosquitto over TLS, in MQTT 5."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import gmqtt
import pytest
from gmqtt.mqtt.constants import MQTTv50

from mosquitto import Mosquitto

#: Values of properties that are easy to get wrong: repeats in order, all bytes, text beyond ASCII.
PAIRS = [("unit", "°C"), ("a", ""), ("unit", "K")]
CORRELATION = bytes(range(256))
PROPERTIES: dict[str, Any] = {
    "user_property": PAIRS,
    "content_type": "text/x",
    "response_topic": "answers/ß",
    "correlation_data": CORRELATION,
    "message_expiry_interval": 60,
    "payload_format_id": 0,
}


class Received(NamedTuple):
    topic: str
    payload: bytes
    qos: int
    properties: dict[str, Any]


class Gmqtt:
    """gmqtt's client, with what it received."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[Any] = asyncio.Queue()
        self._granted: asyncio.Queue[tuple[int, ...]] = asyncio.Queue()
        self.client = gmqtt.Client(None)
        self.on_message(self.received.put_nowait)
        self.client.on_subscribe = lambda _client, _mid, codes, _properties: self._granted.put_nowait(codes)

    def on_message(self, function: Callable[[Received], None]) -> None:
        def call(_client: Any, topic: str, payload: bytes, qos: int, properties: dict[str, Any]) -> int:
            function(Received(topic, bytes(payload), qos, properties))
            return 0

        self.client.on_message = call

    async def subscribe(self, topic_filter: str, **options: Any) -> tuple[int, ...]:
        self.client.subscribe(gmqtt.Subscription(topic_filter, **{"qos": 1, **options}))
        return await asyncio.wait_for(self._granted.get(), 20)

    async def next(self) -> Any:
        return await asyncio.wait_for(self.received.get(), 20)


@contextlib.asynccontextmanager
async def gmqtt_client(broker: Mosquitto) -> AsyncIterator[Gmqtt]:
    # Not a fixture: gmqtt belongs to the loop it was made on.
    peer = Gmqtt()
    context = ssl.create_default_context(cafile=broker.ca_file)
    await asyncio.wait_for(peer.client.connect("localhost", broker.tls_port, ssl=context, version=MQTTv50), 20)
    try:
        yield peer
    finally:
        # It closes TLS at once, and what the broker has sent meanwhile is an error of asyncio's then.
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            await peer.client.disconnect()


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_gmqtt_reads_what_we_publish(mosquitto, connect, qos):
    async with gmqtt_client(mosquitto) as peer:
        assert await peer.subscribe("to-gmqtt/#", qos=2) == (2,)
        await connect(mosquitto).publish_async(
            "to-gmqtt/ä",
            b"\0payload",
            qos=qos,
            user_properties=PAIRS,
            content_type="text/x",
            response_topic="answers/ß",
            correlation_data=CORRELATION,
            message_expiry=60,
            payload_format=0,
        )
        message = await peer.next()
    assert message[:3] == ("to-gmqtt/ä", b"\0payload", qos)
    found = message.properties
    # It keeps a list for each property.
    assert [tuple(pair) for pair in found["user_property"]] == PAIRS
    assert (found["content_type"], found["response_topic"]) == (["text/x"], ["answers/ß"])
    assert (found["correlation_data"], found["payload_format_id"]) == ([CORRELATION], [0])
    # Mosquitto's clock of whole seconds may run behind.
    assert found["message_expiry_interval"][0] in {59, 60, 61}
    assert not found["retain"]


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_we_read_what_gmqtt_publishes(mosquitto, connect, qos):
    client = connect(mosquitto)
    messages = client.messages("from-gmqtt/#", timeout=20)
    await client.subscribe_async("from-gmqtt/#", qos=2)
    async with gmqtt_client(mosquitto) as peer:
        peer.client.publish("from-gmqtt/x", b"\0payload", qos=qos, **PROPERTIES)
        message = await anext(messages)
    assert (message.topic, message.payload, message.qos, message.retain) == ("from-gmqtt/x", b"\0payload", qos, False)
    assert message.user_properties == PAIRS
    assert (message.content_type, message.response_topic) == ("text/x", "answers/ß")
    assert (message.correlation_data, message.payload_format) == (CORRELATION, 0)
    assert message.message_expiry in {59, 60, 61}


async def test_what_one_retains_the_other_gets(mosquitto, connect):
    client = connect(mosquitto)
    await client.publish_async("retained/ours", "ours", retain=True)
    async with gmqtt_client(mosquitto) as peer:
        await peer.subscribe("retained/ours")
        message = await peer.next()
        assert (message.payload, bool(message.properties["retain"])) == (b"ours", True)
        messages = client.messages("retained/gmqtt", timeout=20)
        await client.subscribe_async("retained/gmqtt")
        peer.client.publish("retained/gmqtt", b"gmqtt", qos=1, retain=True)
        assert not (await anext(messages)).retain
        await client.unsubscribe_async("retained/gmqtt")
        await client.subscribe_async("retained/gmqtt")
        kept = await anext(messages)
        assert (kept.payload, kept.retain) == (b"gmqtt", True)


async def test_both_are_members_of_a_group(mosquitto, connect):
    client = connect(mosquitto)
    async with gmqtt_client(mosquitto) as peer:
        await peer.subscribe("$share/both/work")

        @client.on_message("work")
        async def _(message):
            # One queue for both.
            peer.received.put_nowait(message)

        await client.subscribe_async("$share/both/work")
        assert await connect(mosquitto).publish_many_async(("work", str(n)) for n in range(20)) == 20
        got = [await peer.next() for _ in range(20)]
    assert sorted(int(message.payload) for message in got) == list(range(20))
    assert len({type(message) for message in got}) == 2


async def test_gmqtt_answers_our_request(mosquitto, connect):
    async with gmqtt_client(mosquitto) as peer:

        def answer(request: Received) -> None:
            topic, data = request.properties["response_topic"][0], request.properties["correlation_data"][0]
            peer.client.publish(topic, request.payload.upper(), qos=1, correlation_data=data)

        peer.on_message(answer)
        await peer.subscribe("service/upper")
        found = await connect(mosquitto, "asks-gmqtt").request_async("service/upper", b"shout", timeout=20)
    assert found.payload == b"SHOUT"


async def test_we_answer_a_request_of_gmqtt(mosquitto, connect):
    server = connect(mosquitto, "answers-gmqtt")

    @server.on_message("service/lower")
    async def _(request):
        await server.respond_async(request, request.payload.lower())

    await server.subscribe_async("service/lower")
    async with gmqtt_client(mosquitto) as peer:
        await peer.subscribe("gmqtt/answers")
        asked = {"response_topic": "gmqtt/answers", "correlation_data": CORRELATION}
        peer.client.publish("service/lower", b"WHISPER", qos=1, **asked)
        message = await peer.next()
    assert (message.payload, message.properties["correlation_data"]) == (b"whisper", [CORRELATION])
