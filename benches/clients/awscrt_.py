"""awscrt: the AWS common runtime's MQTT clients, C underneath, ``concurrent.futures`` on top.

Its client of MQTT 5 is another one than that of MQTT 3.1.1, and has a script of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import awscrt_v5
from awscrt import io, mqtt
from common import (
    PATCH_BYTES,
    PAYLOAD,
    TIMEOUT,
    TWIN_RESPONSES,
    Job,
    Result,
    gathered,
    main,
    measured,
    open_many,
    repeat,
    repeat_async,
    request_id,
)

QOS0, QOS1 = mqtt.QoS.AT_MOST_ONCE, mqtt.QoS.AT_LEAST_ONCE


def factory(job: Job) -> Callable[..., mqtt.Connection]:
    """One event loop and one TLS context, from which any number of connections are made."""
    group = io.EventLoopGroup(1)
    bootstrap = io.ClientBootstrap(group, io.DefaultHostResolver(group))
    options = io.TlsContextOptions()
    options.override_default_trust_store_from_path(None, job.ca)
    client = mqtt.Client(bootstrap, io.ClientTlsContext(options))

    def make(device: str | None = None) -> mqtt.Connection:
        return mqtt.Connection(
            client,
            host_name=job.host,
            port=job.port,
            client_id=device or job.device,
            username=job.username,
            password="any",  # noqa: S106 -- the sink takes anything
            keep_alive_secs=240,
            disable_metrics=True,
        )

    return make


def connect(connection: mqtt.Connection) -> mqtt.Connection:
    """Connect and return when the CONNACK is there."""
    connection.connect().result(15)
    return connection


def qos1_pipelined(job: Job) -> Result:
    """Publish all at once; the runtime has its own window. Wait for every future."""
    connection = connect(factory(job)())
    with measured(job.n) as result:
        futures = [connection.publish(job.events, PAYLOAD, QOS1)[0] for _ in range(job.n)]
        for future in futures:
            future.result(TIMEOUT)
    return result


async def qos1_pipelined_gather(job: Job) -> Result:
    """Await a thousand gathered publishes at a time."""
    connection = connect(factory(job)())
    return await gathered(job.n, 1000, lambda: asyncio.wrap_future(connection.publish(job.events, PAYLOAD, QOS1)[0]))


def qos1_one_at_a_time(job: Job) -> Result:
    """Publish and wait for the acknowledgement, each in turn."""
    connection = connect(factory(job)())
    return repeat(job.n, lambda: connection.publish(job.events, PAYLOAD, QOS1)[0].result(TIMEOUT))


async def qos1_one_at_a_time_async(job: Job) -> Result:
    """Do the same, awaited."""
    connection = connect(factory(job)())
    return await repeat_async(job.n, lambda: asyncio.wrap_future(connection.publish(job.events, PAYLOAD, QOS1)[0]))


def twin(job: Job) -> Callable[[], Future[None]]:
    """Make a function that sends a twin patch and gives the future of its answer."""
    connection = connect(factory(job)())
    waiting: dict[str, Future[None]] = {}
    ids = itertools.count(1)

    def on_message(topic: str, **_: Any) -> None:
        future = waiting.pop(request_id(topic), None)
        if future is not None:
            future.set_result(None)

    connection.subscribe(TWIN_RESPONSES, QOS1, on_message)[0].result(TIMEOUT)

    def patch() -> Future[None]:
        rid = str(next(ids))
        future = waiting[rid] = Future()
        connection.publish(f"$iothub/twin/PATCH/properties/reported/?$rid={rid}", PATCH_BYTES, QOS0)
        return future

    return patch


def twin_patch_rtt(job: Job) -> Result:
    """One patch after the other."""
    patch = twin(job)
    return repeat(job.n, lambda: patch().result(TIMEOUT))


async def twin_patch_rtt_async(job: Job) -> Result:
    """Do the same, awaited."""
    patch = twin(job)
    return await repeat_async(job.n, lambda: asyncio.wrap_future(patch()))


async def twin_patch_100(job: Job) -> Result:
    """Await a hundred gathered patches at a time."""
    patch = twin(job)
    return await gathered(job.n, 100, lambda: asyncio.wrap_future(patch()))


def receive(job: Job, qos: int) -> Result:
    """Count messages in the subscription's callback."""
    connection = connect(factory(job)())
    done = threading.Event()
    left = itertools.count(job.n - 1, -1)

    def on_message(**_: Any) -> None:
        if next(left) == 0:
            done.set()

    connection.subscribe(job.devicebound, QOS1, on_message)[0].result(TIMEOUT)
    with measured(job.n) as result:
        connection.publish(job.events, job.flood(qos), QOS1)
        if not done.wait(TIMEOUT):
            raise TimeoutError("not all received")
    return result


def connect_task(job: Job) -> Result:
    """Connect again and again on one event loop; parting is not in the samples."""
    make = factory(job)
    with measured(job.n) as result:
        for _ in range(job.n):
            connection = make()
            start = time.perf_counter()
            connect(connection)
            result.samples.append(time.perf_counter() - start)
            connection.disconnect().result(TIMEOUT)
    return result


def footprint(job: Job) -> Result:
    """Open connections side by side on one event loop, which is made inside the reading."""
    shared: list[Callable[..., mqtt.Connection]] = []

    def one(i: int) -> mqtt.Connection:
        if not shared:
            shared.append(factory(job))
        return connect(shared[0](f"bench-{i}"))

    return open_many(job.n, one)


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
            "v5_qos1_pipelined": awscrt_v5.qos1_pipelined,
            "v5_qos1_gather": lambda job: asyncio.run(awscrt_v5.qos1_gather(job)),
            "v5_qos1_one": awscrt_v5.qos1_one,
            "v5_request": awscrt_v5.request,
            "v5_receive": awscrt_v5.receive,
            "connect": connect_task,
            "footprint": footprint,
        }
    )
