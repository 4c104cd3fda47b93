"""Waiting for what a local service records: for so many messages, or for a certain one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from azmqtt._support.waiting import Steps

#: So many messages are shown where none matched, and so much of each, in characters.
_SHOWN = 3
_LONGEST = 120


class _Recorded(Protocol):
    @property
    def sequence(self) -> int: ...


M = TypeVar("M", bound=_Recorded)


class Feed(Generic[M]):
    """What can be waited for.

    Attributes:
        messages: Returns those with a higher sequence number.
        total: How many have come, those that are not kept any more included.
        wait: Waits until more than so many have come, for so many seconds at most.
    """

    def __init__(
        self, messages: Callable[[int], list[M]], total: Callable[[], int], wait: Callable[[int, float], object]
    ) -> None:
        """Take the three ways to ask."""
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
        predicate: Any one does if absent.
        after: Only those with a higher sequence number.
        timeout: In seconds; ``None`` waits without a limit.
        line: Shows a message in a line.
        what: What it is called, for the error.

    Raises:
        TimeoutError: None did; shows the last that came.
    """
    __tracebackhide__ = True
    seen = after
    found: list[M] = []
    last: list[M] = []
    looked_at = 0

    def look(tick: float) -> bool:
        nonlocal seen, looked_at
        # Counted before looking, so that what comes meanwhile ends the wait.
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
    """Wait for so many messages; return those that arrived, also when the time runs out."""
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
    """Show a body in what is left of a line."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = repr(body)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def not_in_time(who: str, timeout: float | None, last_refusal: str | None, *, connected: bool) -> TimeoutError:
    """Make the error of a wait for a connection, or for its end.

    Args:
        who: The device or client.
        timeout: How long the wait took, in seconds.
        last_refusal: Why the service refused a connection last, which may be the reason.
        connected: Whether a connection was awaited, not its end.
    """
    state = "connect" if connected else "disconnect"
    refused = f"; the last connection that was refused: {last_refusal}" if last_refusal and connected else ""
    return TimeoutError(f"{who} did not {state} within {timeout} s{refused}")
