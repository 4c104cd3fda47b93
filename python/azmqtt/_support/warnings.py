"""Warnings that point to the line of the application."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


#: Of ``async def`` functions and asynchronous generators (Python docs, ``inspect``: "Code Objects Bit Flags").
_COROUTINE = 0x80 | 0x200


def takes_a_place(client_id: str, server: str) -> None:
    """Warn that the client that is about to connect takes the place of another one of this process."""
    _each_time(
        f"another client of this process is connected as {client_id}, and a {server} keeps only the newest: it is "
        "closed as soon as this one has connected. Close it before, or make one of the two with exclusive=False to "
        "keep both"
    )


def takes_the_place_of(earlier: object, kind: str) -> None:
    """Warn that the local service that is about to start takes the place of another one of this process."""
    _each_time(f"{earlier!r} is closed: this {kind} takes its place")


def _each_time(message: str) -> None:
    """Warn the nearest code outside of this package, also where a notebook's cell runs again."""
    frame = caller()
    # Without a registry, which would remember the line.
    warnings.warn_explicit(message, RuntimeWarning, frame.f_code.co_filename, frame.f_lineno)


def of_the_caller(message: str) -> None:
    """Warn, by a ``UserWarning``, the nearest code outside of this package."""
    frame = caller()
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(
        message, UserWarning, frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__"), registry
    )


def blocks_its_loop() -> None:
    """Warn if a coroutine has called a public function that blocks: it holds up the tasks that it may be waiting for.

    Only the direct caller counts. The code of a notebook's cell is a plain function as long as it awaits nothing.
    """
    name, frame = "", sys._getframe(1)  # noqa: SLF001 - as `warnings` and `logging` do
    while _is_ours(frame) and frame.f_back is not None:
        name, frame = frame.f_code.co_name, frame.f_back
    if frame.f_code.co_flags & _COROUTINE:
        message = (
            f"{name}() blocks the event loop of {frame.f_code.co_name}(), and every task on it, perhaps the one that "
            f"it waits for: await {name}_async()"
        )
        warn_at(frame, message, RuntimeWarning)


def warn_at(frame: FrameType, message: str, category: type[Warning]) -> None:
    """Warn of a line, as ``warnings.warn`` does of the one that it counts its way to."""
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    name = frame.f_globals.get("__name__")
    warnings.warn_explicit(message, category, frame.f_code.co_filename, frame.f_lineno, name, registry)


def caller() -> FrameType:
    """Return the nearest frame outside of this package."""
    frame = sys._getframe(1)  # noqa: SLF001 - as `warnings` and `logging` do
    while _is_ours(frame) and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _is_ours(frame: FrameType) -> bool:
    name: str = frame.f_globals.get("__name__", "")
    return name.partition(".")[0] == "azmqtt"
