"""How the calls of local services wait: the steps are written once, for the blocking form and the ``_async`` one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from azmqtt._support import arguments, greenlets
from azmqtt._support.warnings import blocks_its_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from azmqtt import _core

T = TypeVar("T")

#: What is waited for stops with it.
Service: TypeAlias = "_core.Hub | _core.Namespace"

#: What a wait asks: whether it is over, looking for so many seconds, and for how long to ask.
Question: TypeAlias = "tuple[Callable[[float], bool], float | None]"
#: A call that waits: it yields its question, is sent whether it came to that in time, and returns or raises.
Steps: TypeAlias = "Generator[Question, bool, T]"

#: How long a call into the core may block, in seconds, before Python looks for Ctrl-C.
TICK = 0.05
#: The same where greenlets run, which it would hold up: between two looks they have their turn.
_GREENLET_TICK = 0.01
#: Seconds between two looks of the ``_async`` forms: the first pause, and the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.02


def look(poll: Callable[[float], T], seconds: float) -> T:
    """Call ``poll`` with a number of seconds to wait, in a way that holds up no greenlets."""
    if greenlets.waiter() is None:
        return poll(seconds)
    seen = poll(0.0)
    if not seen and seconds > 0:
        greenlets.sleep(min(seconds, _GREENLET_TICK))
        seen = poll(0.0)
    return seen


def wait(poll: Callable[[float], bool], timeout: float | None, service: Service) -> bool:
    """Call ``poll`` with a number of seconds to wait, again and again, so that Ctrl-C is seen in between.

    Raises:
        RuntimeError: The service is stopped, so that it will never be true.
    """
    __tracebackhide__ = True
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = TICK if deadline is None else max(0.0, min(TICK, deadline - time.monotonic()))
        if look(poll, left):
            return True
        if service.stopped:
            raise RuntimeError(f"the {type(service).__name__.lower()} is stopped")
        if left == 0:
            return False


def run(steps: Steps[T], service: Service) -> T:
    """Take the steps of a call, and block meanwhile. Warns a coroutine: it blocks its event loop.

    Raises:
        ValueError: The timeout is negative.
        RuntimeError: The service is stopped.
    """
    __tracebackhide__ = True
    blocks_its_loop()
    poll, timeout = next(steps)
    arguments.timeout(timeout)
    while True:
        outcome = wait(poll, timeout, service)
        try:
            poll, timeout = steps.send(outcome)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


async def run_async(steps: Steps[T], service: Service) -> T:
    """Take the steps of a call while the event loop runs on. Cancelling it ends it.

    Raises:
        ValueError: The timeout is negative.
        RuntimeError: The service is stopped.
    """
    __tracebackhide__ = True
    poll, timeout = next(steps)
    arguments.timeout(timeout)
    while True:
        outcome = await _wait_async(poll, timeout, service)
        try:
            poll, timeout = steps.send(outcome)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


async def _wait_async(poll: Callable[[float], bool], timeout: float | None, service: Service) -> bool:
    """Wait as :func:`wait` does. ``poll`` is called on the event loop, and never waits there."""
    __tracebackhide__ = True
    import asyncio

    deadline = None if timeout is None else time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while True:
        left = _LONGEST_PAUSE if deadline is None else deadline - time.monotonic()
        if poll(0.0):
            return True
        if service.stopped:
            raise RuntimeError(f"the {type(service).__name__.lower()} is stopped")
        if left <= 0:
            return False
        await asyncio.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE)
