"""User properties: pairs of texts, in order, of which a name may occur more than once (MQTT 5 §3.3.2.3.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from azmqtt._mqtt.topics import ANY_BROKER, TopicLimits, check_topic
from azmqtt._support import arguments

#: The properties of a message, checked, as the core takes them: user properties, content type, response topic,
#: correlation data, seconds of expiry, whether the payload is text.
Fields: TypeAlias = "tuple[list[tuple[str, str]] | None, str | None, str | None, bytes | None, int | None, bool | None]"

#: As callers give them.
UserProperties: TypeAlias = "Mapping[str, str] | Iterable[tuple[str, str]]"

#: MQTT 5 §1.5.4: the length of a text is written in two bytes.
_LONGEST = 65_535
_NO_FIELDS = (None,) * 6


def pairs(field: str, given: Any) -> list[tuple[str, str]]:
    """Return user properties as pairs, in their order.

    Args:
        field: What errors call them.
        given: A sequence of pairs, a mapping, or ``None``.

    Raises:
        TypeError: They are something else, or not of texts.
        ValueError: A text cannot be written: more than 65,535 bytes, U+0000, or no UTF-8.
    """
    if given is None:
        return []
    if isinstance(given, Mapping):
        given = given.items()
    elif isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise TypeError(f"{field} must be pairs of a name and a value, or a mapping, not {type(given).__name__}")
    return [_pair(field, number, pair) for number, pair in enumerate(given)]


def _pair(field: str, number: int, pair: Any) -> tuple[str, str]:
    if isinstance(pair, str | bytes):
        raise TypeError(f"{field}[{number}] must be a pair of a name and a value, not {type(pair).__name__}")
    try:
        name, value = pair
    except (TypeError, ValueError):
        raise TypeError(f"{field}[{number}] must be a pair of a name and a value") from None
    return writable(f"{field}[{number}], its name,", name), writable(f"{field}[{number}], its value,", value)


def fields(
    user_properties: Any,
    content_type: Any,
    response_topic: Any,
    correlation_data: Any,
    message_expiry: Any,
    payload_format: Any,
    limits: TopicLimits = ANY_BROKER,
) -> Fields | None:
    """Check the properties of a message, and return them as the core takes them; ``None`` if none is given.

    Raises:
        TypeError: One is of the wrong type.
        ValueError: One is out of its bounds.
    """
    given = (user_properties, content_type, response_topic, correlation_data, message_expiry, payload_format)
    if given == _NO_FIELDS:
        return None
    if user_properties is not None:
        user_properties = pairs("user_properties", user_properties)
    if content_type is not None:
        writable("content_type", content_type)
    if response_topic is not None:
        check_topic("response_topic", response_topic, limits)
    if correlation_data is not None:
        correlation_data = _data("correlation_data", correlation_data)
    if message_expiry is not None:
        message_expiry = arguments.whole("message_expiry", message_expiry, 0, 2**32 - 1, "s")
    if payload_format is not None:
        payload_format = bool(arguments.whole("payload_format", payload_format, 0, 1))
    return user_properties, content_type, response_topic, correlation_data, message_expiry, payload_format


def _data(field: str, value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise TypeError(f"{field} must be bytes, not {type(value).__name__}")
    data = bytes(value)
    if len(data) > _LONGEST:
        raise ValueError(f"{field} has {len(data):,} bytes, and MQTT allows {_LONGEST:,}")
    return data


def writable(field: str, value: Any) -> str:
    """Check a text that is to be written in a packet, and return it (MQTT 5 §1.5.4).

    Raises:
        TypeError: It is not a string.
        ValueError: It is too long, holds U+0000, or is not UTF-8.
    """
    text = arguments.text(field, value)
    if "\0" in text:
        raise ValueError(f"{field} contains U+0000, which MQTT does not allow in text")
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        raise ValueError(f"{field} contains half of a surrogate pair and is not UTF-8") from None
    if length > _LONGEST:
        raise ValueError(f"{field} has {length:,} bytes, and MQTT allows {_LONGEST:,} for a text")
    return text
