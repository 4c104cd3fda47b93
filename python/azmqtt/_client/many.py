"""Many messages by one call: the steps that ``send_messages`` and ``publish_many`` have in common."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from azmqtt._errors import Error

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import AsyncIterable, Iterable, Iterator
    from typing import TypeAlias

    from azmqtt import _core
    from azmqtt._client.progress import Progress, Reporter

    #: One such call, in the core.
    Sending: TypeAlias = "_core.Sending | _core.Publishing"


def run(sending: Sending, iterator: Iterator[Any], messages: Iterable[Any], progress: Progress | None) -> int:
    """Send what ``iterator`` yields, and block until all of it is acknowledged; return how many were."""
    reports = _reporter(progress, messages)
    try:
        if reports is None:
            sending.run(iterator, None)
        else:
            sending.run(iterator, lambda: reports.report(sending.acknowledged))
            reports.finish(sending.acknowledged)
    except BaseException as error:
        note_acknowledged(error, sending.acknowledged)
        raise
    return sending.acknowledged


async def run_async(
    sending: Sending,
    iterator: Iterator[Any] | None,
    messages: Iterable[Any] | AsyncIterable[Any],
    progress: Progress | None,
) -> int:
    """Send what ``iterator`` yields, or the async ``messages``; return how many were acknowledged: all."""
    reports = _reporter(progress, messages)
    try:
        try:
            if iterator is None:
                async for message in cast("AsyncIterable[Any]", messages):
                    if sending.push(message):
                        await _reported(sending.room_async(), sending, reports)
            else:
                while sending.pull(iterator):
                    await _reported(sending.room_async(), sending, reports)
        except Exception:
            # What was accepted is accounted for, whatever stopped the iterable.
            await _settled_quietly(sending)
            raise
        await _reported(sending.settled_async(), sending, reports)
        if reports is not None:
            reports.finish(sending.acknowledged)
    except BaseException as error:
        note_acknowledged(error, sending.acknowledged)
        raise
    return sending.acknowledged


def iterate(messages: Iterable[Any], many: str, one: str, single: tuple[type[Any], ...] = ()) -> Iterator[Any]:
    """Iterate over messages, and not over the letters or keys of a single one.

    Args:
        messages: What the call was given.
        many: The call's name, for errors.
        one: The call for one message.
        single: Classes of what is one message besides.

    Raises:
        TypeError: It is one message, or not iterable.
    """
    if isinstance(messages, (str, bytes, bytearray, memoryview, dict, *single)):
        kind = type(messages).__name__
        raise TypeError(f"{many} takes an iterable of messages, and this {kind} is one: use {one}")
    try:
        return iter(messages)
    except TypeError:
        raise TypeError(f"messages must be an iterable of messages, not {type(messages).__name__}") from None


def note_acknowledged(error: BaseException, count: int) -> None:
    """Leave the count on the exception, or at least in its text (Python 3.11). It must not be hidden by that."""
    try:
        error.acknowledged = count  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 - it may be of any class
        with suppress(Exception):
            error.add_note(f"{count} messages had been acknowledged")  # type: ignore[attr-defined,unused-ignore]


def _reporter(progress: Progress | None, messages: Any) -> Reporter | None:
    """Make what tells how far the call is, if somebody wants to be told."""
    if progress is None:
        return None
    from azmqtt._client.progress import reporter

    return reporter(progress, messages)


async def _reported(step: Future[None], sending: Sending, reporter: Reporter | None) -> None:
    """Await a step of ``sending``, reporting meanwhile."""
    await (step if reporter is None else reporter.reported(step, sending))


async def _settled_quietly(sending: Sending) -> None:
    try:
        await sending.settled_async()
    except Error:
        # The caller is told of what came first.
        return
