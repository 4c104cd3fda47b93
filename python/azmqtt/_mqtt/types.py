"""What :class:`~azmqtt.MqttClient` takes and returns, but for messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from azmqtt._mqtt.properties import Fields, UserProperties, fields
from azmqtt._mqtt.topics import check_topic
from azmqtt._support import arguments

if TYPE_CHECKING:
    from azmqtt._mqtt.topics import TopicLimits

#: A will as the core takes it: topic, payload, QoS, retain, delay, properties.
WillFields: TypeAlias = "tuple[str, Any, int, bool, int, Fields | None]"

#: Of PUBACK and PUBREC: accepted, and no subscription matches the topic (MQTT 5 §3.4.2.1).
_NO_MATCHING_SUBSCRIBERS = 0x10


class Published(NamedTuple):
    """A message that the broker has accepted.

    Attributes:
        reason_code: The code of PUBACK, or PUBREC for QoS 2 (MQTT 5 §3.4.2.1): 0 or 0x10. 0 for QoS 0 and with MQTT
            3.1.1, which have none.
        matched: ``False`` if the broker reports that no subscription matches (0x10); otherwise ``None``, because a
            broker need not report it.
    """

    reason_code: int = 0
    matched: bool | None = None


def published(reason_code: int) -> Published:
    """Return the outcome of a publish by its reason code."""
    return _OUTCOMES.get(reason_code) or Published(reason_code)


#: Made once: nearly every publish has one of them.
_OUTCOMES = {0: Published(), _NO_MATCHING_SUBSCRIBERS: Published(_NO_MATCHING_SUBSCRIBERS, matched=False)}


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


def will_fields(will: Any, limits: TopicLimits) -> WillFields | None:
    """Check a will, all but its payload, and return it as the core takes it.

    Raises:
        TypeError: A part is of the wrong type.
        ValueError: A part is out of its bounds.
    """
    if will is None:
        return None
    given: Will = arguments.instance("will", will, Will)
    try:
        properties = fields(
            given.user_properties,
            given.content_type,
            given.response_topic,
            given.correlation_data,
            given.message_expiry,
            given.payload_format,
            limits,
        )
        topic = check_topic("topic", given.topic, limits)
        qos = arguments.whole("qos", given.qos, 0, 2)
        retain = arguments.instance("retain", given.retain, bool)
        delay = arguments.whole("delay", given.delay, 0, 2**32 - 1, "s")
    except (TypeError, ValueError) as error:
        raise type(error)(f"will.{error}") from None
    return topic, given.payload, qos, retain, delay, properties
