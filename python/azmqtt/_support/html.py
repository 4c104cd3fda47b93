"""Small tables for notebooks: whatever is shown is escaped, cut to a bounded length, and holds no key.

Colours are the notebook's own, so that the tables suit its light and its dark themes.
"""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime


#: Characters of one cell, and rows of one table.
_LONGEST, _MOST = 4000, 100
#: Characters of a body in a list of messages.
_LINE_LENGTH = 200

_TABLE = "border-collapse:collapse;color:inherit;margin:.3em 0;font-size:90%"
_CAPTION = "caption-side:top;text-align:left;font-weight:bold;color:inherit;padding:.2em .4em"
_HEAD = "text-align:left;vertical-align:top;font-weight:normal;opacity:.7;padding:.2em 1em .2em .4em"
_CELL = "text-align:left;vertical-align:top;padding:.2em .4em"
_LINE = "border-top:1px solid rgba(128,128,128,.35)"
_TEXT = "margin:0;padding:0;background:none;color:inherit;font-family:monospace;white-space:pre-wrap;text-align:left"


class _Text(str):
    """Text that is laid out already."""

    __slots__ = ()


def table(title: str, rows: Iterable[tuple[str, Any]]) -> str:
    """Lay out names and values; rows whose value is ``None`` are left out."""
    shown = [(name, value) for name, value in rows if value is not None]
    lines = [f"<tr>{_head(name)}{_cell(value)}</tr>" for name, value in shown[:_MOST]]
    if len(shown) > _MOST:
        lines.append(f"<tr>{_head('…')}{_cell(f'{len(shown) - _MOST} more')}</tr>")
    return _framed(title, lines)


def _framed(title: str, lines: Iterable[str]) -> str:
    caption = f'<caption style="{_CAPTION}">{escape(title)}</caption>'
    return f'<table style="{_TABLE}">{caption}<tbody>{"".join(lines)}</tbody></table>'


def grid(title: str, head: Iterable[str], rows: Iterable[Iterable[Any]], left_out: int = 0) -> str:
    """Lay out rows under names; ``left_out`` rows before them are counted only."""
    lines = [f"<tr>{''.join(_column(name) for name in head)}</tr>"]
    if left_out:
        lines.append(f"<tr>{_cell('…')}{_cell(f'{left_out:,} more')}</tr>")
    lines += [f"<tr>{''.join(_cell('' if value is None else value) for value in row)}</tr>" for row in rows]
    return _framed(title, lines)


def hub(shown: Any) -> str:
    """Show a local hub: where it listens, and the state of its devices."""
    ids = _running(shown, lambda core: core.device_ids())
    rows = [
        (device_id, "connected" if shown.connected(device_id) else "", f"{shown.telemetry_count(device_id):,}")
        for device_id in ids[-_MOST:]
    ]
    return grid(repr(shown).strip("<>"), ("device", "state", "messages"), rows, len(ids) - len(rows))


def namespace(shown: Any) -> str:
    """Show a local namespace: where it listens, and its clients."""
    clients = _running(shown, lambda _core: shown.list_clients())
    rows = [(client.name, json_text(dict(client.attributes))) for client in clients[-_MOST:]]
    return grid(repr(shown).strip("<>"), ("client", "attributes"), rows, len(clients) - len(rows))


def _running(service: Any, read: Callable[[Any], list[Any]]) -> list[Any]:
    """Read from a service; nothing of one that is stopped, or that is the parent's."""
    from azmqtt._local.forked import is_of_the_parent

    return [] if is_of_the_parent(service) or service._core.stopped else read(service._core)  # noqa: SLF001 - its table


def messages(shown: Sequence[Any]) -> str:
    """Show messages of a local hub or namespace: when, from where, and the beginning of the body."""
    rows = [_message_row(message) for message in shown[-_MOST:]]
    head = ("sequence", "time (UTC)", "from", "body")
    return grid("1 message" if len(shown) == 1 else f"{len(shown):,} messages", head, rows, len(shown) - len(rows))


