"""Waiting for the recordings of a local service: for a number of messages, or for a matching one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from azmqtt._support.waiting import Steps

#: How many messages are shown if none matched, and how many characters of each.
_SHOWN = 3
_LONGEST = 120


class _Recorded(Protocol):
    @property
    def sequence(self) -> int: ...


M = TypeVar("M", bound=_Recorded)


class Feed(Generic[M]):
    """A source of messages to wait for.

    Attributes:
        messages: Returns the messages with a higher sequence number.
        total: Returns the number of messages so far, including those no longer kept.
        wait: Waits until there are more messages than the given number, for at most the given seconds.
    """

    def __init__(
        self, messages: Callable[[int], list[M]], total: Callable[[], int], wait: Callable[[int, float], object]
    ) -> None:
        """Take the three functions."""
        self.messages = messages
        self.total = total
        self.wait = wait


def first_match(
    feed: Feed[M],
    predicate: Callable[[M], object] | None,
    after: int,
    timeout: float | None,
    line: Callable[[M], str],
    what: str = "message",
) -> Steps[M]:
    """Wait for the first message that satisfies the predicate.

    Args:
        feed: The messages.
        predicate: Returns whether a message matches; by default any message does.
        after: Consider only messages with a higher sequence number.
        timeout: In seconds; ``None`` waits without a limit.
        line: Shows a message in one line.
        what: The name of such a message, for the error.

    Raises:
        TimeoutError: No message matched in time. The text shows the last messages.
    """
    __tracebackhide__ = True
    seen = after
    found: list[M] = []
    last: list[M] = []
    looked_at = 0

    def look(tick: float) -> bool:
        nonlocal seen, looked_at
        # The total is read before the messages, so that a message in between ends the wait.
        count = feed.total()
        for message in feed.messages(seen):
            seen = message.sequence
            looked_at += 1
            last[:] = [*last, message][-_SHOWN:]
            if predicate is None or predicate(message):
                found.append(message)
                return True
        feed.wait(count, tick)
        return False

    if (yield look, timeout):
        return found[0]
    came = "none came"
    if last:
        came = f"{looked_at} came, the last of them:" + "".join(f"\n  {line(message)}" for message in last)
    msg = f"no {what} matched within {timeout} s; {came}"
    raise TimeoutError(msg)


def so_many(feed: Feed[M], count: int, after: int, timeout: float | None) -> Steps[list[M]]:
    """Wait for ``count`` messages; return those that arrived, even if the time runs out."""
    messages: list[M] = []

    def enough(tick: float) -> bool:
        nonlocal messages
        total = feed.total()
        messages = feed.messages(after)
        if len(messages) >= count:
            return True
        feed.wait(total, tick)
        return False

    yield enough, timeout
    return messages


def brief(body: bytes) -> str:
    """Show a body, cut to the rest of a line."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = repr(body)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def not_in_time(who: str, timeout: float | None, last_refusal: str | None, *, connected: bool) -> TimeoutError:
    """Return the error of a wait for a connection or for its end.

    Args:
        who: The device or client.
        timeout: The duration of the wait in seconds.
        last_refusal: Why the service last refused a connection, which may be the cause.
        connected: Whether the wait was for a connection; otherwise for its end.
    """
    state = "connect" if connected else "disconnect"
    refused = f"; the last connection that was refused: {last_refusal}" if last_refusal and connected else ""
    return TimeoutError(f"{who} did not {state} within {timeout} s{refused}")
