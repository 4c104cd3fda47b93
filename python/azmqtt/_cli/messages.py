"""Messages as a device's commands read them from their options and print them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azmqtt._cli import common

if TYPE_CHECKING:
    from azmqtt import CloudMessage

#: System properties that users of ``az iot`` write among the others.
SYSTEM = {"$.mid": "message_id", "$.cid": "correlation_id", "$.ct": "content_type", "$.ce": "content_encoding"}


def fields(props: str | None) -> tuple[dict[str, Any], dict[str, str]]:
    """Part the system's properties from the application's."""
    application = common.properties(props)
    return {name: application.pop(wire, None) for wire, name in SYSTEM.items()}, application


def shown(message: CloudMessage) -> dict[str, Any]:
    names = ("message_id", "correlation_id", "user_id", "to", "content_type", "content_encoding", "creation_time")
    system = {name: getattr(message, name) for name in (*names, "expiry", "ack")}
    return {
        **common.body(message.body),
        "properties": message.properties,
        **{name: value for name, value in system.items() if value is not None},
    }
