"""Statistics for Prometheus and OpenTelemetry, read by their own libraries."""

from __future__ import annotations

import gc

import pytest

import azmqtt

prometheus_client = pytest.importorskip("prometheus_client")
pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.metrics import MeterProvider  # noqa: E402 - where it is installed
from opentelemetry.sdk.metrics.export import InMemoryMetricReader  # noqa: E402 - the same
from prometheus_client.parser import text_string_to_metric_families  # noqa: E402 - the same

from azmqtt.metrics.opentelemetry import StatsInstruments  # noqa: E402 - the same
from azmqtt.metrics.prometheus import StatsCollector  # noqa: E402 - the same


def scraped(registry):
    """What Prometheus reads: samples by name and labels."""
    text = prometheus_client.generate_latest(registry).decode()
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation for family in families)
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


@pytest.fixture
def clients(hub):
    with hub.device_client("one") as one, hub.device_client("two", module_id="m") as two:
        one.send_messages(["1", "2"])
        two.send_message("3")
        two.get_twin()
        yield one, two


def test_prometheus_reads_all_clients_together(clients):
    registry = prometheus_client.CollectorRegistry()
    collector = StatsCollector(clients)
    registry.register(collector)
    before = sum(client.stats().bytes_sent for client in clients)
    found = scraped(registry)
    assert found["azmqtt_client_clients",] == found["azmqtt_client_connected",] == 2
    assert found["azmqtt_client_messages_sent_total",] == 3
    assert found["azmqtt_client_twin_requests_answered_total",] == 1
    assert found["azmqtt_client_outstanding",] == 0
    # Acknowledgements may still be sent meanwhile.
    after = sum(client.stats().bytes_sent for client in clients)
    assert 0 < before <= found["azmqtt_client_bytes_sent_total",] <= after
    slowest = max(client.stats().publish_round_trip.p99 for client in clients)
    assert found["azmqtt_client_publish_round_trip_seconds", "0.99"] == slowest
    assert ("azmqtt_client_ping_round_trip_seconds", "0.99") not in found
    collector.discard(clients[0])
    assert scraped(registry)["azmqtt_client_messages_sent_total",] == 1


def test_prometheus_reads_each_client(clients):
    registry = prometheus_client.CollectorRegistry()
    collector = StatsCollector(per_client=True)
    registry.register(collector)
    assert scraped(registry) == {}
    for client in clients:
        collector.add(client)
    found = scraped(registry)
    assert found["azmqtt_client_messages_sent_total", "one"] == 2
    assert found["azmqtt_client_messages_sent_total", "two/m"] == 1
    trips = clients[0].stats().publish_round_trip
    assert found["azmqtt_client_publish_round_trip_seconds", "one", "1"] == trips.max


def test_a_client_of_any_broker_is_read_too():
    client = azmqtt.MqttClient("localhost", "c1")
    registry = prometheus_client.CollectorRegistry()
    registry.register(StatsCollector([client], per_client=True))
    found = scraped(registry)
    assert found["azmqtt_client_connected", "c1"] == 0
    assert found["azmqtt_client_sessions_lost_total", "c1"] == 0
    assert ("azmqtt_client_methods_called_total", "c1") not in found
    client.close()


def test_no_client_is_kept_alive(hub):
    collector = StatsCollector([hub.device_client("one")])
    gc.collect()
    assert list(collector.collect()) == []


def test_opentelemetry_reads_the_same(clients):
    reader = InMemoryMetricReader()
    instruments = StatsInstruments(clients, per_client=True, meter_provider=MeterProvider([reader]))
    (resource,) = reader.get_metrics_data().resource_metrics
    (scope,) = resource.scope_metrics
    found = {
        (metric.name, *point.attributes.values()): point.value
        for metric in scope.metrics
        for point in metric.data.data_points
    }
    assert found["azmqtt.client.messages_sent", "one"] == 2
    assert found["azmqtt.client.messages_sent", "two/m"] == 1
    assert found["azmqtt.client.connected", "one"] == 1
    assert found["azmqtt.client.publish_round_trip", "one", "1"] == clients[0].stats().publish_round_trip.max
    units = {metric.name: metric.unit for metric in scope.metrics}
    assert units["azmqtt.client.publish_round_trip"] == "s"
    assert units["azmqtt.client.bytes_sent"] == "By"
    for client in clients:
        instruments.discard(client)
    assert reader.get_metrics_data() is None or not reader.get_metrics_data().resource_metrics[0].scope_metrics


def test_every_figure_of_the_statistics_is_exported(clients):
    """A new figure is to be exported, too, unless it is a time."""
    from azmqtt.metrics._figures import FIGURES

    stats = dict(clients[0].stats()) | dict(azmqtt.MqttClient("localhost", "c2").stats())
    assert set(stats) - {figure.name for figure in FIGURES} == {"connected_since", "token_valid_until"}
