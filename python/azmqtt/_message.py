"""A message with its properties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


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
        creation_time: ``$.ctime``: ISO 8601 in UTC, or a ``datetime`` that knows its zone. Services find it in the
            application property ``iothub-creation-time-utc``.
        expiry: ``$.exp``: the same.
        component: ``$.sub``: the IoT Plug and Play component.
        output_name: ``$.on``: the output of a module.
        schema: ``$.schema``: the message schema.
        interface_id: ``$.ifid``: ``urn:azureiot:Security:SecurityAgent:1`` makes it a security message.
        qos: 1 for at least once, 0 for at most once. IoT Hub has no 2.
    """

    __slots__ = (
        "body",
        "component",
        "content_encoding",
        "content_type",
        "correlation_id",
        "creation_time",
        "expiry",
        "interface_id",
        "message_id",
        "output_name",
        "properties",
        "qos",
        "schema",
        "user_id",
    )

    def __init__(
        self,
        body: Any,
        *,
        properties: Mapping[str, str] | None = None,
        message_id: str | None = None,
        correlation_id: str | None = None,
        user_id: str | None = None,
        content_type: str | None = None,
        content_encoding: str | None = None,
        creation_time: str | datetime | None = None,
        expiry: str | datetime | None = None,
        component: str | None = None,
        output_name: str | None = None,
        schema: str | None = None,
        interface_id: str | None = None,
        qos: Literal[0, 1] = 1,
    ) -> None:
        """Take the fields; nothing is checked yet."""
        self.body: Any = body
        self.properties: Mapping[str, str] | None = properties
        self.message_id: str | None = message_id
        self.correlation_id: str | None = correlation_id
        self.user_id: str | None = user_id
        self.content_type: str | None = content_type
        self.content_encoding: str | None = content_encoding
        self.creation_time: str | datetime | None = creation_time
        self.expiry: str | datetime | None = expiry
        self.component: str | None = component
        self.output_name: str | None = output_name
        self.schema: str | None = schema
        self.interface_id: str | None = interface_id
        self.qos: Literal[0, 1] = qos

    def replace(self, **changes: Any) -> Message:
        """Return a copy in which some fields are others.

        Raises:
            TypeError: A field is unknown.
        """
        fields = {name: getattr(self, name) for name in self.__slots__}
        return Message(**{**fields, **changes})

    def __repr__(self) -> str:
        """Show the fields that are set."""
        values = ((name, getattr(self, name)) for name in self.__slots__[1:])
        unset = {"qos": 1}
        shown = "".join(f", {name}={value!r}" for name, value in values if value != unset.get(name))
        return f"Message({self.body!r}{shown})"

    def _repr_html_(self) -> str:
        """Show a table in Jupyter."""
        from azmqtt._support import html

        fields = ((name, getattr(self, name)) for name in self.__slots__ if name not in {"body", "properties", "qos"})
        rows = [("body", html.body(self.body)), *fields, *html.properties(self.properties), ("qos", self.qos)]
        return html.table("Message", rows)

    def __eq__(self, other: object) -> bool:
        """Compare every field."""
        if not isinstance(other, Message):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__: ClassVar[None] = None  # type: ignore[assignment]


def utc_text(name: str, value: object) -> str:
    """Write a time as the service wants it: ISO 8601 in UTC.

    Raises:
        TypeError: ``value`` is not a ``datetime``.
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
