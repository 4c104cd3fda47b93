"""What can be seen of a client from outside: its state, its figures, its picture in a notebook."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar, cast

from azmqtt._support.arguments import function
from azmqtt._support.uncopied import Uncopied

if TYPE_CHECKING:
    from collections.abc import Callable

    from azmqtt._core import Client
    from azmqtt._handlers.handlers import Handlers
    from azmqtt._handlers.states import States
    from azmqtt._stats import Stats
    from azmqtt._streams import Stream
    from azmqtt._types import State, StateChange
    from azmqtt.provisioning import Registration

    StateHandler = TypeVar("StateHandler", bound=Callable[[StateChange], Any])


class Observed(Uncopied):
    """The part of :class:`~azmqtt.DeviceClient` that is for watching it."""

    __slots__ = ("_core", "_registration", "_states")

    _core: Client
    _handlers: Handlers | None
    _registration: Registration | None
    _states: States | None

    @property
    def state(self) -> State:
        """Where the connection stands.

        One of ``disconnected``, ``connecting``, ``connected``, ``reconnecting`` and ``closed``.
        """
        return cast("State", self._core.state)

    @property
    def connected(self) -> bool:
        """Whether the hub has accepted the connection and it stands, as far as is known."""
        return self._core.state == "connected"

    @property
    def last_error(self) -> str | None:
        """What ended the last connection or attempt, while there is no other."""
        return self._core.last_error

    @property
    def hostname(self) -> str:
        """The hub's host name."""
        return self._core.hostname

    @property
    def device_id(self) -> str:
        """The device's id."""
        return self._core.device_id

    @property
    def module_id(self) -> str | None:
        """The module's id, for a module."""
        return self._core.module_id

    @property
    def registration(self) -> Registration | None:
        """What the provisioning service said, for a client that ``provision`` made."""
        return self._registration

    def stats(self) -> Stats:
        """Read what was counted and measured since the client was made, and what waits now."""
        from azmqtt._stats import Stats

        figures = self._core.stats()
        handlers, states = self._handlers, self._states
        waits = [(0.0, 0.0)]
        if handlers is not None:
            waits.append(handlers.wait)
        if states is not None:
            waits.append((states.wait, states.longest_wait))
        figures["handler_wait"] = max(now for now, _ in waits)
        figures["handler_wait_longest"] = max(longest for _, longest in waits)
        return Stats(figures)

    def on_state_change(self, handler: StateHandler) -> StateHandler:
        """Call ``handler`` with every :class:`~azmqtt.StateChange`, from now on. Also a decorator.

        Every change comes, one after the other and in order; only when 1,024 wait for a handler that is slow are the
        oldest dropped. The last one is to ``closed``; closing the client waits up to a second for it to be told. A
        plain function is called on a thread of the package's; an ``async def`` on the event loop that is running now,
        or else on one of the package's. A handler that raises is logged under ``azmqtt.handlers``. It may close the
        client. There is one handler.

        Raises:
            ClientClosed: The client is closed.
            RuntimeError: There is a handler already.
            TypeError: ``handler`` is not callable.
        """
        function("the handler", handler)
        if self._core.state == "closed":
            raise self._core.closed_error
        if self._states is not None:
            raise RuntimeError("a handler for changes of the state is registered already; there is one per client")
        from azmqtt._handlers.states import States

        self._states = States(self._core, handler, self)
        return handler

    def state_changes(self, *, timeout: float | None = None) -> Stream[StateChange]:
        """Watch the state of the connection, from now on.

        Each iterator has every change, in order; when 1,024 wait the oldest are dropped.

        Args:
            timeout: How many seconds to wait for each change before the iteration ends; ``None`` for ever.

        Returns:
            An iterator for ``for`` and ``async for`` over :class:`~azmqtt.StateChange`, which ends after the change to
            ``closed``.
        """
        from azmqtt._streams import Stream

        return Stream(self, "state", timeout)

    def __repr__(self) -> str:
        """Show identity and state, no secret."""
        module = f", module_id={self.module_id!r}" if self.module_id else ""
        return f"{type(self).__name__}({self.hostname!r}, {self.device_id!r}{module}, {self.state})"

    def _repr_html_(self) -> str:
        """Show a table in Jupyter, without a secret."""
        from azmqtt._support import html

        return html.table(type(self).__name__, self._rows())

    def _rows(self) -> list[tuple[str, Any]]:
        from azmqtt._stats import shown

        rows: list[tuple[str, Any]] = [
            ("hub", self.hostname),
            ("device", self.device_id),
            ("module", self.module_id),
            ("state", self.state),
            ("last error", self.last_error),
        ]
        try:
            stats = self.stats()
        except RuntimeError:
            # Made before a fork: its figures are the parent's.
            return rows
        since, trips = stats.connected_since, stats.publish_round_trip
        again = f", {stats.reconnects:,} after a loss" if stats.reconnects else ""
        return [
            *rows,
            ("connected since", since and shown(since)),
            ("connections", f"{stats.connects:,}{again}"),
            ("messages", f"{stats.messages_sent:,} sent, {stats.messages_received:,} received"),
            ("not acknowledged", f"{stats.outstanding:,}"),
            ("round trip", trips and str(trips)),
        ]

    def _watch(self) -> None:
        """Write to Python's log what happens from now on, if somebody listens to it."""
        # Where nobody has loaded `logging`, nobody listens.
        if "logging" in sys.modules:
            from azmqtt._client import log

            log.attach(self._core)
