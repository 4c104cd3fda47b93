//! Watching the namespace over HTTPS, which the service does not have, in the words of the local hub.
//!
//! | request | answer |
//! |---|---|
//! | `GET /health` | `{"status":"ok"}`, for anybody |
//! | `GET /azmqtt/messages` | what clients publish; 409 if that is not recorded |
//! | `GET /azmqtt/events` | connections, refusals, changes of clients, faults |
//! | `GET /azmqtt/packets` | the recorded packets; 409 if none are recorded |
//! | `GET /azmqtt/stream?kinds=` | all of these in one answer |
//! | `GET /metrics` | the namespace in numbers, as Prometheus reads them |

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use super::answer::{JsonBody, Refusal};
use crate::life_cycle::TYPES;
use crate::life_cycle::{CONNECTION_CLOSED, CONNECTION_OPENED, CONNECTION_REFUSED, REQUEST_REFUSED};
use crate::shared::Shared;
use crate::topic::Levels;
use azmqtt_local::faults::STRUCK;
use azmqtt_local::watch::metrics::{MEDIA_TYPE, Metrics, resident_bytes};
use azmqtt_local::watch::{Asked, Feed, Offer};

const MESSAGES: &str = "messages";
const EVENTS: &str = "events";
const PACKETS: &str = "packets";
const KINDS: [&str; 3] = [MESSAGES, EVENTS, PACKETS];

/// The routes, below [`super::OWN_ROOT`].
pub fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/messages", get(messages))
        .route("/events", get(events))
        .route("/packets", get(packets))
        .route("/stream", get(stream))
}

/// What all of them offer.
const OFFER: Offer<'_> =
    Offer { kinds: &[MESSAGES], several: false, who: "client", modules: false, topics: false, types: &[] };

async fn messages(shared: State<Arc<Shared>>, query: RawQuery, headers: HeaderMap) -> Response {
    open(&shared, query, &headers, Offer { topics: true, ..OFFER })
}

async fn events(shared: State<Arc<Shared>>, query: RawQuery, headers: HeaderMap) -> Response {
    open(&shared, query, &headers, Offer { kinds: &[EVENTS], types: &TYPES, ..OFFER })
}

async fn packets(shared: State<Arc<Shared>>, query: RawQuery, headers: HeaderMap) -> Response {
    open(&shared, query, &headers, Offer { kinds: &[PACKETS], ..OFFER })
}

async fn stream(shared: State<Arc<Shared>>, query: RawQuery, headers: HeaderMap) -> Response {
    open(
        &shared,
        query,
        &headers,
        Offer { kinds: &KINDS, several: true, topics: true, types: &TYPES, ..OFFER },
    )
}

fn open(shared: &Shared, RawQuery(query): RawQuery, headers: &HeaderMap, offer: Offer<'_>) -> Response {
    let asked = match Asked::read(query.as_deref(), headers, offer) {
        Ok(asked) => asked,
        Err(error) => return Refusal::bad_request("InvalidRequest", error.to_string()).into_response(),
    };
    if let Some(Err(error)) = asked.filter.topic.as_deref().map(Levels::of_filter) {
        return Refusal::bad_request("InvalidRequest", format!("topic: {error}")).into_response();
    }
    let mut feeds: Vec<Arc<dyn Feed>> = Vec::new();
    for (kind, _) in &asked.kinds {
        let Some(feed) = feed(shared, kind) else {
            let option = if *kind == PACKETS { "record_packets=True" } else { "record=True" };
            let message = format!("The namespace does not record {kind}: start it with {option}.");
            return Refusal::new(StatusCode::CONFLICT, "NotRecorded", message).into_response();
        };
        feeds.push(feed);
    }
    shared.streams.open(asked, feeds).unwrap_or_else(|_| {
        let message = "There are too many open streams.";
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message).into_response()
    })
}

/// What is recorded of this kind; `None` if that is nothing.
fn feed(shared: &Shared, kind: &str) -> Option<Arc<dyn Feed>> {
    match (kind, &shared.messages, &shared.packets) {
        (MESSAGES, Some(messages), _) => Some(messages.clone()),
        (PACKETS, _, Some(packets)) => Some(packets.clone()),
        (EVENTS, ..) => Some(shared.events().clone()),
        _ => None,
    }
}

/// The kinds of a stream that are recorded.
pub fn recorded(shared: &Shared) -> Vec<&'static str> {
    KINDS.into_iter().filter(|kind| feed(shared, kind).is_some()).collect()
}

/// `GET /health`.
pub async fn health() -> JsonBody {
    JsonBody(StatusCode::OK, json!({ "status": "ok" }))
}

/// `GET /metrics`.
pub async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let (mut metrics, events) = (Metrics::default(), shared.events());
    let (opened, closed) = (events.count(CONNECTION_OPENED), events.count(CONNECTION_CLOSED));
    let connected = opened.saturating_sub(closed);
    metrics.gauge("azmqtt_connected", "Sessions that are connected.", connected);
    if let Some(messages) = &shared.messages {
        let (name, help) = ("azmqtt_published_messages_total", "Messages that the broker has accepted.");
        metrics.counter(name, help, messages.total());
    }
    metrics.counter("azmqtt_connections_opened_total", "Connections that were accepted.", opened);
    let (name, help) = ("azmqtt_connections_closed_total", "Connections that ended.");
    metrics.counters(name, help, "reason", events.counts(CONNECTION_CLOSED));
    let refused = events.count(CONNECTION_REFUSED);
    metrics.counter("azmqtt_connections_refused_total", "Clients that were not let in.", refused);
    let (name, help) = ("azmqtt_requests_refused_total", "HTTPS requests without the right for them.");
    metrics.counter(name, help, events.count(REQUEST_REFUSED));
    let struck = events.count(STRUCK);
    metrics.counter("azmqtt_faults_total", "Faults that happened because they were asked for.", struck);
    metrics.gauge("azmqtt_events_bytes", "Memory of recorded events, roughly.", events.bytes());
    let streams = shared.streams.count();
    metrics.gauge("azmqtt_streams_open", "Answers that are open to watch the namespace.", streams);
    if let Some(bytes) = resident_bytes() {
        let help = "Memory of the process that the namespace is in.";
        metrics.gauge("azmqtt_process_resident_memory_bytes", help, bytes);
    }
    ([(CONTENT_TYPE, MEDIA_TYPE), (CACHE_CONTROL, "no-store")], metrics.into_text()).into_response()
}
