"""Everyday values that are not of JSON's own types, said in these types.

The libraries that the types come from are not imported: who has a value of theirs has loaded them.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from azmqtt._support.arguments import is_dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

#: RFC 3339 §5.6: a date of four digits for the year, a time, and an offset in minutes.
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?)?")
#: No JSON text that can be sent has more items; see `src/json_text.rs`.
_MOST_ITEMS = 1 << 20
_DOUBLE = 8
_OWN = "use dict, list, tuple, str, int, float, bool or None, or json_default"

#: What to do with what has more than one form in JSON, or none.
_WAYS_OUT = {
    "bytes": "decode it, or use base64.b64encode(…).decode()",
    "bytearray": "decode it, or use base64.b64encode(…).decode()",
    "memoryview": "decode it, or use base64.b64encode(…).decode()",
    "timedelta": "use its total_seconds()",
    "Timedelta": "use its total_seconds()",
    "timedelta64": "use x / numpy.timedelta64(1, 's')",
    "complex": "use [x.real, x.imag]",
    "complex64": "use [x.real, x.imag]",
    "complex128": "use [x.real, x.imag]",
    "set": "use a list, such as sorted(…)",
    "frozenset": "use a list, such as sorted(…)",
    "DataFrame": "use its to_dict(orient='records')",
    "Series": "use its to_list() or to_dict()",
    "NAType": "use None or a str",
}


def plain(value: Any) -> Any:
    """Return what ``value`` is in JSON, one level deep; ``bytes`` are JSON text, to be written as it is.

    Raises:
        TypeError: It has no form in JSON, or more than one; says what to do.
        ValueError: It is of a type that JSON has a form for, but has none itself, such as ``Decimal("NaN")``.
    """
    for module, name, form in _FORMS:
        # What is asked for its class may have been replaced, as by a test, or be half imported.
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and isinstance(value, kind):
            return form(value)
    if is_dataclass(value):
        return {name: getattr(value, name) for name in _fields(value)}
    raise _refusal(value)


def _refusal(value: Any) -> TypeError:
    name = type(value).__name__
    return TypeError(f"{name} is not JSON ({_WAYS_OUT.get(name, _OWN)})")


def _no_value(name: str) -> ValueError:
    return ValueError(f"{name} is not JSON (use None or a str)")


def _fields(value: Any) -> list[str]:
    import dataclasses

    return [field.name for field in dataclasses.fields(value)]


def _enumeration(value: Any) -> Any:
    return value.value


def _moment(value: Any) -> str:
    if value != value:  # noqa: PLR0124 - only pandas.NaT differs from itself
        raise _no_value("NaT")
    from datetime import datetime, timezone

    offset = value.utcoffset()
    if offset is not None and offset.total_seconds() % 60:
        # Local mean time: RFC 3339 has offsets in minutes.
        value = value.astimezone(timezone.utc)
    # Of pandas its own, which has nanoseconds; of other subclasses not what they may have made of it.
    nanoseconds = type(value).__name__ == "Timestamp" and hasattr(value, "nanosecond")
    return _rfc_3339(value.isoformat() if nanoseconds else datetime.isoformat(value))


def _day(value: Any) -> str:
    from datetime import date

    return _rfc_3339(date.isoformat(value))


def _time_of_day(value: Any) -> str:
    from datetime import time

    return _rfc_3339("0000-01-01T" + time.isoformat(value)).partition("T")[2]


def _rfc_3339(text: str) -> str:
    """Write UTC as Z, and check the rest."""
    text = f"{text[:-6]}Z" if text.endswith("+00:00") else text
    if not _RFC_3339.fullmatch(text):
        raise ValueError(f"{text} has no form in RFC 3339")
    return text


def _decimal(value: Any) -> bytes:
    from decimal import Decimal

    if not value.is_finite():
        raise _no_value("NaN" if value.is_nan() else "infinity")
    return Decimal.__str__(value).encode()


def _mapping(value: Any) -> dict[Any, Any]:
    return dict(value)


def _scalar(value: Any) -> Any:
    """Convert a scalar of numpy by its kind (numpy, "Array API: dtype.kind")."""
    kind = value.dtype.kind
    if kind == "b":
        return bool(value)
    if kind in "iu":
        return int(value)
    if kind == "f":
        # The shortest number that is the same at this precision: 0.1, not 0.10000000149011612.
        return float(str(value)) if value.dtype.itemsize < _DOUBLE else float(value)
    if kind == "M":
        return _numpy_moment(value)
    raise _refusal(value)


def _numpy_moment(value: Any) -> str:
    if value != value:  # noqa: PLR0124 - only NaT differs from itself
        raise _no_value("NaT")
    unit = re.sub(r".*\[\d*(\w+)\]", r"\1", str(value.dtype))
    # Years, months and weeks begin on a day, hours and minutes at a second.
    whole = {"Y": "D", "M": "D", "W": "D", "h": "s", "m": "s"}.get(unit)
    text = str(value.astype(f"datetime64[{whole}]") if whole else value)
    return _rfc_3339(text.rstrip("0").rstrip(".") if "." in text else text)


def _array(value: Any) -> Any:
    kind, size = value.dtype.kind, value.dtype.itemsize
    if kind not in "biufOUM":
        raise TypeError(f"ndarray of {value.dtype} is not JSON ({_OWN})")
    if value.size > _MOST_ITEMS:
        # Enough to be refused by its length.
        value = value.reshape(-1)[: _MOST_ITEMS + 1]
    if kind == "M":
        return list(value) if value.ndim else _numpy_moment(value[()])
    if kind == "f" and size != _DOUBLE:
        # As a scalar of this precision; one that has more than JSON's readers keep is rounded.
        value = value.astype(str).astype(float) if size < _DOUBLE else value.astype(float)
    return value.tolist()


_FORMS: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("enum", "Enum", _enumeration),
    # Before `date`, which it is a kind of.
    ("datetime", "datetime", _moment),
    ("datetime", "date", _day),
    ("datetime", "time", _time_of_day),
    ("decimal", "Decimal", _decimal),
    ("uuid", "UUID", str),
    ("numpy", "generic", _scalar),
    ("numpy", "ndarray", _array),
    ("collections.abc", "Mapping", _mapping),
)
