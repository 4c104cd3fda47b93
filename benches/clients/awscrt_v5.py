"""The tasks of MQTT 5 for awscrt's ``mqtt5.Client``; ``awscrt_.py`` is what is started."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from awscrt import io, mqtt5
from common import PAYLOAD, REQUESTS, TIMEOUT, Job, Result, correlations, gathered, measured, repeat

QOS1 = mqtt5.QoS.AT_LEAST_ONCE


def connect(job: Job, on_message: Callable[[Any], None] | None = None) -> mqtt5.Client:
    """Make a client, start it, and return when the CONNACK is there."""
    group = io.EventLoopGroup(1)
    tls = io.TlsContextOptions()
    tls.override_default_trust_store_from_path(None, job.ca)
    connected: Future[None] = Future()
    client = mqtt5.Client(
        mqtt5.ClientOptions(
            host_name=job.host,
            port=job.port,
            bootstrap=io.ClientBootstrap(group, io.DefaultHostResolver(group)),
            tls_ctx=io.ClientTlsContext(tls),
            connect_options=mqtt5.ConnectPacket(
                keep_alive_interval_sec=240,
                client_id=job.device,
                username=job.username,
                password="any",  # noqa: S106 -- the sink takes anything
            ),
            on_publish_callback_fn=on_message,
            on_lifecycle_event_connection_success_fn=lambda _: connected.set_result(None),
            disable_metrics=True,
        )
    )
    client.start()
    connected.result(15)
    return client


def subscribe(client: mqtt5.Client, topic: str) -> None:
    """Subscribe at QoS 1 and wait for the SUBACK."""
    subscriptions = [mqtt5.Subscription(topic_filter=topic, qos=QOS1)]
    client.subscribe(mqtt5.SubscribePacket(subscriptions=subscriptions)).result(TIMEOUT)


def publish(client: mqtt5.Client, job: Job, payload: bytes = PAYLOAD) -> Future[Any]:
    """Publish once, and give the future of the acknowledgement."""
    future: Future[Any] = client.publish(mqtt5.PublishPacket(payload=payload, qos=QOS1, topic=job.events))
    return future


def qos1_pipelined(job: Job) -> Result:
    """Publish all at once; wait for every future."""
    client = connect(job)
    with measured(job.n) as result:
        for future in [publish(client, job) for _ in range(job.n)]:
            future.result(TIMEOUT)
    return result


async def qos1_gather(job: Job) -> Result:
    """Await a thousand gathered publishes at a time."""
    client = connect(job)
    return await gathered(job.n, 1000, lambda: asyncio.wrap_future(publish(client, job)))


def qos1_one(job: Job) -> Result:
    """Publish and wait for the acknowledgement, each in turn."""
    client = connect(job)
    return repeat(job.n, lambda: publish(client, job).result(TIMEOUT))


def request(job: Job) -> Result:
    """Send a request, wait for the message with its correlation data, each in turn."""
    waiting: dict[bytes, Future[None]] = {}
    made = correlations()

    def on_message(received: mqtt5.PublishReceivedData) -> None:
        future = waiting.pop(received.publish_packet.correlation_data_bytes, None)
        if future is not None:
            future.set_result(None)

    client = connect(job, on_message)
    subscribe(client, job.answers)

    def once() -> None:
        correlation = next(made)
        future = waiting[correlation] = Future()
        client.publish(
            mqtt5.PublishPacket(
                payload=PAYLOAD,
                qos=QOS1,
                topic=REQUESTS,
                response_topic=job.answers,
                correlation_data_bytes=correlation,
            )
        )
        future.result(TIMEOUT)

    return repeat(job.n, once)


def receive(job: Job) -> Result:
    """Count messages at QoS 1 in the client's callback."""
    done = threading.Event()
    left = itertools.count(job.n - 1, -1)

    def on_message(_: Any) -> None:
        if next(left) == 0:
            done.set()

    client = connect(job, on_message)
    subscribe(client, job.devicebound)
    with measured(job.n) as result:
        publish(client, job, job.flood(1))
        if not done.wait(TIMEOUT):
            raise TimeoutError("not all received")
    return result
