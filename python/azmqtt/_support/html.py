"""Small tables for notebooks: whatever is shown is escaped, cut to a bounded length, and holds no key.

Colours are the notebook's own, so that the tables suit its light and its dark themes.
"""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


#: Characters of one cell, and rows of one table.
_LONGEST, _MOST = 4000, 100

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
    caption = f'<caption style="{_CAPTION}">{escape(title)}</caption>'
    return f'<table style="{_TABLE}">{caption}<tbody>{"".join(lines)}</tbody></table>'


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


def _cell(value: object) -> str:
    text = escape(_short(str(value)))
    if isinstance(value, _Text):
        text = f'<pre style="{_TEXT}">{text}</pre>'
    return f'<td style="{_CELL};{_LINE}">{text}</td>'


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"
