"""Warnings that point to the line of the application."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


def takes_a_place(client_id: str) -> None:
    """Warn that the client that is about to connect takes the place of another one of this process."""
    frame = caller()
    message = (
        f"another client of this process is connected as {client_id}, and a hub keeps only the newest: it is closed as "
        "soon as this one has connected. Close it before, or make one of the two with exclusive=False to keep both"
    )
    # Without a registry: each time counts, also where a notebook's cell runs again.
    warnings.warn_explicit(message, RuntimeWarning, frame.f_code.co_filename, frame.f_lineno)


def caller() -> FrameType:
    """Return the nearest frame outside of this package."""
    frame = sys._getframe(1)  # noqa: SLF001 - as `warnings` and `logging` do
    while frame.f_globals.get("__name__", "").partition(".")[0] == "azmqtt" and frame.f_back is not None:
        frame = frame.f_back
    return frame
