"""The figures of ``stats()`` of any number of clients, as every monitoring system takes them."""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable  # noqa: TC003 - for `typing.get_type_hints`
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from azmqtt._stats import Stats  # noqa: TC001 - the same

if TYPE_CHECKING:
    from collections.abc import Iterable

    from azmqtt import DeviceClient, MqttClient

    Client = DeviceClient | MqttClient

#: Labels of a sample: names and values.
Labels = dict[str, str]

_COUNTERS = {
    "connects": "Connections that were accepted",
    "reconnects": "Connections that were accepted after one that was lost",
    "connections_lost": "Connections that ended other than by close or for a new token",
    "sessions_lost": "Sessions that the broker had forgotten at a reconnect",
    "tokens_renewed": "Tokens renewed as planned",
    "messages_sent": "Messages that were acknowledged, or at QoS 0 written",
    "messages_failed": "Messages that ended in an error",
    "messages_resent": "Messages sent again after a reconnect",
    "messages_received": "Messages that came in",
    "messages_unclaimed": "Messages that no iterator and no handler wanted",
    "messages_dropped": "Messages at QoS 0 for which there was no room",
    "requests_answered": "Requests with their answer",
    "replies_unmatched": "Answers to no open request",
    "twin_requests_answered": "Twin requests that were answered, with any status",
    "twin_answers_unmatched": "Twin answers to no open request",
    "desired_changes": "Changes of desired properties that were handed on",
    "methods_called": "Calls of direct methods that came in",
    "bytes_sent": "Bytes written, before TLS",
    "bytes_received": "Bytes read, after TLS",
}

_GAUGES = {
    "outstanding": "Messages and requests that were accepted and have no outcome",
    "outstanding_bytes": "The size of messages and requests without an outcome",
    "outbox": "Messages that were accepted and are not sent",
    "in_flight": "Messages that were sent and are not acknowledged",
    "messages_waiting": "Messages that the application has not taken",
    "desired_waiting": "Changes of desired properties that the application has not taken",
    "methods_waiting": "Calls of direct methods that the application has not taken",
    "methods_open": "Calls of direct methods without a response",
}

_LONGEST = {
    "handler_wait": "How long a handler has been waiting for a thread",
    "handler_wait_longest": "The longest that a handler has waited for a thread",
}

_ROUND_TRIPS = {
    "publish_round_trip": "From PUBLISH to its acknowledgement",
    "request_round_trip": "From a request to its answer",
    "twin_round_trip": "From a twin request to its answer",
    "ping_round_trip": "From PINGREQ to PINGRESP",
}

_QUANTILES = {"0.5": "p50", "0.9": "p90", "0.99": "p99", "1": "max"}


Samples = list[tuple[Labels, float]]


class Figure(NamedTuple):
    """What a figure is, and how it is read.

    Attributes:
        name: As in the statistics.
        kind: Whether it only grows.
        unit: ``seconds``, ``bytes``, or nothing.
        description: What it is.
        read: Returns its samples of one client, of which labels and statistics are given.
        join: Makes one value of two that have the same labels.
    """

    name: str
    kind: Literal["counter", "gauge"]
    unit: str
    description: str
    read: Callable[[Labels, Stats], Samples]
    join: Callable[[float, float], float] = operator.add


class Clients:
    """The clients whose figures are exported; it keeps none of them alive."""

    def __init__(self, clients: Iterable[Client], *, per_client: bool) -> None:
        """Take the first clients; more can be added."""
        self._clients: weakref.WeakSet[Client] = weakref.WeakSet(clients)
        self._per_client = per_client

    def add(self, client: Client) -> None:
        """Export another client's figures, too."""
        self._clients.add(client)

    def discard(self, client: Client) -> None:
        """Export a client's figures no longer."""
        self._clients.discard(client)

    def samples(self, figures: Iterable[Figure] | None = None) -> list[tuple[Figure, Samples]]:
        """Read figures, or all; those that no client has are left out."""
        read = [(_labels(client) if self._per_client else {}, client.stats()) for client in list(self._clients)]
        found = [(figure, _joined(figure, read)) for figure in (FIGURES if figures is None else figures)]
        return [(figure, samples) for figure, samples in found if samples]


def _labels(client: Client) -> Labels:
    from azmqtt._client import DeviceClient

    if isinstance(client, DeviceClient):
        return {"client": client.device_id if client.module_id is None else f"{client.device_id}/{client.module_id}"}
    return {"client": client.client_id}


def _joined(figure: Figure, read: Iterable[tuple[Labels, Stats]]) -> Samples:
    found: dict[tuple[tuple[str, str], ...], float] = {}
    for labels, stats in read:
        for sample, value in figure.read(labels, stats):
            key = tuple(sample.items())
            found[key] = figure.join(found[key], value) if key in found else value
    return [(dict(key), value) for key, value in found.items()]


def _plain(name: str) -> Callable[[Labels, Stats], Samples]:
    return lambda labels, stats: [(labels, float(stats[name]))] if name in stats else []


def _percentiles(name: str) -> Callable[[Labels, Stats], Samples]:
    def read(labels: Labels, stats: Stats) -> Samples:
        trips = stats.get(name)
        if trips is None:
            return []
        return [({**labels, "quantile": name}, getattr(trips, member)) for name, member in _QUANTILES.items()]

    return read


def _unit(name: str) -> str:
    return "bytes" if "bytes" in name else ""


#: All of them.
FIGURES: Final = (
    Figure("clients", "gauge", "", "Clients that exist", lambda labels, _: [(labels, 1.0)]),
    Figure(
        "connected",
        "gauge",
        "",
        "Clients that are connected",
        lambda labels, stats: [(labels, float(stats.connected_since is not None))],
    ),
    *(Figure(name, "counter", _unit(name), text, _plain(name)) for name, text in _COUNTERS.items()),
    *(Figure(name, "gauge", _unit(name), text, _plain(name)) for name, text in _GAUGES.items()),
    *(Figure(name, "gauge", "seconds", text, _plain(name), max) for name, text in _LONGEST.items()),
    *(
        Figure(name, "gauge", "seconds", f"{text}; of several clients the slowest", _percentiles(name), max)
        for name, text in _ROUND_TRIPS.items()
    ),
)
