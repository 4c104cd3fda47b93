"""gevent and eventlet: how to wait where greenlets run instead of threads.

After monkey-patching, a native wait would hold up every greenlet of its thread. So `src/greenlets.rs` has the
hub of the greenlets wait for a descriptor instead, by what `waiter` returns, and what polls sleeps by `sleep`. The
package's threads are made by the patched `threading`, so that handlers and callbacks run in greenlets, beside the
application's, and may use its locks and events; all but those that run an event loop of asyncio, which knows threads
only (`threads`).
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds between two looks where there is no descriptor to wait for.
_POLL = 0.005


def waiter() -> Callable[[int, float | None], None] | None:
    """Return what waits until a descriptor is readable, with or without a limit; ``None`` for no greenlets.

    Greenlets count if a library has patched ``socket`` or ``threading``, and has a hub in this thread: only then is
    there somebody to be held up.
    """
    if _gevent_is_here():
        return _wait_gevent
    if _eventlet_is_here():
        return _wait_eventlet
    return None


def sleep(seconds: float) -> None:
    """Sleep, and let other greenlets run."""
    if _gevent_is_here():
        from gevent import sleep as sleep_gevent

        sleep_gevent(seconds)
    elif _eventlet_is_here():
        from eventlet import sleep as sleep_eventlet

        sleep_eventlet(seconds)
    else:
        time.sleep(seconds)


def patched() -> str | None:
    """Return which library has patched ``threading``, if any."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        return "gevent"
    patcher = sys.modules.get("eventlet.patcher")
    if patcher is not None and patcher.is_monkey_patched("thread"):
        return "eventlet"
    return None


def _gevent_is_here() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not (monkey.is_module_patched("socket") or monkey.is_module_patched("threading")):
        return False
    from gevent._hub_local import get_hub_if_exists

    return get_hub_if_exists() is not None


def _eventlet_is_here() -> bool:
    patcher = sys.modules.get("eventlet.patcher")
    if patcher is None or not (patcher.is_monkey_patched("socket") or patcher.is_monkey_patched("thread")):
        return False
    from eventlet import hubs

    return getattr(hubs._threadlocal, "hub", None) is not None  # noqa: SLF001 - `get_hub` would make one


def _wait_gevent(descriptor: int, timeout: float | None) -> None:
    if descriptor < 0:
        sleep(_POLL)
        return
    from gevent.socket import wait_read

    try:
        wait_read(descriptor, timeout)
    except TimeoutError:
        return


def _wait_eventlet(descriptor: int, timeout: float | None) -> None:
    if descriptor < 0:
        sleep(_POLL)
        return
    from eventlet.hubs import trampoline

    try:
        trampoline(descriptor, read=True, timeout=timeout, timeout_exc=TimeoutError)
    except TimeoutError:
        return
