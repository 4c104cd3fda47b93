"""gmqtt: pure asyncio. It has no acknowledgement to await, so its message store is taught to give one."""

from __future__ import annotations

import asyncio
import itertools
import ssl
import time
from collections.abc import Callable, Coroutine
from typing import Any

import gmqtt
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
from gmqtt.mqtt.constants import MQTTv50, MQTTv311
from gmqtt.storage import PersistentStorage


class AwaitableStorage(PersistentStorage):  # type: ignore[misc]  # gmqtt is untyped
    """Hands out a future for the message stored last; its removal on PUBACK resolves it."""

    def __init__(self) -> None:
        super().__init__()
        self._futures: dict[int, asyncio.Future[None]] = {}
        self.last: asyncio.Future[None] | None = None

    def push_message(self, mid: int, raw_package: bytes) -> None:
        """Store a message that was just published."""
        super().push_message(mid, raw_package)
        self.last = self._futures[mid] = asyncio.get_running_loop().create_future()

    def remove_message_by_mid(self, mid: int) -> None:
        """Forget an acknowledged message."""
        super().remove_message_by_mid(mid)
        future = self._futures.pop(mid, None)
        if future is not None and not future.done():
            future.set_result(None)


def make(job: Job, device: str | None = None, storage: PersistentStorage | None = None) -> gmqtt.Client:
    """Make a client that is set up and not connected."""
    client = gmqtt.Client(device or job.device, persistent_storage=storage)
    client.set_auth_credentials(job.username, "any")
    return client


async def connect(job: Job, client: gmqtt.Client) -> gmqtt.Client:
    """Connect and return when the CONNACK is there."""
    context = ssl.create_default_context(cafile=job.ca)
    version = MQTTv50 if job.v5 else MQTTv311
    await asyncio.wait_for(client.connect(job.host, job.port, ssl=context, keepalive=240, version=version), 15)
    return client


async def subscribe(client: gmqtt.Client, topic: str) -> None:
    """Subscribe at QoS 1 and wait for the SUBACK."""
    ready = asyncio.Event()
    client.on_subscribe = lambda *_: ready.set()
    client.subscribe(topic, qos=1)
    await asyncio.wait_for(ready.wait(), TIMEOUT)


async def qos1_pipelined(job: Job) -> Result:
    """Publish all at once, as it knows no window, but never more than there are packet ids; then wait."""
    storage = PersistentStorage()
    client = await connect(job, make(job, storage=storage))
    window = job.window or 50_000
    with measured(job.n) as result:
        for first in range(0, job.n, window):
            for _ in range(min(window, job.n - first)):
                client.publish(job.events, PAYLOAD, qos=1)
            await storage.wait_empty()
    return result


async def publisher(job: Job) -> Callable[[], Coroutine[Any, Any, None]]:
    """Make a coroutine function that publishes once and returns at the acknowledgement."""
    storage = AwaitableStorage()
    client = await connect(job, make(job, storage=storage))

    async def once() -> None:
        client.publish(job.events, PAYLOAD, qos=1)
        if storage.last is not None:
            await storage.last

    return once


async def qos1_pipelined_gather(job: Job) -> Result:
    """Await a thousand gathered publishes at a time."""
    return await gathered(job.n, 1000, await publisher(job))


async def qos1_one_at_a_time(job: Job) -> Result:
    """Publish and wait for the acknowledgement, each in turn."""
    return await repeat_async(job.n, await publisher(job))


async def twin(job: Job) -> Callable[[], Coroutine[Any, Any, None]]:
    """Make a coroutine function that patches the twin once and returns at the answer."""
    waiting: dict[str, asyncio.Future[None]] = {}
    ids = itertools.count(1)
    client = make(job)

    def on_message(_client: Any, topic: str, *_: Any) -> None:
        future = waiting.pop(request_id(topic), None)
        if future is not None:
            future.set_result(None)

    client.on_message = on_message
    await connect(job, client)
    await subscribe(client, TWIN_RESPONSES)

    async def patch() -> None:
        rid = str(next(ids))
        future = waiting[rid] = asyncio.get_running_loop().create_future()
        client.publish(f"$iothub/twin/PATCH/properties/reported/?$rid={rid}", PATCH_BYTES, qos=0)
        await future

    return patch


