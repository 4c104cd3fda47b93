"""How handlers get what comes: the loops of a task and of a thread, each written once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from azmqtt._errors import ClientClosed, IotHubError
from azmqtt._raised import passes

if TYPE_CHECKING:
    from collections.abc import Callable

    from azmqtt import _core

_log = logging.getLogger("azmqtt.handlers")

#: How long a thread sleeps at the most, in seconds; it is woken for whatever comes.
LONGEST_WAIT = 3600.0
#: The first and the longest wait before a subscription is tried again, in seconds.
FIRST_RETRY, LONGEST_RETRY = 1.0, 30.0


async def consume(events: Any, function: Callable[[Any], Any], name: str) -> None:
    """Await ``function`` with every item, one after the other, until the client is closed."""
    closed = False
    while not closed:
        key, ready = events.ready_async()
        try:
            await ready
        except ClientClosed:
            closed = True
        finally:
            events.forget(key)
        while (item := events.take()) is not None:
            try:
                await function(item)
            except BaseException as error:  # noqa: PERF203 - a handler may raise anything
                if passes(error):
                    raise
                _log.exception("the handler %s raised", name)


def dispatch(
    events: _core.Events,
    handle: Callable[[Any], None],
    wait: Callable[[float], object],
    stopping: Callable[[], bool],
) -> None:
    """Subscribe, and call ``handle`` with every item, until the client is closed or ``stopping`` says so.

    Args:
        events: What comes.
        handle: Raises nothing but what is to end the thread.
        wait: Sleeps until something comes, for so many seconds at the most.
        stopping: Whether it is time to end.
    """
    subscribed = False
    retry = FIRST_RETRY
    while not stopping():
        try:
            if not subscribed:
                events.subscribed()
                subscribed = True
            while (item := events.take()) is not None:
                handle(item)
            wait(LONGEST_WAIT)
        except ClientClosed:  # noqa: PERF203 - once a call at most
            return
        except IotHubError as error:
            retry = pause(error, retry, wait)


def pause(error: IotHubError, retry: float, wait: Callable[[float], object]) -> float:
    """Wait before a subscription is tried again; return how long to wait after the next failure."""
    _log.warning("cannot subscribe yet, next attempt in %g s: %s", retry, error)
    try:
        wait(retry)
    except ClientClosed:
        # The next attempt says so.
        return retry
    return min(2 * retry, LONGEST_RETRY)
