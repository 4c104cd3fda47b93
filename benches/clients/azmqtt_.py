"""azmqtt: both clients of the package that this repository builds, each with both of its faces."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import azmqtt
from common import (
    PATCH,
    PAYLOAD,
    REQUESTS,
    TIMEOUT,
    Job,
    Result,
    gathered,
    main,
    measured,
    open_many,
    repeat,
    repeat_async,
)


def make(job: Job, device: str | None = None) -> Any:
    """Make a client that is set up and not connected."""
    options: dict[str, Any] = {"trust": job.ca, "port": job.port, "timeout": TIMEOUT}
    if job.window is not None:
        options["max_in_flight"] = job.window
    return azmqtt.DeviceClient.from_connection_string(job.connection_string(device), **options)


def connected(job: Job, device: str | None = None) -> Any:
    """Make a connected client; both faces work on it."""
    client = make(job, device)
    client.connect()
    return client


def qos1_pipelined(job: Job) -> Result:
    """One call with an iterable of bytes."""
    client = connected(job)
    with measured(job.n) as result:
        acknowledged = client.send_messages(itertools.repeat(PAYLOAD, job.n))
    if acknowledged != job.n:
        raise RuntimeError(f"{acknowledged} of {job.n} acknowledged")
    return result


async def qos1_pipelined_gather(job: Job) -> Result:
    """Await a thousand gathered messages at a time."""
    client = connected(job)
    return await gathered(job.n, 1000, lambda: client.send_message_async(PAYLOAD))


def qos1_one_at_a_time(job: Job) -> Result:
    """Send and wait for the acknowledgement, each in turn."""
    client = connected(job)
    return repeat(job.n, lambda: client.send_message(PAYLOAD))


async def qos1_one_at_a_time_async(job: Job) -> Result:
    """Do the same, awaited."""
    client = connected(job)
    return await repeat_async(job.n, lambda: client.send_message_async(PAYLOAD))


def twin_patch_rtt(job: Job) -> Result:
    """One patch after the other; the first, which subscribes, is not counted."""
    client = connected(job)
    client.patch_reported_properties(PATCH)
    return repeat(job.n, lambda: client.patch_reported_properties(PATCH))


async def twin_patch_rtt_async(job: Job) -> Result:
    """Do the same, awaited."""
    client = connected(job)
    await client.patch_reported_properties_async(PATCH)
    return await repeat_async(job.n, lambda: client.patch_reported_properties_async(PATCH))


async def twin_patch_100(job: Job) -> Result:
    """Await a hundred gathered patches at a time."""
    client = connected(job)
    await client.patch_reported_properties_async(PATCH)
    return await gathered(job.n, 100, lambda: client.patch_reported_properties_async(PATCH))


def receive(job: Job, qos: int) -> Result:
    """Count messages of the iterator, which subscribes when it is made."""
    client = connected(job)
    messages = client.messages(timeout=TIMEOUT)
    with measured(job.n) as result:
        client.send_message(job.flood(qos))
        received = sum(1 for _ in itertools.islice(messages, job.n))
    if received != job.n:
        raise RuntimeError(f"{received} of {job.n} received")
    return result


def connect_task(job: Job) -> Result:
    """Connect again and again; making the client and parting are not in the samples."""
    with measured(job.n) as result:
        for _ in range(job.n):
            client = make(job)
            start = time.perf_counter()
            client.connect()
            result.samples.append(time.perf_counter() - start)
            client.close()
    return result


def broker_client(job: Job, protocol: int = 5) -> Any:
    """Make a connected client of any broker."""
    client = azmqtt.MqttClient(
        job.host,
        job.device,
        username=job.username,
        password="any",  # noqa: S106 -- the sink takes anything
        trust=job.ca,
        port=job.port,
        timeout=TIMEOUT,
        protocol=protocol,
    )
    client.connect()
    return client


def broker_pipelined(job: Job, protocol: int = 5) -> Result:
    """One call with an iterable of topics and bytes."""
    client = broker_client(job, protocol)
    with measured(job.n) as result:
        acknowledged = client.publish_many(itertools.repeat((job.events, PAYLOAD), job.n))
    if acknowledged != job.n:
        raise RuntimeError(f"{acknowledged} of {job.n} acknowledged")
    return result


async def broker_gather(job: Job) -> Result:
    """Await a thousand gathered messages at a time."""
    client = broker_client(job)
    return await gathered(job.n, 1000, lambda: client.publish_async(job.events, PAYLOAD))


def broker_one(job: Job) -> Result:
    """Publish and wait for the acknowledgement, each in turn."""
    client = broker_client(job)
    return repeat(job.n, lambda: client.publish(job.events, PAYLOAD))


def broker_request(job: Job) -> Result:
    """One request after the other; the first, which subscribes, is not counted."""
    client = broker_client(job)
    client.request(REQUESTS, PAYLOAD, response_topic=job.answers)
    return repeat(job.n, lambda: client.request(REQUESTS, PAYLOAD, response_topic=job.answers))


def broker_receive(job: Job) -> Result:
    """Count messages of the iterator."""
    client = broker_client(job)
    messages = client.messages(timeout=TIMEOUT)
    client.subscribe(job.devicebound)
    with measured(job.n) as result:
        client.publish(job.events, job.flood(1))
        received = sum(1 for _ in itertools.islice(messages, job.n))
    if received != job.n:
        raise RuntimeError(f"{received} of {job.n} received")
    return result


if __name__ == "__main__":
    main(
        {
            "qos1_pipelined": qos1_pipelined,
            "qos1_pipelined_gather": lambda job: asyncio.run(qos1_pipelined_gather(job)),
            "qos1_pipelined_late20ms": qos1_pipelined,
            "qos1_one_at_a_time": qos1_one_at_a_time,
            "qos1_one_at_a_time_async": lambda job: asyncio.run(qos1_one_at_a_time_async(job)),
            "twin_patch_rtt": twin_patch_rtt,
            "twin_patch_rtt_async": lambda job: asyncio.run(twin_patch_rtt_async(job)),
            "twin_patch_100": lambda job: asyncio.run(twin_patch_100(job)),
            "receive_qos0": lambda job: receive(job, 0),
            "receive_qos1": lambda job: receive(job, 1),
            "v5_qos1_pipelined": broker_pipelined,
            "v4_qos1_pipelined": lambda job: broker_pipelined(job, 4),
            "v5_qos1_gather": lambda job: asyncio.run(broker_gather(job)),
            "v5_qos1_one": broker_one,
            "v5_request": broker_request,
            "v5_receive": broker_receive,
            "connect": connect_task,
            "footprint": lambda job: open_many(job.n, lambda i: connected(job, f"bench-{i}")),
        }
    )