async def twin_patch_rtt(job: Job) -> Result:
    """One patch after the other."""
    return await repeat_async(job.n, await twin(job))


async def twin_patch_100(job: Job) -> Result:
    """Await a hundred gathered patches at a time."""
    return await gathered(job.n, 100, await twin(job))


async def request(job: Job) -> Result:
    """Send a request, wait for the message with its correlation data, each in turn."""
    waiting: dict[bytes, asyncio.Future[None]] = {}
    made = correlations()
    client = make(job)

    def on_message(_client: Any, _topic: str, _payload: bytes, _qos: int, properties: dict[str, Any]) -> int:
        future = waiting.pop(bytes(properties["correlation_data"][0]), None)
        if future is not None:
            future.set_result(None)
        return 0

    client.on_message = on_message
    await connect(job, client)
    await subscribe(client, job.answers)

    async def once() -> None:
        correlation = next(made)
        future = waiting[correlation] = asyncio.get_running_loop().create_future()
        client.publish(REQUESTS, PAYLOAD, qos=1, response_topic=job.answers, correlation_data=correlation)
        await future

    return await repeat_async(job.n, once)


async def receive(job: Job, qos: int) -> Result:
    """Count messages in ``on_message``."""
    client = make(job)
    done = asyncio.Event()
    left = itertools.count(job.n - 1, -1)

    def on_message(*_: Any) -> int:
        if next(left) == 0:
            done.set()
        return 0

    client.on_message = on_message
    await connect(job, client)
    await subscribe(client, job.devicebound)
    with measured(job.n) as result:
        client.publish(job.events, job.flood(qos), qos=1)
        await asyncio.wait_for(done.wait(), TIMEOUT)
    return result


async def connect_task(job: Job) -> Result:
    """Connect again and again; making the client and parting are not in the samples."""
    with measured(job.n) as result:
        for _ in range(job.n):
            client = make(job)
            start = time.perf_counter()
            await connect(job, client)
            result.samples.append(time.perf_counter() - start)
            await client.disconnect()
    return result


async def footprint(job: Job) -> Result:
    """Clients side by side on one loop."""
    return await open_many_async(job.n, lambda i: connect(job, make(job, f"bench-{i}")))


if __name__ == "__main__":
    main(
        {
            "qos1_pipelined": lambda job: asyncio.run(qos1_pipelined(job)),
            "qos1_pipelined_gather": lambda job: asyncio.run(qos1_pipelined_gather(job)),
            "qos1_pipelined_late20ms": lambda job: asyncio.run(qos1_pipelined(job)),
            "qos1_one_at_a_time_async": lambda job: asyncio.run(qos1_one_at_a_time(job)),
            "twin_patch_rtt_async": lambda job: asyncio.run(twin_patch_rtt(job)),
            "twin_patch_100": lambda job: asyncio.run(twin_patch_100(job)),
            "receive_qos0": lambda job: asyncio.run(receive(job, 0)),
            "receive_qos1": lambda job: asyncio.run(receive(job, 1)),
            "v5_qos1_pipelined": lambda job: asyncio.run(qos1_pipelined(job)),
            "v5_qos1_gather": lambda job: asyncio.run(qos1_pipelined_gather(job)),
            "v5_qos1_one": lambda job: asyncio.run(qos1_one_at_a_time(job)),
            "v5_request": lambda job: asyncio.run(request(job)),
            "v5_receive": lambda job: asyncio.run(receive(job, 1)),
            "connect": lambda job: asyncio.run(connect_task(job)),
            "footprint": lambda job: asyncio.run(footprint(job)),
        }
    )
