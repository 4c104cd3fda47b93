"""What a client has counted and measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

#: The figures by subject, in the order in which they are shown.
_GROUPS = {
    "connection": "connected_since token_valid_until connects reconnects connections_lost tokens_renewed",
    "messages": "messages_sent messages_failed messages_resent messages_received",
    "twin and methods": "twin_requests_answered twin_answers_unmatched desired_changes methods_called",
    "waiting now": "outstanding outstanding_bytes outbox in_flight messages_waiting desired_waiting "
    "methods_waiting methods_open handler_wait handler_wait_longest",
    "round trips": "publish_round_trip twin_round_trip ping_round_trip",
    "bytes": "bytes_sent bytes_received",
}


class RoundTrips(NamedTuple):
    """How long round trips took, in seconds, since the client was made.

    Percentiles are off by an eighth at most, and end at two minutes; ``max`` is exact. Round trips over a lost
    connection are left out.

    Attributes:
        samples: How many there were.
        p50: Half of them took no longer.
        p90: Nine in ten took no longer.
        p99: 99 in a hundred took no longer.
        max: The longest.
    """

    samples: int
    p50: float
    p90: float
    p99: float
    max: float

    def __str__(self) -> str:
        """Show them in milliseconds."""
        spans = (f"{name} {1000 * getattr(self, name):.3g}" for name in ("p50", "p90", "p99", "max"))
        return f"{', '.join(spans)} ms ({self.samples:,})"


class Stats(Mapping[str, Any]):
    """A reading of what a client has counted and measured since it was made; it does not change afterwards.

    Every figure is an attribute and an item: ``stats.connects`` is ``stats["connects"]``, and ``dict(stats)`` has them
    all.

    Attributes:
        connected_since: Since when the connection stands, in UTC; ``None`` without one. A planned reconnect does not
            end it.
        token_valid_until: Until when the token of the last connection is valid, in UTC; ``None`` without a token.
        connects: Connections that the hub accepted.
        reconnects: Those of them after one that was lost.
        connections_lost: Connections that ended other than by ``close`` or for a new token.
        tokens_renewed: Planned reconnects with a new token.
        messages_sent: Messages acknowledged by the hub (QoS 1) or written out (QoS 0).
        messages_failed: Messages that ended in an error.
        messages_resent: Messages sent again after a reconnect.
        messages_received: Cloud-to-device messages that came in.
        twin_requests_answered: Answered twin requests, with any status.
        twin_answers_unmatched: Twin answers that belong to no request that is open.
        desired_changes: Changes of the desired properties handed on.
        methods_called: Calls of direct methods that came in.
        outstanding: Messages and twin requests accepted and without an outcome, now.
        outstanding_bytes: Their size in bytes.
        outbox: Messages accepted and not yet on the wire, now.
        in_flight: QoS 1 messages on the wire without their PUBACK, now.
        messages_waiting: Cloud-to-device messages that the application has not taken yet.
        desired_waiting: Changes of the desired properties that the application has not taken yet.
        methods_waiting: Calls of direct methods that the application has not taken yet.
        methods_open: Calls of direct methods without a response, now; at most 64.
        handler_wait: Since how many seconds a plain handler of this client waits for a thread, now; 0.0 for none.
        handler_wait_longest: The longest that one has waited, in seconds.
        publish_round_trip: From a QoS 1 PUBLISH to its PUBACK; ``None`` before the first.
        twin_round_trip: From a twin request to its answer.
        ping_round_trip: From PINGREQ to PINGRESP, where nothing else came in between.
        bytes_sent: Bytes written, before TLS.
        bytes_received: Bytes read, after TLS.
    """

    connected_since: datetime | None
    token_valid_until: datetime | None
    connects: int
    reconnects: int
    connections_lost: int
    tokens_renewed: int
    messages_sent: int
    messages_failed: int
    messages_resent: int
    messages_received: int
    twin_requests_answered: int
    twin_answers_unmatched: int
    desired_changes: int
    methods_called: int
    outstanding: int
    outstanding_bytes: int
    outbox: int
    in_flight: int
    messages_waiting: int
    desired_waiting: int
    methods_waiting: int
    methods_open: int
    handler_wait: float
    handler_wait_longest: float
    publish_round_trip: RoundTrips | None
    twin_round_trip: RoundTrips | None
    ping_round_trip: RoundTrips | None
    bytes_sent: int
    bytes_received: int

    __slots__ = ("_figures",)

    def __init__(self, figures: Mapping[str, Any]) -> None:
        """Take the core's figures, by their names."""
        ordered = {name: figures[name] for names in self._groups().values() for name in names.split()}
        for name in self._groups()["round trips"].split():
            if ordered[name] is not None:
                ordered[name] = RoundTrips(*ordered[name])
        object.__setattr__(self, "_figures", ordered)

    @staticmethod
    def _groups() -> dict[str, str]:
        return _GROUPS

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Return a figure."""
            if name == "_figures" or name not in self._figures:
                raise AttributeError(f"unknown figure {name!r}")
            return self._figures[name]

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: a reading does not change."""
        raise AttributeError(f"{name} cannot be set: a reading does not change")

    def __reduce__(self) -> tuple[type[Stats], tuple[dict[str, Any]]]:
        """Copy and pickle by the figures."""
        return type(self), (dict(self),)

    def __getitem__(self, name: str) -> Any:
        """Return a figure by its name."""
        return self._figures[name]  # type: ignore[attr-defined]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._figures)  # type: ignore[attr-defined]

    def __len__(self) -> int:
        """Count the figures."""
        return len(self._figures)  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        """Show a line for each group."""
        lines = [
            f"  {group}: " + ", ".join(f"{name}={shown(self[name])}" for name in names.split())
            for group, names in self._groups().items()
        ]
        return f"{type(self).__name__}(\n" + "\n".join(lines) + "\n)"

    def _repr_html_(self) -> str:
        """Show a table in Jupyter."""
        from azmqtt._support import html

        return html.table(type(self).__name__, [(name, shown(figure)) for name, figure in self.items()])


def shown(figure: Any) -> str:
    """Write one figure."""
    if hasattr(figure, "isoformat"):
        return str(figure.isoformat(sep=" ", timespec="seconds"))
    if isinstance(figure, float):
        return f"{figure:.3g}"
    return f"{figure:,}" if isinstance(figure, int) else str(figure)
