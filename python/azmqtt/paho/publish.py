"""The names of `paho.mqtt.publish`: publish some messages and disconnect."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

from azmqtt.paho._once import MQTTException, TransportOptions, run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Unpack

    from azmqtt.paho._client import Client
    from azmqtt.paho._messages import PayloadType

__all__ = ["MQTTException", "multiple", "single"]

#: A dictionary of the arguments of `Client.publish`, or a tuple of them.
Message: TypeAlias = "dict[str, Any] | tuple[Any, ...]"


def multiple(
    msgs: Iterable[Message], hostname: str = "localhost", port: int = 1883, **options: Unpack[TransportOptions]
) -> None:
    """Publish messages one after the other. Each waits until the previous one is written (QoS 0) or acknowledged.

    Args:
        msgs: Dictionaries with `topic`, `payload`, `qos` and `retain`, or tuples in that order.
        hostname: The broker's host.
        port: The broker's port.
        options: `client_id`, `keepalive`, `will`, `auth`, `tls`, `protocol`, `transport`,
            `proxy_args`, as in paho.

    Raises:
        MQTTException: The broker refused the connection.
        OSError: The connection failed.
        TypeError: A message is neither a dictionary nor a tuple.
    """
    waiting = deque(msgs)
    for message in waiting:
        if not isinstance(message, (dict, tuple)):
            raise TypeError("each of msgs must be a dict or a tuple")

    def publish_next(client: Client, *_: Any) -> None:
        if not waiting:
            client.disconnect()
            return
        message = waiting.popleft()
        if isinstance(message, dict):
            client.publish(**message)
        else:
            client.publish(*message)

    def prepare(client: Client) -> None:
        client.on_publish = publish_next

    run(hostname, port, options, publish_next, prepare)


def single(
    topic: str,
    payload: PayloadType = None,
    qos: int = 0,
    retain: bool = False,
    hostname: str = "localhost",
    port: int = 1883,
    **options: Unpack[TransportOptions],
) -> None:
    """Publish one message; see `multiple`."""
    multiple([{"topic": topic, "payload": payload, "qos": qos, "retain": retain}], hostname, port, **options)
