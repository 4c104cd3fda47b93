"""Statistics of clients for Prometheus, by its official client library (``pip install 'azmqtt[prometheus]'``)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from azmqtt.metrics._figures import Clients

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.core import Metric

    from azmqtt import DeviceClient, MqttClient
    from azmqtt.metrics._figures import Figure, Samples

__all__ = ["StatsCollector"]

_PREFIX = "azmqtt_client_"


class StatsCollector(Collector):
    """Hands out the statistics of clients when Prometheus asks for them; nothing is measured in between.

    ::

        collector = StatsCollector([client])
        prometheus_client.REGISTRY.register(collector)
        prometheus_client.start_http_server(8000)

    The names begin with ``azmqtt_client_``, and are those of :class:`~azmqtt.Stats` and :class:`~azmqtt.MqttStats`.
    Counters and what waits are added up for all clients; of percentiles and waiting times the largest counts. A client
    counts as long as it exists: the collector does not keep it alive.

    Args:
        clients: Whose statistics; more can be added.
        per_client: Whether each client has its own figures, with its id in the label ``client``. With thousands of
            devices, that makes as many time series of each figure.
    """

    def __init__(self, clients: Iterable[DeviceClient | MqttClient] = (), *, per_client: bool = False) -> None:
        """Take the first clients."""
        self._clients = Clients(clients, per_client=per_client)

    def add(self, client: DeviceClient | MqttClient) -> None:
        """Hand out another client's statistics, too."""
        self._clients.add(client)

    def discard(self, client: DeviceClient | MqttClient) -> None:
        """Hand out a client's statistics no longer."""
        self._clients.discard(client)

    def describe(self) -> Iterator[Metric]:
        """Return nothing: which figures there are depends on the clients."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Return the figures as they are now."""
        return itertools.starmap(_metric, self._clients.samples())


def _metric(figure: Figure, samples: Samples) -> Metric:
    name = _PREFIX + figure.name
    if figure.unit not in figure.name:
        name += f"_{figure.unit}"
    labels = list(samples[0][0])
    family = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
    metric: CounterMetricFamily | GaugeMetricFamily = family(name, f"{figure.description}.", labels=labels)
    for values, value in samples:
        metric.add_metric(list(values.values()), value)
    return metric
