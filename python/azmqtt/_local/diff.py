"""The differences between two JSON values, path by path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: Longer values are cut to this number of characters.
_LONGEST = 200

#: How many characters are shown before the first difference of two long texts.
_LEAD = 20

#: How many differences are shown, one per line.
_MOST_LINES = 30

_NOTHING = object()


def differences(expected: Any, actual: Any, path: str = "", *, exact: bool = True) -> list[str]:
    """Return the differences, one line for each path, such as ``firmware: expected "1.1", got "1.0"``.

    An expected value that clients encode, such as a ``datetime`` or a dataclass, stands for its JSON. Values are
    compared with ``==``, so ``pytest.approx`` and ``unittest.mock.ANY`` work as expected values. ``True`` and ``1``
    differ, as in JSON.

    Args:
        expected: The expected value.
        actual: The actual value.
        path: The beginning of the paths.
        exact: If false, mappings may have more keys than expected, and an expected ``None`` means that the key is
            absent, as in a twin patch.
    """
    if not _is_json(expected):
        expected = _in_json(expected)
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return _of_mappings(expected, actual, path, exact=exact)
    if _is_list(expected) and _is_list(actual):
        return _of_lists(expected, actual, path, exact=exact)
    if isinstance(expected, bool) == isinstance(actual, bool) and bool(expected == actual):
        return []
    # A placeholder decides by its `==`, not by its type.
    if not _is_json(expected) and bool(expected == actual):
        return []
    return [f"{path or 'value'}: {unequal(expected, actual)}"]


def _of_mappings(expected: Mapping[Any, Any], actual: Mapping[Any, Any], path: str, *, exact: bool) -> list[str]:
    lines = []
    for key, value in expected.items():
        there = actual.get(key, _NOTHING)
        inner = _join(path, key)
        if not exact and value is None:
            lines += [] if there is _NOTHING else [f"{inner}: expected nothing, got {show(there)}"]
        elif there is _NOTHING:
            lines.append(f"{inner}: expected {show(value)}, got nothing")
        else:
            lines += differences(value, there, inner, exact=exact)
    if exact:
        lines += [
            f"{_join(path, key)}: unexpected {show(value)}" for key, value in actual.items() if key not in expected
        ]
    return lines


def _of_lists(expected: Sequence[Any], actual: Sequence[Any], path: str, *, exact: bool) -> list[str]:
    lines = []
    for index, value in enumerate(expected):
        inner = f"{path}[{index}]"
        if index >= len(actual):
            lines.append(f"{inner}: expected {show(value)}, got nothing")
        else:
            lines += differences(value, actual[index], inner, exact=exact)
    extra = actual[len(expected) :]
    return lines + [f"{path}[{len(expected) + index}]: unexpected {show(value)}" for index, value in enumerate(extra)]


def unequal(expected: Any, actual: Any) -> str:
    """Show the expected and the actual value; for long texts and bytes, from the first difference."""
    for kind, unit in ((str, "character"), (bytes, "byte")):
        if isinstance(expected, kind) and isinstance(actual, kind):
            same = _same(expected, actual)
            if same <= _LONGEST // 2:
                break
            start = same - _LEAD
            there = f"from {unit} {start} on "
            return f"{there}expected {show(expected[start:])}, got {show(actual[start:])}"
    return f"expected {show(expected)}, got {show(actual)}"


def _same(one: str | bytes, other: str | bytes) -> int:
    """Return the length of the common prefix."""
    pairs = zip(one, other, strict=False)
    return next((index for index, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))


def shorten(lines: list[str]) -> list[str]:
    """Cut a list of differences to a readable length."""
    left = len(lines) - _MOST_LINES
    return lines if left <= 0 else [*lines[:_MOST_LINES], f"… and {left} more"]


def show(value: Any) -> str:
    """Show a value as JSON, or as its ``repr``, cut to one line."""
    import json

    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _join(path: str, key: Any) -> str:
    name = str(key)
    plain = name and all(character.isalnum() or character in "_-$" for character in name)
    if not plain:
        import json

        return f"{path}[{json.dumps(name, ensure_ascii=False)}]"
    return f"{path}.{name}" if path else name


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def _in_json(value: Any) -> Any:
    """Return what a client encodes ``value`` as, one level deep, or ``value`` itself."""
    import json

    from azmqtt._support import json_values

    try:
        form = json_values.plain(value)
    except (TypeError, ValueError):
        return value
    return json.loads(form) if isinstance(form, bytes) else form


def _is_json(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool | Mapping | list | tuple)