def _message_row(message: Any) -> tuple[Any, ...]:
    if hasattr(message, "topic"):
        when, where, content = message.time, message.topic, message.payload
    else:
        when, where, content = message.enqueued_time, _who(message), message.body
    return message.sequence, _time(when), where, _Text(_brief(str(body(content))))


def _who(message: Any) -> str:
    return "/".join(filter(None, (message.device_id, message.module_id)))


def telemetry_message(shown: Any) -> str:
    """Show one message of a device with all its properties."""
    rows = [
        ("device", _who(shown)),
        ("body", body(shown.body)),
        ("enqueued", f"{_time(shown.enqueued_time)} UTC"),
        ("sequence", shown.sequence),
        *properties(shown.properties),
        *((f"system property {name}", value) for name, value in shown.system_properties.items()),
    ]
    return table("TelemetryMessage", rows)


def namespace_message(shown: Any) -> str:
    """Show one message of a namespace with its properties."""
    names = ("authentication_name", "client_id", "qos", "retain", "content_type", "response_topic", "message_expiry")
    rows = [
        ("topic", shown.topic),
        ("payload", body(shown.payload)),
        ("time", f"{_time(shown.time)} UTC"),
        ("sequence", shown.sequence),
        *((name, getattr(shown, name)) for name in names),
        *((f"property {name}", value) for name, value in shown.user_properties),
    ]
    return table("NamespaceMessage", rows)


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}"


def _brief(text: str) -> str:
    return text if len(text) <= _LINE_LENGTH else f"{text[:_LINE_LENGTH]}…"


def json_text(value: Any) -> str:
    """Write JSON over several lines, to be shown as it is."""
    try:
        return _Text(json.dumps(value, indent=2, ensure_ascii=False, default=repr))
    except (TypeError, ValueError, RecursionError):
        return _Text(repr(value))


_CLOUD_FIELDS = ("message_id", "correlation_id", "user_id", "to", "content_type", "content_encoding", "creation_time")


def cloud_message(shown: Any) -> str:
    """Show the body and the properties; a malformed bag as what is wrong with it."""
    rows: list[tuple[str, Any]] = [("body", body(shown.body))]
    try:
        rows += [(name, getattr(shown, name)) for name in (*_CLOUD_FIELDS, "expiry", "ack")]
        rows += properties(shown.properties)
    except ValueError as error:
        rows.append(("properties", error))
    return table("CloudMessage", rows)


def properties(shown: Any) -> list[tuple[str, Any]]:
    """Make a row of each property."""
    return [(f"property {name}", f"{value}") for name, value in dict(shown or {}).items()]


def body(shown: Any) -> Any:
    """Write a body as what it is: text, JSON, or its first bytes in hexadecimal."""
    if isinstance(shown, str):
        return _Text(shown)
    if not isinstance(shown, bytes | bytearray | memoryview):
        return json_text(shown)
    data = bytes(shown)
    text = data[: 4 * _LONGEST].decode(errors="replace")
    if any(not (c.isprintable() or c in "\r\n\t") or c == "\ufffd" for c in text[:_LONGEST]):
        return f"{len(data):,} bytes: {data[:32].hex(' ')}{' …' if len(data) > 32 else ''}"  # noqa: PLR2004 - a line
    return _Text(text)


def _head(name: object) -> str:
    return f'<th scope="row" style="{_HEAD};{_LINE}">{escape(_short(str(name)))}</th>'


def _column(name: str) -> str:
    return f'<th scope="col" style="{_HEAD}">{escape(name)}</th>'


def _cell(value: object) -> str:
    text = escape(_short(str(value)))
    if isinstance(value, _Text):
        text = f'<pre style="{_TEXT}">{text}</pre>'
    return f'<td style="{_CELL};{_LINE}">{text}</td>'


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"
