"""How an ``async def`` handler gets what comes: the loop of its task."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from azmqtt._errors import ClientClosed
from azmqtt._handlers.raised import passes

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger("azmqtt.handlers")

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
