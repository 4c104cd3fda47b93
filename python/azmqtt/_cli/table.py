"""Plain tables: columns cut to the width of the terminal, nested values as JSON in one line."""

from __future__ import annotations

import json
import shutil
import sys
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Between two columns.
_GAP = "  "

#: The widest that a column is made as long as others want room, and the narrowest that one is cut to.
_WIDE, _NARROW = 40, 8

#: The column of what is not an object.
_RESULT = "result"


class Table:
    """Rows of objects, or of other values."""

    def __init__(self, columns: Sequence[str] | None = None) -> None:
        """Take the columns; all that have a value in any row, without them."""
        self._columns = list(columns) if columns is not None else None
        self._shown: tuple[tuple[str, ...], list[int]] | None = None

    def lines(self, values: list[Any]) -> list[str]:
        """Return the whole table; nothing for no rows."""
        if not values:
            return []
        rows = [value if isinstance(value, dict) else {_RESULT: value} for value in values]
        columns = self._columns or _columns(rows)
        texts = [[_text(row.get(column)) for column in columns] for row in rows]
        head = list(map(_text, columns))
        widths = _fitted([max(map(_width, cells)) for cells in zip(head, *texts, strict=True)])
        return [*_head(head, widths), *(_line(cells, widths) for cells in texts)]

    def next_lines(self, row: dict[str, Any]) -> list[str]:
        """Return the next row of a table that grows, with a head in front of it where the columns are others."""
        columns = tuple(map(_text, row))
        cells = [_text(value) for value in row.values()]
        head: list[str] = []
        if self._shown is None or self._shown[0] != columns:
            separator = [] if self._shown is None else [""]
            widths = _fitted([max(map(_width, pair)) for pair in zip(columns, cells, strict=True)])
            self._shown = columns, widths
            head = [*separator, *_head(columns, widths)]
        return [*head, _line(cells, self._shown[1])]


def details(value: dict[str, Any]) -> list[str]:
    """Return an object as a table of names and values."""
    cells = [(_text(name), _text(member)) for name, member in value.items()]
    longest = max((_width(name) for name, _ in cells), default=0)
    widths = [longest, *_fitted([max((_width(member) for _, member in cells), default=0)], longest + len(_GAP))]
    return [_line(pair, widths) for pair in cells]


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    """Choose the columns: what has a value in any row, with nested values last."""
    names = dict.fromkeys(name for row in rows for name in row)
    plain, nested = [], []
    for name in names:
        values = [row[name] for row in rows if row.get(name) not in (None, "", {}, [])]
        if any(isinstance(value, dict | list) for value in values):
            nested.append(name)
        elif values:
            plain.append(name)
    return [*plain, *nested] or list(names)


def _text(value: Any) -> str:
    """Write a value in one line that does nothing to a terminal."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if text.isprintable():
        return text
    return json.dumps(value, separators=(",", ":")).replace("\x7f", "\\u007f")


def _head(columns: Iterable[str], widths: list[int]) -> list[str]:
    return [_line(columns, widths), _line(("-" * width for width in widths), widths)]


def _line(cells: Iterable[str], widths: list[int]) -> str:
    return _GAP.join(_cell(cell, width) for cell, width in zip(cells, widths, strict=False)).rstrip()


def _cell(text: str, width: int) -> str:
    """Fill a cell up, or cut it."""
    excess = _width(text) - width
    if excess <= 0:
        return text + " " * -excess
    while _width(text) > width - 1:
        text = text[:-1]
    return f"{text}…" + " " * (width - 1 - _width(text))


def _width(text: str) -> int:
    """Count the columns of a terminal that a text takes (Unicode, Annex 11)."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    return len(text) + wide - sum(unicodedata.combining(sign) != 0 for sign in text)


def _fitted(widths: list[int], taken: int = 0) -> list[int]:
    """Reduce widths until the columns fit the terminal; those at the end that still do not are left out.

    Nothing is cut for another program, which finds more in the whole.
    """
    if not sys.stdout.isatty():
        return widths
    room = shutil.get_terminal_size().columns - taken
    if _total(widths) > room and len(widths) > 1:
        widths = [min(width, _WIDE) for width in widths]
    while _total(widths) > room:
        widest = max(range(len(widths)), key=lambda index: widths[index])
        if widths[widest] > _NARROW:
            least = max(_NARROW, widths[widest] - (_total(widths) - room))
            second = max((width for index, width in enumerate(widths) if index != widest), default=0)
            widths[widest] = max(least, min(second, widths[widest] - 1))
        elif len(widths) > 1:
            widths = widths[:-1]
        else:
            break
    return widths


def _total(widths: list[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)
