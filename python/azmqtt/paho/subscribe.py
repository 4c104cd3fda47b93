"""The names of `paho.mqtt.subscribe`: receive some messages and disconnect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azmqtt.paho._once import MQTTException, TransportOptions, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Unpack

    from azmqtt.paho._client import Client
    from azmqtt.paho._messages import MQTTMessage

__all__ = ["MQTTException", "callback", "simple"]


def callback(
    callback: Callable[[Client, Any, MQTTMessage], Any],
    topics: str | list[str],
    qos: int = 0,
    userdata: Any = None,
    hostname: str = "localhost",
    port: int = 1883,
    *,
    clean_session: bool = True,
    **options: Unpack[TransportOptions],
) -> None:
    """Call a function for every message on some topics, until it calls `client.disconnect()`.

    Args:
        callback: A function of the client, `userdata` and the message.
        topics: A topic filter, or a list of them.
        qos: 0 or 1, for all of them.
        userdata: The second argument of the function.
        hostname: The broker's host.
        port: The broker's port.
        clean_session: Whether the broker discards the session; if false, `client_id` is required.
        options: As for `azmqtt.paho.publish.multiple`.

    Raises:
        MQTTException: The broker refused the connection or the subscription.
        OSError: The connection failed.
    """

    def begin(client: Client) -> None:
        client.subscribe([(topic, qos) for topic in ([topics] if isinstance(topics, str) else topics)])

    def prepare(client: Client) -> None:
        client.on_message = callback

    run(hostname, port, options, begin, prepare, userdata=userdata, clean_session=clean_session)


def simple(
    topics: str | list[str],
    qos: int = 0,
    msg_count: int = 1,
    retained: bool = True,
    hostname: str = "localhost",
    port: int = 1883,
    *,
    clean_session: bool = True,
    **options: Unpack[TransportOptions],
) -> MQTTMessage | list[MQTTMessage]:
    """Wait for messages.

    Args:
        topics: A topic filter, or a list of them.
        qos: 0 or 1, for all of them.
        msg_count: The number of messages.
        retained: Whether retained messages count.
        hostname: The broker's host.
        port: The broker's port.
        clean_session: As for `callback`.
        options: As for `azmqtt.paho.publish.multiple`.

    Returns:
        The message, or a list of messages if `msg_count` is more than 1.

    Raises:
        ValueError: `msg_count` is less than 1.
        MQTTException: The broker refused the connection or the subscription.
        OSError: The connection failed.
    """
    if msg_count < 1:
        raise ValueError("msg_count must be at least 1")
    messages: list[MQTTMessage] = []

    def keep(client: Client, _userdata: Any, message: MQTTMessage) -> None:
        if (message.retain and not retained) or len(messages) == msg_count:
            return
        messages.append(message)
        if len(messages) == msg_count:
            client.disconnect()

    callback(keep, topics, qos, None, hostname, port, clean_session=clean_session, **options)
    return messages[0] if msg_count == 1 else messages
