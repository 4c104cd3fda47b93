"""Paho clients as an application makes them."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import paho.mqtt.client as mqtt

import azmqtt
from azmqtt.paho import configure

TWO = hasattr(mqtt, "CallbackAPIVersion")

#: The callback API versions that this paho has.
API_VERSIONS = [1, 2] if TWO else [1]

ANSWERS = "$iothub/twin/res/#"


def make(kind: type[mqtt.Client] = mqtt.Client, *, api: int = 1, **arguments: Any) -> mqtt.Client:
    """A client, without anything else."""
    if TWO:
        arguments["callback_api_version"] = mqtt.CallbackAPIVersion(api)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return kind(**arguments)


def device_of(hub: azmqtt.LocalHub, kind: type[mqtt.Client] = mqtt.Client, **arguments: Any) -> mqtt.Client:
    """A client of a new device, ready to connect."""
    device = hub.create_device()
    client = make(kind, client_id=device.device_id, **arguments)
    configure(client, device.connection_string, trust=hub.ca_file)
    client.reconnect_delay_set(0.05, 0.05)
    client.device_id = device.device_id
    return client


@contextmanager
def running(client: mqtt.Client, port: int) -> Iterator[mqtt.Client]:
    """Connect and run the loop on paho's thread."""
    client.connect("localhost", port)
    client.loop_start()
    try:
        wait_until(client.is_connected)
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def wait_until(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.002)
    return value


class Seen:
    """A callback of any signature that keeps what it was called with."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.calls: list[tuple[Any, ...]] = []
        self.threads: set[int] = set()

    __name__ = "Seen"

    def __call__(self, *args: Any) -> None:
        """Keep the arguments after client and userdata."""
        self.threads.add(threading.get_ident())
        self.calls.append(args[2:])

    def topics(self) -> list[str]:
        """Topics of messages, up to their query."""
        return [message.topic.split("?")[0] for (message,) in self.calls]
