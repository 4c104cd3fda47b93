"""A message with its properties."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Message:
    """A device-to-cloud message (IoT Hub docs, "Create and read IoT Hub messages").

    At most 262,144 bytes, counted as the service does: the body, the values of system properties, and the names
    and values of ``properties``. Rules are checked when the message is sent.

    Attributes:
        body: ``bytes``, ``bytearray`` or ``memoryview`` as they are; ``str`` as UTF-8 with content type
            ``text/plain``; anything JSON-able as UTF-8 with ``application/json``, so that the service can route by it.
        properties: The application's own names and values.
        message_id: ``$.mid``: at most 128 ASCII letters, digits and ``- : . + % _ # * ? ! ( ) , = @ ; $ '``.
        correlation_id: ``$.cid``.
        user_id: ``$.uid``.
        content_type: ``$.ct``; set to match the body unless given.
        content_encoding: ``$.ce``; ``utf-8`` for a ``str`` or JSON body unless given.
        creation_time: ``$.ctime``: ISO 8601 in UTC, or a ``datetime`` that knows its zone.
        expiry: ``$.exp``: the same.
        component: ``$.sub``: the IoT Plug and Play component.
        output_name: ``$.on``: the output of a module.
        qos: 1 for at least once, 0 for at most once. IoT Hub has no 2.
    """

    body: Any
    properties: Mapping[str, str] | None = field(default=None, kw_only=True)
    message_id: str | None = field(default=None, kw_only=True)
    correlation_id: str | None = field(default=None, kw_only=True)
    user_id: str | None = field(default=None, kw_only=True)
    content_type: str | None = field(default=None, kw_only=True)
    content_encoding: str | None = field(default=None, kw_only=True)
    creation_time: str | datetime | None = field(default=None, kw_only=True)
    expiry: str | datetime | None = field(default=None, kw_only=True)
    component: str | None = field(default=None, kw_only=True)
    output_name: str | None = field(default=None, kw_only=True)
    qos: Literal[0, 1] = field(default=1, kw_only=True)


def utc_text(name: str, value: object) -> str:
    """Write a time as the service wants it: ISO 8601 in UTC.

    Raises:
        TypeError: ``value`` is no ``datetime``.
        ValueError: It does not know its time zone.
    """
    from datetime import datetime, timezone

    if not isinstance(value, datetime):
        msg = f"{name} must be str or datetime, not {type(value).__name__}"
        raise TypeError(msg)
    if value.utcoffset() is None:
        msg = f"{name}: the datetime has no time zone; use datetime.now(timezone.utc), for example"
        raise ValueError(msg)
    return value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
