"""User properties: pairs of texts, in order, of which a name may occur more than once (MQTT 5 §3.3.2.3.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from azmqtt._support import arguments

#: As callers give them.
UserProperties: TypeAlias = "Mapping[str, str] | Iterable[tuple[str, str]]"

#: MQTT 5 §1.5.4: the length of a text is written in two bytes.
_LONGEST = 65_535


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


def writable(field: str, value: Any) -> str:
    """Check a text that is to be written in a packet, and return it (MQTT 5 §1.5.4).

    Raises:
        TypeError: It is no text.
        ValueError: It is too long, holds U+0000, or is no UTF-8.
    """
    text = arguments.text(field, value)
    if "\0" in text:
        raise ValueError(f"{field} holds U+0000, which no text of MQTT may")
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        raise ValueError(f"{field} holds half of a surrogate pair and is not UTF-8") from None
    if length > _LONGEST:
        raise ValueError(f"{field} has {length:,} bytes, and a text of MQTT may have {_LONGEST:,}")
    return text
