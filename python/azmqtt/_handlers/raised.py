"""What becomes of what a handler raises.

In a plain handler, which runs on a thread of the package's, everything is logged, ``sys.exit()`` too: it is no way out
of that thread, and the next item is to be handled. An ``async def`` may run on a loop of the application's, where some
exceptions are not the handler's affair alone.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import Any


def passes(error: BaseException) -> bool:
    """Whether what an ``async def`` raised must go on, because it ends its task or the program."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        # Before Python 3.11 it cannot be told who was cancelled: the handler's task, or what the handler awaited.
        return task is None or not hasattr(task, "cancelling") or task.cancelling() > 0
    if isinstance(error, GeneratorExit):
        return True
    # Ctrl-C and sys.exit() in a coroutine of the main thread.
    return not isinstance(error, Exception) and threading.current_thread() is threading.main_thread()


def refuse_coroutine(result: Any) -> None:
    """Say that what a plain function returned is a coroutine, such as that of a wrapped ``async def``.

    Raises:
        TypeError: It is one. It has not begun.
    """
    if inspect.iscoroutine(result):
        result.close()
        raise TypeError("it is a plain function and returned a coroutine, which is never awaited: make it an async def")
