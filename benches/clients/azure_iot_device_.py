"""azure-iot-device 2.14: the official package, as its documentation has it used.

Two scripts in one: run as ``azure_iot_device_.py --face sync`` or ``--face aio``.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from azure.iot.device import IoTHubDeviceClient
from azure.iot.device.aio import IoTHubDeviceClient as AioClient
from common import (
    PATCH,
    PAYLOAD,
    TIMEOUT,
    Job,
    Result,
    Task,
    gathered,
    main,
    measured,
    open_many,
    open_many_async,
    repeat,
    repeat_async,
)

THREADS = 100
"""Threads that send at once where the blocking face has no other way to have many messages on their way."""


def use_port(port: int) -> None:
    """Send the package's connections, whose port 8883 is fixed, to the sink's port."""
    connect = getattr(paho.Client.connect, "__wrapped__", paho.Client.connect)

    @functools.wraps(connect)
    def to_sink(self: Any, host: str, **kwargs: Any) -> Any:
        return connect(self, host, **(kwargs | {"port": port}))

    paho.Client.connect = to_sink


def make(job: Job, cls: Any, device: str | None = None) -> Any:
    """Make a client that is set up and not connected; a lost connection shows as an error."""
    use_port(job.port)
    return cls.create_from_connection_string(
        job.connection_string(device),
        server_verification_cert=Path(job.ca).read_text(),
        connection_retry=False,
    )


def connected(job: Job, device: str | None = None) -> Any:
    """Make a connected blocking client."""
    client = make(job, IoTHubDeviceClient, device)
    client.connect()
    return client


async def connected_aio(job: Job, device: str | None = None) -> Any:
    """Make a connected asynchronous client."""
    client = make(job, AioClient, device)
    await client.connect()
    return client


def pipelined(job: Job) -> Result:
    """Messages from a hundred threads."""
    client = connected(job)
    with ThreadPoolExecutor(THREADS) as pool, measured(job.n) as result:
        for _ in pool.map(lambda _: client.send_message(PAYLOAD), range(job.n)):
            pass
    return result


def twin_100(job: Job) -> Result:
    """Patches from a hundred threads."""
    client = connected(job)
    client.patch_twin_reported_properties(PATCH)
    with ThreadPoolExecutor(100) as pool, measured(job.n) as result:
        for _ in pool.map(lambda _: client.patch_twin_reported_properties(PATCH), range(job.n)):
            pass
    return result


def one_at_a_time(job: Job) -> Result:
    """Send and wait for the acknowledgement, each in turn."""
    client = connected(job)
    return repeat(job.n, lambda: client.send_message(PAYLOAD))


def twin_rtt(job: Job) -> Result:
    """One patch after the other; the first, which subscribes, is not counted."""
    client = connected(job)
    client.patch_twin_reported_properties(PATCH)
    return repeat(job.n, lambda: client.patch_twin_reported_properties(PATCH))


def counter(n: int) -> tuple[threading.Event, Any]:
    """Make an event and the message handler that sets it at the ``n``-th message."""
    done = threading.Event()
    left = itertools.count(n - 1, -1)

    def on_message(_message: Any) -> None:
        if next(left) == 0:
            done.set()

    return done, on_message


def receive(job: Job, qos: int) -> Result:
    """Count messages in the handler."""
    client = connected(job)
    done, client.on_message_received = counter(job.n)
    with measured(job.n) as result:
        client.send_message(job.flood(qos))
        if not done.wait(TIMEOUT):
            raise TimeoutError("not all received")
    return result


def connect_task(job: Job) -> Result:
    """Connect again and again; making the client and parting are not in the samples."""
    with measured(job.n) as result:
        for _ in range(job.n):
            client = make(job, IoTHubDeviceClient)
            start = time.perf_counter()
            client.connect()
            result.samples.append(time.perf_counter() - start)
            client.shutdown()
    return result


async def gather_aio(job: Job) -> Result:
    """Await a thousand gathered messages at a time."""
    client = await connected_aio(job)
    return await gathered(job.n, 1000, lambda: client.send_message(PAYLOAD))


async def one_at_a_time_aio(job: Job) -> Result:
    """Send and await the acknowledgement, each in turn."""
    client = await connected_aio(job)
    return await repeat_async(job.n, lambda: client.send_message(PAYLOAD))


async def twin_rtt_aio(job: Job) -> Result:
    """One patch after the other; the first, which subscribes, is not counted."""
    client = await connected_aio(job)
    await client.patch_twin_reported_properties(PATCH)
    return await repeat_async(job.n, lambda: client.patch_twin_reported_properties(PATCH))


async def twin_100_aio(job: Job) -> Result:
    """Await a hundred gathered patches at a time."""
    client = await connected_aio(job)
    await client.patch_twin_reported_properties(PATCH)
    return await gathered(job.n, 100, lambda: client.patch_twin_reported_properties(PATCH))


async def receive_aio(job: Job, qos: int) -> Result:
    """Count messages in the handler."""
    client = await connected_aio(job)
    done, client.on_message_received = counter(job.n)
    with measured(job.n) as result:
        await client.send_message(job.flood(qos))
        if not await asyncio.to_thread(done.wait, TIMEOUT):
            raise TimeoutError("not all received")
    return result


async def connect_aio(job: Job) -> Result:
    """Connect again and again; making the client and parting are not in the samples."""
    with measured(job.n) as result:
        for _ in range(job.n):
            client = make(job, AioClient)
            start = time.perf_counter()
            await client.connect()
            result.samples.append(time.perf_counter() - start)
            await client.shutdown()
    return result


SYNC: dict[str, Task] = {
    "qos1_pipelined": pipelined,
    "qos1_pipelined_late20ms": pipelined,
    "qos1_one_at_a_time": one_at_a_time,
    "twin_patch_rtt": twin_rtt,
    "twin_patch_100": twin_100,
    "receive_qos0": lambda job: receive(job, 0),
    "receive_qos1": lambda job: receive(job, 1),
    "connect": connect_task,
    "footprint": lambda job: open_many(job.n, lambda i: connected(job, f"bench-{i}")),
}

AIO: dict[str, Task] = {
    "qos1_pipelined_gather": lambda job: asyncio.run(gather_aio(job)),
    "qos1_pipelined_late20ms": lambda job: asyncio.run(gather_aio(job)),
    "qos1_one_at_a_time_async": lambda job: asyncio.run(one_at_a_time_aio(job)),
    "twin_patch_rtt_async": lambda job: asyncio.run(twin_rtt_aio(job)),
    "twin_patch_100": lambda job: asyncio.run(twin_100_aio(job)),
    "receive_qos0": lambda job: asyncio.run(receive_aio(job, 0)),
    "receive_qos1": lambda job: asyncio.run(receive_aio(job, 1)),
    "connect": lambda job: asyncio.run(connect_aio(job)),
    "footprint": lambda job: asyncio.run(open_many_async(job.n, lambda i: connected_aio(job, f"bench-{i}"))),
}

if __name__ == "__main__":
    if sys.argv[1:3] not in (["--face", "sync"], ["--face", "aio"]):
        sys.exit("--face sync or --face aio must come first")
    face = SYNC if sys.argv[2] == "sync" else AIO
    del sys.argv[1:3]
    main(face)
