"""What happens in a hub or a namespace, one line for each event. Everything from a device or client is escaped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from azmqtt._support.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from azmqtt._hub_types import TelemetryMessage
    from azmqtt._namespace_types import NamespaceMessage

#: Characters of a body, of a patch, or of another text that a line shows.
EXCERPT = 100
#: The same with ``--verbose``.
WHOLE = 100_000

#: So wide is the column with the id.
_WIDTH = 20

#: Select Graphic Rendition (ECMA-48 §8.3.117).
_GREEN, _YELLOW, _RED, _BLUE, _OFF = ("\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[34m", "\x1b[0m")

_COLOURS = {
    "connection.opened": _GREEN,
    "connection.closed": _YELLOW,
    "connection.refused": _RED,
    "request.refused": _RED,
    "publish.refused": _RED,
    "subscribe.refused": _RED,
    "method.failed": _RED,
    "fault.struck": _RED,
    "throttled": _RED,
    "twin.desired": _BLUE,
    "method.called": _BLUE,
    "c2d.enqueued": _BLUE,
}

_WIRE_NAMES = {"sas": "SAS token", "x509": "X.509 certificate"}


class Style(NamedTuple):
    """How lines look.

    Attributes:
        excerpt: How many characters of a text they show at most.
        coloured: Whether a terminal shows their kinds in colours.
    """

    excerpt: int = EXCERPT
    coloured: bool = False


def message_line(message: TelemetryMessage, style: Style) -> str:
    """Show a device-to-cloud message: its id if it has one, its size, its properties, how it begins."""
    message_id = message.system_properties.get("message-id")
    named = f" {printable(message_id, style.excerpt)}" if message_id is not None else ""
    text = f"message{named}, {_content(message.body, message.properties.items(), style)}"
    return _line(message.enqueued_time, _who(message.device_id, message.module_id), text, "", style)


def publish_line(message: NamespaceMessage, style: Style) -> str:
    """Show a message on a namespace: its topic, QoS, size, user properties, and the start of its payload."""
    retained = ", retained" if message.retain else ""
    content = _content(message.payload, message.user_properties, style)
    text = f"message on {printable(message.topic, style.excerpt)}, QoS {message.qos}{retained}, {content}"
    return _line(message.time, _who(message.authentication_name, None), text, "", style)


def _content(body: bytes, properties: Iterable[tuple[str, str]], style: Style) -> str:
    named = "".join(
        f" {printable(name, style.excerpt)}={printable(value, style.excerpt)}" for name, value in properties
    )
    size = f"{len(body)} byte{'s' * (len(body) != 1)}"
    return f"{size}{named and ',' + named}: {printable(_excerpt(body, style), style.excerpt)}"


def event_line(event: Mapping[str, Any], time: datetime, style: Style) -> str:
    """Show an event of the hub or the namespace."""
    kind = str(event.get("type", ""))
    describe = _DESCRIBED.get(kind)
    text = describe(event, style) if describe is not None else _anything(kind, event, style)
    who = _who(event.get("device_id", event.get("client")), event.get("module_id"))
    return _line(time, who, text, _COLOURS.get(kind, ""), style)


def _line(time: datetime, who: str, text: str, colour: str, style: Style) -> str:
    moment = f"{time.astimezone():%H:%M:%S}.{time.microsecond // 1000:03}"
    if style.coloured and colour:
        text = f"{colour}{text}{_OFF}"
    return f"{moment}  {who:<{_WIDTH}}  {text}"


def _who(device_id: object, module_id: object) -> str:
    if device_id is None:
        return "-"
    return printable(f"{device_id}/{module_id}" if module_id is not None else str(device_id))


def _excerpt(body: bytes, style: Style) -> str:
    # No more is read than is shown: a character has four bytes at most.
    start = body[: 4 * style.excerpt + 4]
    try:
        return start.decode()
    except UnicodeDecodeError as error:
        # The cut may be within a character.
        if len(start) < len(body) and error.start > len(start) - 4:
            return start[: error.start].decode()
        return f"0x{start[: style.excerpt // 2].hex()}"


def _text(event: Mapping[str, Any], name: str, style: Style) -> str:
    return printable(str(event.get(name, "")), style.excerpt)


def _number(event: Mapping[str, Any], name: str) -> str:
    number = event.get(name)
    return str(number) if isinstance(number, int | float) else "?"


def _opened(event: Mapping[str, Any], style: Style) -> str:
    auth = _text(event, "auth", style)
    how = [_text(event, "protocol", style), _WIRE_NAMES.get(auth, auth)]
    if event.get("clean_session"):
        how.append("clean session")
    if "session" in event:
        how.append(f"session {_text(event, 'session', style)}")
    return f"connected: {', '.join(filter(None, how))}"


def _closed(event: Mapping[str, Any], style: Style) -> str:
    return f"disconnected: {_text(event, 'reason', style)}"


def _refused(event: Mapping[str, Any], style: Style) -> str:
    code, reason_code = event.get("return_code"), event.get("reason_code")
    named = f" with return code {code}" if isinstance(code, int) else ""
    if isinstance(reason_code, int):
        named = f" with reason code 0x{reason_code:02x}"
    # What is refused, and what to do, is never cut off in its middle.
    whole = style._replace(excerpt=max(style.excerpt, 500))
    advice = f" -> {_text(event, 'advice', whole)}" if event.get("advice") else ""
    return f"refused{named}: {_text(event, 'reason', whole)}{advice}"


def _request_refused(event: Mapping[str, Any], style: Style) -> str:
    return f"request {_refused(event, style)}"


def _action_refused(what: str, member: str) -> Callable[[Mapping[str, Any], Style], str]:
    def describe(event: Mapping[str, Any], style: Style) -> str:
        left_out = f" (and {_number(event, 'left_out')} more)" if "left_out" in event else ""
        return f"{what} {_text(event, member, style)} {_refused(event, style)}{left_out}"

    return describe


def _twin(what: str) -> Callable[[Mapping[str, Any], Style], str]:
    def describe(event: Mapping[str, Any], style: Style) -> str:
        if "patch" in event:
            patch = printable(json.dumps(event["patch"], ensure_ascii=False), style.excerpt)
        else:
            patch = f"{_number(event, 'patch_bytes')} bytes"
        return f"{what}, version {_number(event, 'version')}: {patch}"

    return describe


def _method_called(event: Mapping[str, Any], style: Style) -> str:
    return f"method {_text(event, 'name', style)} called"


def _method_answered(event: Mapping[str, Any], style: Style) -> str:
    status, took = _number(event, "status"), _number(event, "duration_ms")
    return f"method {_text(event, 'name', style)} answered {status} in {took} ms"


def _method_failed(event: Mapping[str, Any], style: Style) -> str:
    return f"method {_text(event, 'name', style)} failed: {_text(event, 'reason', style)}"


def _cloud_message(what: str) -> Callable[[Mapping[str, Any], Style], str]:
    def describe(event: Mapping[str, Any], style: Style) -> str:
        name = event.get("message_id", event.get("sequence", ""))
        return f"cloud-to-device message {printable(str(name), style.excerpt)} {what}"

    return describe


def _fault(event: Mapping[str, Any], style: Style) -> str:
    return f"fault {_text(event, 'rule', style)} struck: {_text(event, 'action', style)}"


def _anything(kind: str, event: Mapping[str, Any], style: Style) -> str:
    """Show an event without a description of its own: its type with dots as spaces, and its members."""
    known = ("id", "time", "type", "kind", "device_id", "module_id", "client")
    rest = {name: value for name, value in event.items() if name not in known}
    what = printable(kind.replace(".", " "))
    return f"{what}: {printable(json.dumps(rest, ensure_ascii=False), style.excerpt)}" if rest else what


_DESCRIBED: dict[str, Callable[[Mapping[str, Any], Style], str]] = {
    "connection.opened": _opened,
    "connection.closed": _closed,
    "connection.refused": _refused,
    "request.refused": _request_refused,
    "publish.refused": _action_refused("publish on", "topic"),
    "subscribe.refused": _action_refused("subscribe to", "filter"),
    "twin.reported": _twin("reported properties"),
    "twin.desired": _twin("desired properties"),
    "twin.tags": _twin("tags"),
    "method.called": _method_called,
    "method.answered": _method_answered,
    "method.failed": _method_failed,
    "c2d.enqueued": _cloud_message("waits"),
    "c2d.delivered": _cloud_message("sent to the device"),
    "c2d.completed": _cloud_message("completed"),
    "c2d.abandoned": _cloud_message("abandoned: it will be sent again"),
    "c2d.rejected": _cloud_message("rejected"),
    "c2d.expired": _cloud_message("expired"),
    "c2d.given_up": _cloud_message("given up after too many deliveries"),
    "c2d.purged": _cloud_message("purged"),
    "fault.struck": _fault,
}
