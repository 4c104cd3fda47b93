"""paho-mqtt 2.x: its own network thread, callbacks, ``wait_for_publish``.

Three scripts in one: ``paho_.py`` is paho with twin patches written by hand; ``--way patcher`` has them done by
``azmqtt.paho.TwinPatcher`` on the same client; ``--way drop-in`` is the first with the import changed to azmqtt's.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from typing import Any

from common import (
    PATCH,
    PATCH_BYTES,
    PAYLOAD,
    REQUESTS,
    TIMEOUT,
    TWIN_RESPONSES,
    Job,
    Result,
    correlations,
    main,
    measured,
    open_many,
    repeat,
    request_id,
)

WAY = sys.argv.pop(2) if sys.argv[1:2] == ["--way"] else "by hand"
if WAY != "by hand":
    del sys.argv[1]
if WAY == "drop-in":
    import azmqtt.paho.client as mqtt
else:
    import paho.mqtt.client as mqtt


def make(job: Job, device: str | None = None) -> mqtt.Client:
    """Make a client that is set up and not connected."""
    protocol = mqtt.MQTTv5 if job.v5 else mqtt.MQTTv311
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=device or job.device, protocol=protocol)
    client.username_pw_set(job.username, "any")
    client.tls_set(ca_certs=job.ca)
    if job.window is not None:
        client.max_inflight_messages_set(job.window)
    return client


def connect(job: Job, client: mqtt.Client) -> mqtt.Client:
    """Connect and return when the CONNACK is there."""
    ready = threading.Event()
    client.on_connect = lambda *_: ready.set()
    client.connect(job.host, job.port, keepalive=240)
    client.loop_start()
    if not ready.wait(15):
        raise TimeoutError("no CONNACK")
    return client


def subscribe(client: mqtt.Client, topic: str) -> None:
    """Subscribe at QoS 1 and wait for the SUBACK."""
    ready = threading.Event()
    client.on_subscribe = lambda *_: ready.set()
    client.subscribe(topic, qos=1)
    if not ready.wait(TIMEOUT):
        raise TimeoutError("no SUBACK")


def qos1_pipelined(job: Job) -> Result:
    """Publish all at once, then wait for the last acknowledgement."""
    client = connect(job, make(job))
    done = threading.Event()
    left = itertools.count(job.n - 1, -1)

    def on_publish(*_: Any) -> None:
        if next(left) == 0:
            done.set()

    client.on_publish = on_publish
    with measured(job.n) as result:
        for _ in range(job.n):
            client.publish(job.events, PAYLOAD, qos=1)
        if not done.wait(TIMEOUT):
            raise TimeoutError("not all acknowledged")
    return result


def qos1_one_at_a_time(job: Job) -> Result:
    """Publish and wait for the acknowledgement, each in turn."""
    client = connect(job, make(job))
    return repeat(job.n, lambda: client.publish(job.events, PAYLOAD, qos=1).wait_for_publish(TIMEOUT))


class Twin:
    """Twin patches by hand, as an application on a bare MQTT client has them."""

    def __init__(self, job: Job) -> None:
        self._client = connect(job, make(job))
        self._waiting: dict[str, threading.Event] = {}
        self._ids = itertools.count(1)
        self._client.message_callback_add(TWIN_RESPONSES, self._on_response)
        subscribe(self._client, TWIN_RESPONSES)

    def _on_response(self, _client: Any, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        waiting = self._waiting.pop(request_id(message.topic), None)
        if waiting is not None:
            waiting.set()

    def start(self) -> threading.Event:
        """Send a patch; the event is set by its answer."""
        rid = str(next(self._ids))
        answered = self._waiting[rid] = threading.Event()
        self._client.publish(f"$iothub/twin/PATCH/properties/reported/?$rid={rid}", PATCH_BYTES, qos=0)
        return answered

    def patch(self) -> None:
        """Send a patch and wait for its answer."""
        if not self.start().wait(TIMEOUT):
            raise TimeoutError("no answer")


def twin_patch_rtt(job: Job) -> Result:
    """One patch after the other."""
    if WAY == "patcher":
        from azmqtt.paho import TwinPatcher  # noqa: PLC0415 -- the other two do without it

        twin = TwinPatcher(connect(job, make(job)))
        return repeat(job.n, lambda: twin.patch(PATCH, timeout=TIMEOUT))
    return repeat(job.n, Twin(job).patch)


def twin_patch_100(job: Job) -> Result:
    """Have a hundred patches on their way from one thread, then the next hundred."""
    twin = Twin(job)
    with measured(job.n // 100 * 100) as result:
        for _ in range(job.n // 100):
            for answered in [twin.start() for _ in range(100)]:
                if not answered.wait(TIMEOUT):
                    raise TimeoutError("no answer")
    return result


def request(job: Job) -> Result:
    """Send a request, wait for the message with its correlation data, each in turn."""
    from paho.mqtt.packettypes import PacketTypes  # noqa: PLC0415 -- only MQTT 5 needs them
    from paho.mqtt.properties import Properties  # noqa: PLC0415

    client = connect(job, make(job))
    waiting: dict[bytes, threading.Event] = {}
    made = correlations()

    def on_message(_client: Any, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        answered = waiting.pop(message.properties.CorrelationData, None)
        if answered is not None:
            answered.set()

    client.on_message = on_message
    subscribe(client, job.answers)

    def once() -> None:
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = job.answers
        properties.CorrelationData = correlation = next(made)
        answered = waiting[correlation] = threading.Event()
        client.publish(REQUESTS, PAYLOAD, qos=1, properties=properties)
        if not answered.wait(TIMEOUT):
            raise TimeoutError("no answer")

    return repeat(job.n, once)


def receive(job: Job, qos: int) -> Result:
    """Count messages in ``on_message``."""
    client = connect(job, make(job))
    done = threading.Event()
    left = itertools.count(job.n - 1, -1)

    def on_message(*_: Any) -> None:
        if next(left) == 0:
            done.set()

    client.on_message = on_message
    subscribe(client, job.devicebound)
    with measured(job.n) as result:
        client.publish(job.events, job.flood(qos), qos=1)
        if not done.wait(TIMEOUT):
            raise TimeoutError("not all received")
    return result


def connect_task(job: Job) -> Result:
    """Connect again and again; making the client and parting are part of neither sample."""
    with measured(job.n) as result:
        for _ in range(job.n):
            client = make(job)
            start = time.perf_counter()
            connect(job, client)
            result.samples.append(time.perf_counter() - start)
            client.disconnect()
            client.loop_stop()
    return result


def footprint(job: Job) -> Result:
    """Clients side by side, a thread each."""
    return open_many(job.n, lambda i: connect(job, make(job, f"bench-{i}")))


if __name__ == "__main__":
    main(
        {
            "qos1_pipelined": qos1_pipelined,
            "qos1_pipelined_late20ms": qos1_pipelined,
            "qos1_one_at_a_time": qos1_one_at_a_time,
            "twin_patch_rtt": twin_patch_rtt,
            "twin_patch_100": twin_patch_100,
            "receive_qos0": lambda job: receive(job, 0),
            "receive_qos1": lambda job: receive(job, 1),
            "v5_qos1_pipelined": qos1_pipelined,
            "v5_qos1_one": qos1_one_at_a_time,
            "v5_request": request,
            "v5_receive": lambda job: receive(job, 1),
            "connect": connect_task,
            "footprint": footprint,
        }
    )
