"""What :class:`~azmqtt.MqttClient` takes and returns, but for messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from azmqtt._mqtt.properties import UserProperties, pairs, writable
from azmqtt._mqtt.topics import check_topic
from azmqtt._support import arguments

if TYPE_CHECKING:
    from azmqtt._mqtt.topics import TopicLimits

#: Of PUBACK and PUBREC: accepted, and nobody has subscribed to the topic (MQTT 5 §3.4.2.1).
_NO_MATCHING_SUBSCRIBERS = 0x10


class Published(NamedTuple):
    """A message that the broker has accepted.

    Attributes:
        reason_code: The code of PUBACK, or PUBREC for QoS 2 (MQTT 5 §3.4.2.1): 0 or 0x10. 0 for QoS 0 and with MQTT
            3.1.1, which have none.
        matched: ``False`` if the broker says that nobody has subscribed to the topic (0x10); otherwise ``None``,
            because a broker need not say so.
    """

    reason_code: int = 0
    matched: bool | None = None


def published(reason_code: int) -> Published:
    """Make the outcome of a publish of its reason code."""
    return Published(reason_code, False if reason_code == _NO_MATCHING_SUBSCRIBERS else None)


class Will(NamedTuple):
    """What the broker publishes when the connection is lost (MQTT 5 §3.1.2.5).

    Attributes:
        topic: Where to.
        payload: As for :meth:`~azmqtt.MqttClient.publish`; at most 65,535 bytes.
        qos: 0, 1 or 2.
        retain: Whether the broker keeps it for later subscribers.
        delay: Seconds that the broker waits for the client to come back (MQTT 5).
        user_properties: Pairs of a name and a value, in order, or a mapping (MQTT 5).
        content_type: Such as ``"application/json"`` (MQTT 5).
        response_topic: Where an answer is wanted (MQTT 5).
        correlation_data: What an answer is to carry (MQTT 5).
        message_expiry: Seconds that the message is worth delivering (MQTT 5).
        payload_format: 1 for UTF-8, 0 for any bytes (MQTT 5).
    """

    topic: str
    payload: Any = b""
    qos: Literal[0, 1, 2] = 0
    retain: bool = False
    delay: int = 0
    user_properties: UserProperties | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    message_expiry: int | None = None
    payload_format: Literal[0, 1] | None = None


def checked_will(will: Any, limits: TopicLimits) -> Will | None:
    """Check a will, all but its payload, and return it with its properties in pairs.

    Raises:
        TypeError: A part is of the wrong type.
        ValueError: A part is out of its bounds.
    """
    if will is None:
        return None
    given: Will = arguments.instance("will", will, Will)
    check_topic("will.topic", given.topic, limits)
    if given.response_topic is not None:
        check_topic("will.response_topic", given.response_topic, limits)
    if given.content_type is not None:
        writable("will.content_type", given.content_type)
    if given.correlation_data is not None:
        arguments.instance("will.correlation_data", given.correlation_data, bytes)
    if given.message_expiry is not None:
        arguments.whole("will.message_expiry", given.message_expiry, 0, 2**32 - 1, "s")
    if given.payload_format is not None:
        arguments.whole("will.payload_format", given.payload_format, 0, 1)
    arguments.whole("will.qos", given.qos, 0, 2)
    arguments.instance("will.retain", given.retain, bool)
    arguments.whole("will.delay", given.delay, 0, 2**32 - 1, "s")
    return given._replace(user_properties=pairs("will.user_properties", given.user_properties))
