//! `GET /metrics`: the hub in numbers, as Prometheus reads them. No label names a device, so that there are as many of them for ten
//! thousand devices as for one.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use crate::events::{self, Events};
use crate::http::access::Access;
use crate::http::route::{Rate, Routes};
use crate::security::policies::Right;
use crate::shared::Shared;
use azmqtt_local::watch::metrics::{MEDIA_TYPE, Metrics, resident_bytes};

pub(super) fn routes(routes: Routes) -> Routes {
    let watchers = Access::policy_of_any_version(Right::ServiceConnect);
    routes.get("/metrics", watchers, Rate::Uncounted, show)
}

async fn show(State(shared): State<Arc<Shared>>) -> Response {
    let mut metrics = Metrics::default();
    add_devices(&mut metrics, &shared);
    add_connections(&mut metrics, shared.events());
    add_work(&mut metrics, shared.events());
    add_process(&mut metrics, &shared);
    ([(CONTENT_TYPE, MEDIA_TYPE), (CACHE_CONTROL, "no-store")], metrics.into_text()).into_response()
}

fn add_devices(metrics: &mut Metrics, shared: &Shared) {
    let population = shared.registry.population();
    metrics.gauge("azmqtt_devices", "Devices in the registry.", population.devices);
    metrics.gauge("azmqtt_modules", "Modules in the registry.", population.modules);
    metrics.gauge("azmqtt_connected", "Devices and modules that are connected.", population.connected);
    let changes = [
        ("created", events::DEVICE_CREATED),
        ("updated", events::DEVICE_UPDATED),
        ("deleted", events::DEVICE_DELETED),
    ];
    let name = "azmqtt_registry_changes_total";
    add(metrics, shared.events(), name, "Changes of the registry.", "change", &changes);
    let help = "Device-to-cloud messages.";
    metrics.counter("azmqtt_telemetry_messages_total", help, shared.recorder.total());
}

fn add_connections(metrics: &mut Metrics, events: &Events) {
    let ring = events.ring();
    let opened = ring.count(events::CONNECTION_OPENED);
    metrics.counter("azmqtt_connections_opened_total", "Connections of devices that were accepted.", opened);
    let (name, help) = ("azmqtt_connections_closed_total", "Connections of devices that ended.");
    metrics.counters(name, help, "reason", ring.counts(events::CONNECTION_CLOSED));
    let (name, help) = ("azmqtt_connections_refused_total", "Clients that were not let in.");
    metrics.counters(name, help, "reason", ring.counts(events::CONNECTION_REFUSED));
    let (name, help) = ("azmqtt_requests_refused_total", "HTTPS requests without the right for them.");
    metrics.counter(name, help, ring.count(events::REQUEST_REFUSED));
}

fn add_work(metrics: &mut Metrics, events: &Events) {
    let parts =
        [("reported", events::TWIN_REPORTED), ("desired", events::TWIN_DESIRED), ("tags", events::TWIN_TAGS)];
    add(metrics, events, "azmqtt_twin_changes_total", "Changes of twins.", "part", &parts);
    let called = events.ring().count(events::METHOD_CALLED);
    metrics.counter("azmqtt_methods_called_total", "Calls that were sent to a device.", called);
    let failed = events.ring().count(events::METHOD_FAILED);
    metrics.counter("azmqtt_methods_failed_total", "Calls without an answer in time.", failed);
    let (name, help) = ("azmqtt_method_duration_seconds", "How long devices took to answer calls.");
    metrics.histogram(name, help, events.method_times());
    let states = [
        ("enqueued", events::C2D_ENQUEUED),
        ("delivered", events::C2D_DELIVERED),
        ("completed", events::C2D_COMPLETED),
        ("abandoned", events::C2D_ABANDONED),
        ("rejected", events::C2D_REJECTED),
        ("expired", events::C2D_EXPIRED),
        ("purged", events::C2D_PURGED),
        ("given_up", events::C2D_GIVEN_UP),
    ];
    let (name, help) = ("azmqtt_cloud_messages_total", "Cloud-to-device messages by what became of them.");
    add(metrics, events, name, help, "state", &states);
    let states = [("started", events::UPLOAD_STARTED), ("finished", events::UPLOAD_FINISHED)];
    add(metrics, events, "azmqtt_uploads_total", "File uploads.", "state", &states);
    let struck = events.ring().count(events::FAULT_STRUCK);
    metrics.counter("azmqtt_faults_total", "Faults that happened because they were asked for.", struck);
    let (name, help) = ("azmqtt_throttled_total", "Operations over the rate of the tier.");
    metrics.counters(name, help, "operation", events.throttled());
}

fn add_process(metrics: &mut Metrics, shared: &Shared) {
    let (name, help) = ("azmqtt_recorded_bytes", "Memory of recorded telemetry, roughly.");
    metrics.gauge(name, help, shared.recorder.bytes());
    let (name, help) = ("azmqtt_events_bytes", "Memory of recorded events, roughly.");
    metrics.gauge(name, help, shared.events().ring().bytes());
    metrics.gauge("azmqtt_streams_open", "Answers that are open to watch the hub.", shared.streams.count());
    let up = shared.begun.elapsed().as_secs_f64();
    metrics.gauge("azmqtt_uptime_seconds", "Since the hub started.", up);
    if let Some(bytes) = resident_bytes() {
        let help = "Memory of the process that the hub is in.";
        metrics.gauge("azmqtt_process_resident_memory_bytes", help, bytes);
    }
}

/// A counter of events of several types.
fn add(
    metrics: &mut Metrics,
    events: &Events,
    name: &str,
    help: &str,
    label: &str,
    values: &[(&str, &'static str)],
) {
    let values = values.iter().map(|(value, kind)| (*value, events.ring().count(kind)));
    metrics.counters(name, help, label, values);
}
