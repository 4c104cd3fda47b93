"""Statistics of clients for OpenTelemetry, by its official API (``pip install 'azmqtt[opentelemetry]'``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter_provider

from azmqtt.metrics._figures import FIGURES, Clients, Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from azmqtt import DeviceClient, MqttClient

__all__ = ["StatsInstruments"]

_PREFIX = "azmqtt.client."

_UNITS = {"seconds": "s", "bytes": "By"}


class StatsInstruments:
    """Observes the statistics of clients when OpenTelemetry reads its instruments; nothing is measured in between.

    ::

        instruments = StatsInstruments([client])

    The names begin with ``azmqtt.client.``, and are those of :class:`~azmqtt.Stats` and :class:`~azmqtt.MqttStats`.
    Counters and what waits are added up for all clients; of percentiles and waiting times the largest counts. A client
    counts as long as it exists: the instruments do not keep it alive.

    Args:
        clients: Whose statistics; more can be added.
        per_client: Whether each client has its own figures, with its id in the attribute ``client``.
        meter_provider: Where the instruments are made; the global provider if absent.
    """

    def __init__(
        self,
        clients: Iterable[DeviceClient | MqttClient] = (),
        *,
        per_client: bool = False,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        """Make the instruments, and take the first clients."""
        self._clients = Clients(clients, per_client=per_client)
        meter = (meter_provider or get_meter_provider()).get_meter("azmqtt")
        for figure in FIGURES:
            make = meter.create_observable_counter if figure.kind == "counter" else meter.create_observable_gauge
            unit = _UNITS.get(figure.unit, "1")
            make(_PREFIX + figure.name, callbacks=[self._reader(figure)], unit=unit, description=figure.description)

    def add(self, client: DeviceClient | MqttClient) -> None:
        """Observe another client, too."""
        self._clients.add(client)

    def discard(self, client: DeviceClient | MqttClient) -> None:
        """Observe a client no longer."""
        self._clients.discard(client)

    def _reader(self, figure: Figure) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def read(_: CallbackOptions) -> Iterable[Observation]:
            found = self._clients.samples([figure])
            return [Observation(value, dict(labels)) for _, samples in found for labels, value in samples]

        return read
