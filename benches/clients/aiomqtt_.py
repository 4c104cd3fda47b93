"""aiomqtt: an asyncio face on paho-mqtt."""

from __future__ import annotations

import asyncio
import itertools
import ssl
import time
from collections.abc import Callable, Coroutine
from typing import Any

import aiomqtt
from common import (
    PATCH_BYTES,
    PAYLOAD,
    REQUESTS,
    TIMEOUT,
    TWIN_RESPONSES,
    Job,
    Result,
    correlations,
    gathered,
    main,
    measured,
    open_many_async,
    repeat_async,
    request_id,
)
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def make(job: Job, device: str | None = None) -> aiomqtt.Client:
    """Make a client that is set up and not connected."""
    client = aiomqtt.Client(
        job.host,
        job.port,
        username=job.username,
        password="any",  # noqa: S106 -- the sink takes anything
        identifier=device or job.device,
        protocol=aiomqtt.ProtocolVersion.V5 if job.v5 else aiomqtt.ProtocolVersion.V311,
        keepalive=240,
        timeout=TIMEOUT,
        max_inflight_messages=job.window,
        tls_context=ssl.create_default_context(cafile=job.ca),
    )
    # A thousand calls at once are meant: no warning for each.
    client.pending_calls_threshold = 1_000_000
    return client


async def connect(client: aiomqtt.Client) -> aiomqtt.Client:
    """Connect and return when the CONNACK is there."""
    await client.__aenter__()
    return client


async def publisher(job: Job) -> Callable[[], Coroutine[Any, Any, None]]:
    """Make a coroutine function that publishes once and returns at the acknowledgement."""
    client = await connect(make(job))
    return lambda: client.publish(job.events, PAYLOAD, qos=1)


async def qos1_pipelined_gather(job: Job) -> Result:
    """Await a thousand gathered publishes at a time."""
    return await gathered(job.n, 1000, await publisher(job))


async def qos1_one_at_a_time(job: Job) -> Result:
    """Publish and wait for the acknowledgement, each in turn."""
    return await repeat_async(job.n, await publisher(job))


async def twin(job: Job) -> Callable[[], Coroutine[Any, Any, None]]:
    """Make a coroutine function that patches the twin once and returns at the answer."""
    client = await connect(make(job))
    waiting: dict[str, asyncio.Future[None]] = {}
    ids = itertools.count(1)
    await client.subscribe(TWIN_RESPONSES, qos=1)

    async def read() -> None:
        async for message in client.messages:
            future = waiting.pop(request_id(message.topic.value), None)
            if future is not None:
                future.set_result(None)

    reader = asyncio.create_task(read())

    async def patch() -> None:
        rid = str(next(ids))
        future = waiting[rid] = asyncio.get_running_loop().create_future()
        await client.publish(f"$iothub/twin/PATCH/properties/reported/?$rid={rid}", PATCH_BYTES, qos=0)
        await future
        if reader.done():
            raise RuntimeError("the reader has ended")

    return patch


async def twin_patch_rtt(job: Job) -> Result:
    """One patch after the other."""
    return await repeat_async(job.n, await twin(job))


async def twin_patch_100(job: Job) -> Result:
    """Await a hundred gathered patches at a time."""
    return await gathered(job.n, 100, await twin(job))


async def request(job: Job) -> Result:
    """Send a request, wait for the message with its correlation data, each in turn."""
    client = await connect(make(job))
    waiting: dict[bytes, asyncio.Future[None]] = {}
    made = correlations()
    await client.subscribe(job.answers, qos=1)

    async def read() -> None:
        async for message in client.messages:
            future = waiting.pop(message.properties.CorrelationData, None)
            if future is not None:
                future.set_result(None)

    reader = asyncio.create_task(read())

    async def once() -> None:
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = job.answers
        properties.CorrelationData = correlation = next(made)
        future = waiting[correlation] = asyncio.get_running_loop().create_future()
        await client.publish(REQUESTS, PAYLOAD, qos=1, properties=properties)
        await future
        if reader.done():
            raise RuntimeError("the reader has ended")

    return await repeat_async(job.n, once)


async def count(client: aiomqtt.Client, n: int) -> None:
    """Read ``n`` messages."""
    async for _ in client.messages:
        n -= 1
        if n == 0:
            return


async def receive(job: Job, qos: int) -> Result:
    """Count messages of the iterator."""
    client = await connect(make(job))
    await client.subscribe(job.devicebound, qos=1)
    with measured(job.n) as result:
        await client.publish(job.events, job.flood(qos), qos=1)
        await asyncio.wait_for(count(client, job.n), TIMEOUT)
    return result


async def connect_task(job: Job) -> Result:
    """Connect again and again; making the client and parting are not in the samples."""
    with measured(job.n) as result:
        for _ in range(job.n):
            client = make(job)
            start = time.perf_counter()
            await connect(client)
            result.samples.append(time.perf_counter() - start)
            await client.__aexit__(None, None, None)
    return result


async def footprint(job: Job) -> Result:
    """Clients side by side on one loop."""
    return await open_many_async(job.n, lambda i: connect(make(job, f"bench-{i}")))


if __name__ == "__main__":
    main(
        {
            "qos1_pipelined_gather": lambda job: asyncio.run(qos1_pipelined_gather(job)),
            "qos1_pipelined_late20ms": lambda job: asyncio.run(qos1_pipelined_gather(job)),
            "qos1_one_at_a_time_async": lambda job: asyncio.run(qos1_one_at_a_time(job)),
            "twin_patch_rtt_async": lambda job: asyncio.run(twin_patch_rtt(job)),
            "twin_patch_100": lambda job: asyncio.run(twin_patch_100(job)),
            "receive_qos0": lambda job: asyncio.run(receive(job, 0)),
            "receive_qos1": lambda job: asyncio.run(receive(job, 1)),
            "v5_qos1_gather": lambda job: asyncio.run(qos1_pipelined_gather(job)),
            "v5_qos1_one": lambda job: asyncio.run(qos1_one_at_a_time(job)),
            "v5_request": lambda job: asyncio.run(request(job)),
            "v5_receive": lambda job: asyncio.run(receive(job, 1)),
            "connect": lambda job: asyncio.run(connect_task(job)),
            "footprint": lambda job: asyncio.run(footprint(job)),
        }
    )
