"""The progress of ``send_messages``."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias

from azmqtt._support.arguments import function

if TYPE_CHECKING:
    from asyncio import Future

    from azmqtt._client.many import Sending

#: Told how many the hub has, and how many there are or ``None``.
Progress: TypeAlias = Callable[[int, "int | None"], object]

#: Seconds between two reports at the least: as often as an eye can follow.
_INTERVAL = 0.05


class Reporter:
    """Calls a function with a number that grows: not too often, never twice with the same, and at the end."""

    def __init__(self, progress: Progress, total: int | None) -> None:
        """Take the function, and how far it goes, if that is known."""
        self._progress = progress
        self._total = total
        self._told = 0
        self._again_at = 0.0

    def report(self, done: int) -> None:
        """Tell, if there is something to tell and the last time is a while ago."""
        if done != self._told and (now := monotonic()) >= self._again_at:
            self._again_at = now + _INTERVAL
            self._told = done
            self._progress(done, self._total)

    async def reported(self, step: Future[None], sending: Sending) -> None:
        """Await a step of ``sending``, reporting meanwhile."""
        import asyncio

        while not step.done():
            try:
                await asyncio.wait([step], timeout=_INTERVAL)
            except asyncio.CancelledError:
                step.cancel()
                raise
            self.report(sending.acknowledged)
        await step

    def finish(self, done: int) -> None:
        """Tell the end, whatever it is."""
        if done != self._told or done == 0:
            self._progress(done, self._total)


def reporter(progress: Progress, messages: Any) -> Reporter:
    """Check an argument, and make the reporter for it.

    Raises:
        TypeError: It cannot be called.
    """
    function("progress", progress)
    try:
        total = len(messages)
    except TypeError:
        total = None
    return Reporter(progress, total)
