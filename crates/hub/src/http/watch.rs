//! Watching the hub over HTTPS, a part of the REST API that is this hub's own.
//!
//! | request | answer |
//! |---|---|
//! | `GET /health` | `{"status":"ok"}`, for anybody |
//! | `GET /azmqtt/telemetry` | messages from devices, as they come |
//! | `GET /azmqtt/events` | what happens in the hub |
//! | `GET /azmqtt/packets` | the recorded packets; 409 if none are recorded |
//! | `GET /azmqtt/stream?kinds=` | all of these in one answer |

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::answer::{JsonBody, Refusal};
use crate::events;
use crate::http::access::Access;
use crate::http::route::{Rate, Routes};
use crate::security::policies::Right;
use crate::shared::Shared;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_local::http::Authenticated;
use azmqtt_local::watch::{Asked, Feed, Offer};

const TELEMETRY: &str = "telemetry";
const EVENTS: &str = "events";
const PACKETS: &str = "packets";
const KINDS: [&str; 3] = [TELEMETRY, EVENTS, PACKETS];

pub(super) fn routes(routes: Routes) -> Routes {
    let (watchers, rate) = (Access::policy_of_any_version(Right::ServiceConnect), Rate::Uncounted);
    routes
        .get("/health", Access::anybody(), rate, health)
        .get("/azmqtt/telemetry", watchers, rate, telemetry)
        .get("/azmqtt/events", watchers, rate, events)
        .get("/azmqtt/packets", watchers, rate, packets)
        .get("/azmqtt/stream", watchers, rate, stream)
}

async fn health() -> JsonBody {
    JsonBody(json!({ "status": "ok" }))
}

/// What all of them offer.
const OFFER: Offer<'_> =
    Offer { kinds: &[TELEMETRY], several: false, who: "device", modules: true, topics: false, types: &[] };

async fn telemetry(shared: State<Arc<Shared>>, query: RawQuery, headers: HeaderMap) -> Response {
    open(&shared, query, &headers, OFFER)
}

async fn events(shared: State<Arc<Shared>>, query: RawQuery, headers: HeaderMap) -> Response {
    open(&shared, query, &headers, Offer { kinds: &[EVENTS], types: &events::TYPES, ..OFFER })
}

async fn packets(shared: State<Arc<Shared>>, query: RawQuery, headers: HeaderMap) -> Response {
    open(&shared, query, &headers, Offer { kinds: &[PACKETS], ..OFFER })
}

async fn stream(shared: State<Arc<Shared>>, query: RawQuery, headers: HeaderMap) -> Response {
    open(&shared, query, &headers, Offer { kinds: &KINDS, several: true, types: &events::TYPES, ..OFFER })
}

fn open(shared: &Shared, RawQuery(query): RawQuery, headers: &HeaderMap, offer: Offer<'_>) -> Response {
    let asked = match Asked::read(query.as_deref(), headers, offer) {
        Ok(asked) => asked,
        Err(error) => return Refusal::new(ErrorCode::ARGUMENT_INVALID, error.to_string()).into_response(),
    };
    let mut feeds: Vec<Arc<dyn Feed>> = Vec::new();
    for (kind, _) in &asked.kinds {
        let Some(feed) = feed(shared, kind) else { return not_recorded(kind) };
        feeds.push(feed);
    }
    match shared.streams.open(asked, feeds) {
        Ok(answer) => answer,
        Err(_) => plain(StatusCode::TOO_MANY_REQUESTS, "there are too many open streams"),
    }
}

/// What is recorded of this kind; `None` if that is nothing.
fn feed(shared: &Shared, kind: &str) -> Option<Arc<dyn Feed>> {
    match (kind, &shared.packets) {
        (TELEMETRY, _) if shared.recorder.keeps() => Some(shared.recorder.clone()),
        (EVENTS, _) => Some(shared.events().ring().clone()),
        (PACKETS, Some(packets)) => Some(packets.clone()),
        _ => None,
    }
}

/// The kinds of a stream that are recorded.
pub(super) fn recorded(shared: &Shared) -> Vec<&'static str> {
    KINDS.into_iter().filter(|kind| feed(shared, kind).is_some()).collect()
}

fn not_recorded(kind: &str) -> Response {
    let option = if kind == PACKETS { "record_packets=True, or --packets in the shell" } else { "record=" };
    plain(StatusCode::CONFLICT, &format!("{kind} are not recorded: start the hub with {option}"))
}

/// Of somebody who has access, and keeps the connection.
fn plain(status: StatusCode, message: &str) -> Response {
    let mut answer = (status, JsonBody(json!({ "message": message }))).into_response();
    answer.extensions_mut().insert(Authenticated);
    answer
}
