"""The comparison of expected messages with those that a local service has recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from azmqtt._local.awaited import so_many
from azmqtt._local.diff import differences, shorten, show, unequal
from azmqtt._support.arguments import not_negative

if TYPE_CHECKING:
    from azmqtt._local.awaited import Feed
    from azmqtt._support.waiting import Steps

#: How many bytes of a body that is not JSON are shown.
_SHOWN = 80


def in_order(
    expected: Sequence[Any],
    feed: Feed[Any],
    compare: Callable[[Any, Any, str], list[str]],
    body: Callable[[Any], bytes],
    after: int,
    timeout: float | None,
    what: str,
) -> Steps[list[Any]]:
    """Wait for as many messages as expected, and compare them one by one.

    Args:
        expected: The expected messages.
        feed: The recorded messages.
        compare: Returns the differences between a message and an expectation that is not a function. Each difference
            begins with the path.
        body: Returns the body of a message, or of an expectation that is a message.
        after: Consider only messages with a higher sequence number.
        timeout: In seconds; ``None`` waits without a limit.
        what: The sender of the messages, for the error.

    Raises:
        AssertionError: The messages differ. The text lists the differences.
        TypeError: ``expected`` is not a list of messages.
    """
    __tracebackhide__ = True
    given: object = expected
    if not isinstance(given, Sequence) or isinstance(given, str | bytes | bytearray):
        raise TypeError(f"expected must be a list, with one item for each message, not {type(expected).__name__}")
    not_negative("after", after)
    messages = yield from so_many(feed, len(expected), after, timeout)
    lines: list[str] = []
    for index, wanted in enumerate(expected):
        path = f"messages[{index}]"
        if index >= len(messages):
            lines.append(f"{path}: expected {_wanted(wanted, body)}, got nothing within {timeout} s")
        elif callable(wanted):
            if not wanted(messages[index]):
                lines.append(f"{path}: {_wanted(wanted, body)} says no to {show_body(body(messages[index]))}")
        else:
            lines += compare(wanted, messages[index], path)
    extra = enumerate(messages[len(expected) :], len(expected))
    lines += [f"messages[{index}]: unexpected {show_body(body(message))}" for index, message in extra]
    fail_if(lines, what)
    return messages


def fail_if(lines: list[str], what: str) -> None:
    """Fail if anything differs."""
    __tracebackhide__ = True
    if lines:
        raise AssertionError("\n  ".join([f"{what}:", *shorten(lines)]))


def against_body(expected: Any, body: bytes, path: str) -> list[str]:
    """Compare a body with bytes, with text, or with a JSON value."""
    if isinstance(expected, bytes | bytearray | memoryview):
        wanted = bytes(expected)
        return [] if wanted == body else [f"{path}: {unequal(wanted, body)}"]
    if isinstance(expected, str):
        try:
            return differences(expected, body.decode(), path)
        except UnicodeDecodeError:
            return [f"{path}: expected {show(expected)}, got {show_body(body)}"]
    from azmqtt._support import strict_json

    try:
        actual = strict_json.read(body)
    except ValueError:
        return [f"{path}: expected {show(expected)}, got {show_body(body)}, which is not JSON"]
    return differences(expected, actual, path)


def show_body(body: bytes) -> str:
    """Show a body as JSON, or as its ``repr``."""
    from azmqtt._support import strict_json

    try:
        return show(strict_json.read(body))
    except ValueError:
        return repr(body if len(body) <= _SHOWN else body[:_SHOWN] + b"...")


def _wanted(value: Any, body: Callable[[Any], Any]) -> str:
    if callable(value):
        return getattr(value, "__name__", repr(value))
    try:
        return f"a message with {show(body(value))}"
    except AttributeError:
        return show(value)
