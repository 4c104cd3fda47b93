"""Handlers that are told apart by a name: one for each name, and one for all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from azmqtt._handlers.pool import Job

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from azmqtt import _core
    from azmqtt._handlers.async_loop import LoopTasks


class Handler(NamedTuple):
    """A function and where it runs."""

    function: Callable[[Any], Any]
    #: Where an ``async def`` runs; ``None`` for a plain function.
    where: LoopTasks | asyncio.AbstractEventLoop | None


class NamedHandlers(Job):
    """A client's handlers of one kind, for what comes from one stream, which the first of them subscribes to."""

    #: What the names are of, in errors.
    kind: ClassVar[str]

    def __init__(self, released: Callable[[], None]) -> None:
        """Start nothing yet; ``released`` is called when the client is closed."""
        super().__init__()
        self._released = released
        self._handlers: dict[str | None, Handler] = {}
        self._events: _core.Events | None = None

    def register(
        self,
        name: str | None,
        function: Callable[[Any], Any],
        where: LoopTasks | asyncio.AbstractEventLoop | None,
        subscribe: Callable[[], _core.Events],
    ) -> None:
        """Call ``function`` for ``name``, or for every name without a handler of its own.

        Raises:
            RuntimeError: There is one already.
        """
        with self.lock:
            if name in self._handlers:
                what = f"all other {self.kind}s" if name is None else f"the {self.kind} {name!r}"
                raise RuntimeError(f"a handler for {what} is already registered; a client has one until it is closed")
            if self._events is None:
                self.start()
            self._handlers[name] = Handler(function, where)
            if self._events is None:
                self._events = subscribe()
                self._events.keep_subscribed(self.pool.wakeups, self.key)
                self._events.arm(self.pool.wakeups, self.key)

    def handler(self, name: str | None) -> Handler | None:
        """Find the handler for a name: its own, or the one for all others."""
        return self._handlers.get(name) or self._handlers.get(None)
