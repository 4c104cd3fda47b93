"""How the local hub's calls wait."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from azmqtt import _core

#: How long a call into the core may block, in seconds, before Python looks for Ctrl-C.
TICK = 0.05


def wait(poll: Callable[[float], bool], timeout: float | None, hub: _core.Hub) -> bool:
    """Call ``poll`` with a number of seconds to wait, again and again, so that Ctrl-C is seen in between.

    Raises:
        RuntimeError: The hub is stopped, so that it will never be true.
    """
    __tracebackhide__ = True
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = TICK if deadline is None else max(0.0, min(TICK, deadline - time.monotonic()))
        if poll(left):
            return True
        if hub.stopped:
            raise RuntimeError("the hub is stopped")
        if left == 0:
            return False
