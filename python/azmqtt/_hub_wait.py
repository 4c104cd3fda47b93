"""How the local hub's calls wait."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from azmqtt import _greenlets

if TYPE_CHECKING:
    from collections.abc import Callable

    from azmqtt import _core

T = TypeVar("T")

#: How long a call into the core may block, in seconds, before Python looks for Ctrl-C.
TICK = 0.05
#: The same where greenlets run, which it would hold up: between two looks they have their turn.
_GREENLET_TICK = 0.01


def look(poll: Callable[[float], T], seconds: float) -> T:
    """Call ``poll`` with a number of seconds to wait, in a way that holds up no greenlets."""
    if _greenlets.waiter() is None:
        return poll(seconds)
    seen = poll(0.0)
    if not seen and seconds > 0:
        _greenlets.sleep(min(seconds, _GREENLET_TICK))
        seen = poll(0.0)
    return seen


def wait(poll: Callable[[float], bool], timeout: float | None, hub: _core.Hub) -> bool:
    """Call ``poll`` with a number of seconds to wait, again and again, so that Ctrl-C is seen in between.

    Raises:
        RuntimeError: The hub is stopped, so that it will never be true.
    """
    __tracebackhide__ = True
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = TICK if deadline is None else max(0.0, min(TICK, deadline - time.monotonic()))
        if look(poll, left):
            return True
        if hub.stopped:
            raise RuntimeError("the hub is stopped")
        if left == 0:
            return False
