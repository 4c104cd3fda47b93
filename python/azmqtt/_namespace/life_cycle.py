"""The life cycle events of a local namespace: connects, disconnects with their reasons, and changes of clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from azmqtt._local.awaited import Feed, first_match, not_in_time
from azmqtt._support.arguments import function, not_negative
from azmqtt._support.waiting import Steps, run, run_async

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from azmqtt import _core
    from azmqtt._core import LifeCycleEvents
    from azmqtt._namespace_types import AttributeValue, DisconnectionReason, LifeCycleEvent, LifeCycleKind

    Connection: TypeAlias = tuple[str, int, DisconnectionReason | None]
    State: TypeAlias = tuple[bool, list[tuple[str, AttributeValue]]]
    Record: TypeAlias = tuple[int, float, LifeCycleKind, str, Connection | None, tuple[str, State | None] | None]


class LifeCycleMixin:
    """The life cycle events and connection states of :class:`~azmqtt.LocalNamespace`."""

    _core: _core.Namespace
    _life_cycle: LifeCycleEvents

    if TYPE_CHECKING:

        @property
        def last_refusal(self) -> str | None: ...

    def life_cycle_events(self, kind: LifeCycleKind | None = None, *, after: int = 0) -> list[LifeCycleEvent]:
        """Return the newest 10,000 life cycle events of clients and sessions, oldest first.

        The service sends the same events to a system topic ("MQTT client life cycle events").

        Args:
            kind: Return only events of this kind, such as ``"MQTTClientSessionDisconnected"``.
            after: Return only those with a higher ``sequence``: what is new since an earlier call.

        Raises:
            ValueError: The kind is unknown.
        """
        not_negative("after", after)
        _check_kind(kind)
        events = [_event(record) for record in self._life_cycle.records(after)]
        return [event for event in events if kind in (None, event.kind)]

    def wait_for_life_cycle_event(
        self,
        predicate: Callable[[LifeCycleEvent], object] | None = None,
        timeout: float | None = 10,
        *,
        kind: LifeCycleKind | None = None,
        after: int = 0,
    ) -> LifeCycleEvent:
        """Wait for an event; return the first match. Events before the call count.

        Args:
            predicate: Takes a :class:`LifeCycleEvent` and returns whether it matches. By default any one matches.
            timeout: In seconds; ``None`` waits without a limit.
            kind: Consider only events of this kind, such as ``"MQTTClientSessionConnected"``.
            after: Consider only those with a higher ``sequence``.

        Raises:
            TimeoutError: None matched in time. The text shows the last ones.
            ValueError: The kind is unknown.
            RuntimeError: The namespace is stopped.
        """
        __tracebackhide__ = True
        return run(self._life_cycle_event(predicate, timeout, kind, after), self._core)

    async def wait_for_life_cycle_event_async(
        self,
        predicate: Callable[[LifeCycleEvent], object] | None = None,
        timeout: float | None = 10,
        *,
        kind: LifeCycleKind | None = None,
        after: int = 0,
    ) -> LifeCycleEvent:
        """Do the same as :meth:`wait_for_life_cycle_event` without blocking the event loop."""
        __tracebackhide__ = True
        return await run_async(self._life_cycle_event(predicate, timeout, kind, after), self._core)

    def _life_cycle_event(
        self,
        predicate: Callable[[LifeCycleEvent], object] | None,
        timeout: float | None,
        kind: LifeCycleKind | None,
        after: int,
    ) -> Steps[LifeCycleEvent]:
        __tracebackhide__ = True
        not_negative("after", after)
        _check_kind(kind)
        if predicate is not None:
            function("predicate", predicate)

        def matches(event: LifeCycleEvent) -> object:
            return kind in (None, event.kind) and (predicate is None or predicate(event))

        feed = Feed(lambda seen: self.life_cycle_events(after=seen), self._life_cycle.total, self._life_cycle.wait)
        return first_match(feed, matches, after, timeout, str, "event")

    def connected(self, client_id: str) -> bool:
        """Return whether the session with this client identifier is connected."""
        return self._core.connected(client_id)

    def wait_for_connection(self, client_id: str, *, connected: bool = True, timeout: float | None = 10) -> None:
        """Wait until the session with this client identifier is connected, or with ``connected=False`` until it is not.

        Raises:
            TimeoutError: The connection did not reach that state in time.
            RuntimeError: The namespace is stopped.
        """
        __tracebackhide__ = True
        run(self._connection(client_id, timeout, connected=connected), self._core)

    async def wait_for_connection_async(
        self, client_id: str, *, connected: bool = True, timeout: float | None = 10
    ) -> None:
        """Do the same as :meth:`wait_for_connection` without blocking the event loop."""
        __tracebackhide__ = True
        await run_async(self._connection(client_id, timeout, connected=connected), self._core)

    def _connection(self, client_id: str, timeout: float | None, *, connected: bool) -> Steps[None]:
        __tracebackhide__ = True

        def look(tick: float) -> bool:
            # The count is read before the state, so that a change in between ends the wait.
            count = self._life_cycle.total()
            if self._core.connected(client_id) == connected:
                return True
            self._life_cycle.wait(count, tick)
            return False

        if not (yield look, timeout):
            raise not_in_time(client_id, timeout, self.last_refusal, connected=connected)


def _check_kind(kind: str | None) -> None:
    from azmqtt._namespace_types import LifeCycleKind

    if kind is not None and kind not in get_args(LifeCycleKind):
        raise ValueError(f"kind must be one of {', '.join(get_args(LifeCycleKind))}, not {kind!r}")


def _event(record: Record) -> LifeCycleEvent:
    from datetime import datetime, timezone

    from azmqtt._namespace_types import LifeCycleEvent

    sequence, time, kind, authentication_name, connection, resource = record
    client_id, number, reason = connection or (None, None, None)
    name, state = resource or (None, None)
    enabled, attributes = state or (None, [])
    return LifeCycleEvent(
        kind,
        authentication_name,
        client_id=client_id,
        connection=number,
        disconnection_reason=reason,
        client_name=name,
        enabled=enabled,
        attributes=dict(attributes),
        time=datetime.fromtimestamp(time, timezone.utc),
        sequence=sequence,
    )
