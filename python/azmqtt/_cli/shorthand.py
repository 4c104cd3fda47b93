"""Objects and lists on a command line, as ``az`` takes them: JSON, its shorthand, or the content of ``@file``.

The shorthand (Azure CLI docs, "How to use shorthand syntax with Azure CLI") is JSON without the quotes that nobody
needs: ``{validation-scheme:ThumbprintMatch,allowed-thumbprints:[5f0c,77e1]}``, ``{'room':'345','floor':5}``, ``null``.
In single quotes a single quote is written ``'/``.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from azmqtt._cli import common
from azmqtt._support import strict_json

#: Objects within objects.
_DEEPEST = 16

_BARE = re.compile(r"[^\s,:\[\]{}'\"][^,:\[\]{}]*")
_BARE_VALUE = re.compile(r"[^\s,\[\]{}'\"][^,\[\]{}]*")
_IN_DOUBLE_QUOTES = re.compile(r'"(?:[^"\\]|\\.)*"')
_IN_SINGLE_QUOTES = re.compile(r"'(?:[^']|'/)*'")
_WHOLE_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)")

Kind = Literal["object", "list"]


class Members(dict[str, Any]):
    """Members of an object that were given one by one, beside those that it may have."""


def read(option: str, words: list[str], kind: Kind, *, numbers: bool = False) -> Any:
    """Read the value of an option.

    Args:
        option: Its name, for errors.
        words: What stands behind it: JSON, shorthand, ``@file`` or ``-`` for stdin, ``null``; or the items of a list,
            or ``name=value`` for each member of an object.
        kind: What it must be.
        numbers: Whether words that look like whole numbers are numbers, where no quotes say that they are texts.

    Raises:
        UsageError: It is something else; names the option.
    """
    first = words[0]
    if kind == "list" and (len(words) > 1 or not (first.startswith(("[", "@")) or first in ("null", "-"))):
        return words
    if kind == "object" and "=" in first and not first.startswith(("{", "@")):
        return Members(_member(option, word, numbers=numbers) for word in words)
    if len(words) > 1:
        raise common.UsageError(f"{option}: one object in quotes, or name=value for each member, not {words[1]!r}")
    text = common.text_or_file(first).strip()
    try:
        value = strict_json.read(text)
    except ValueError:
        value = _Reader(option, text, numbers=numbers).whole()
    wanted = dict if kind == "object" else list
    if value is not None and not isinstance(value, wanted):
        raise common.UsageError(f"{option}: it must be {'an object' if kind == 'object' else 'a list'}")
    return value


def _member(option: str, word: str, *, numbers: bool) -> tuple[str, Any]:
    name, equals, value = word.partition("=")
    if not equals or not name:
        raise common.UsageError(f"{option}: {word!r} is not name=value")
    if value.startswith(("{", "[")):
        return name, _Reader(option, value, numbers=numbers).whole()
    return name, _bare(value, numbers=numbers)


def _bare(word: str, *, numbers: bool) -> Any:
    """Tell what a word without quotes is."""
    if word == "null":
        return None
    return int(word) if numbers and _WHOLE_NUMBER.fullmatch(word) else word


class _Reader:
    """Reads shorthand from its beginning to its end."""

    def __init__(self, option: str, text: str, *, numbers: bool) -> None:
        self._option = option
        self._text = text
        self._numbers = numbers
        self._at = 0

    def whole(self) -> Any:
        value = self._value(0)
        if self._peek():
            raise self._wrong("its end")
        return value

    def _value(self, depth: int) -> Any:
        if depth > _DEEPEST:
            raise common.UsageError(f"{self._option}: more than {_DEEPEST} objects within one another")
        following = self._peek()
        if following == "{":
            return self._object(depth)
        if following == "[":
            return self._list(depth)
        if following in ("'", '"'):
            return self._quoted()
        return _bare(self._match(_BARE_VALUE, "a value"), numbers=self._numbers)

    def _object(self, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        self._take("{")
        while not self._taken("}"):
            if members:
                self._take(",")
            quoted = self._peek() in ("'", '"')
            name = self._quoted() if quoted else self._match(_BARE, "a name")
            if name in members:
                raise common.UsageError(f"{self._option}: {name!r} is there twice")
            self._take(":")
            members[name] = self._value(depth + 1)
        return members

    def _list(self, depth: int) -> list[Any]:
        items: list[Any] = []
        self._take("[")
        while not self._taken("]"):
            if items:
                self._take(",")
            items.append(self._value(depth + 1))
        return items

    def _quoted(self) -> str:
        if self._peek() == "'":
            return self._match(_IN_SINGLE_QUOTES, "a closing quote")[1:-1].replace("'/", "'")
        text = self._match(_IN_DOUBLE_QUOTES, "a closing quote")
        try:
            return str(json.loads(text))
        except ValueError as error:
            raise common.UsageError(f"{self._option}: {text} is not a string: {error}") from None

    def _peek(self) -> str:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1
        return self._text[self._at : self._at + 1]

    def _taken(self, sign: str) -> bool:
        is_there = self._peek() == sign
        self._at += is_there
        return is_there

    def _take(self, sign: str) -> None:
        if not self._taken(sign):
            raise self._wrong(sign)

    def _match(self, pattern: re.Pattern[str], what: str) -> str:
        self._peek()
        found = pattern.match(self._text, self._at)
        if found is None:
            raise self._wrong(what)
        self._at = found.end()
        return found.group().strip()

    def _wrong(self, wanted: str) -> common.UsageError:
        rest = self._text[self._at : self._at + 20]
        where = f"before {rest!r}" if rest else "at the end"
        return common.UsageError(f"{self._option} is neither JSON nor shorthand: {wanted} is missing {where}")
