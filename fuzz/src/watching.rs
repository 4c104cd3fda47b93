//! Queries of readers of a local service's streams.

use std::time::Duration;

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderValue};
use azmqtt_dialect::encoding::encode;
use azmqtt_local::watch::{Asked, Form, Offer, Since};

use crate::text;

/// A stream of a hub, which has several kinds.
const STREAM: Offer<'_> = Offer {
    kinds: &["telemetry", "events", "packets"],
    several: true,
    who: "device",
    modules: true,
    topics: false,
    types: &["twin.reported", "twin.desired", "throttled"],
};

/// The messages of a namespace.
const MESSAGES: Offer<'_> =
    Offer { kinds: &["messages"], several: false, who: "client", modules: false, topics: true, types: &[] };

/// The query of a request, its `Accept` and its `Last-Event-ID`; each a line.
pub fn queries(data: &[u8]) -> bool {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let query = text(lines.next().unwrap_or_default());
    let mut headers = HeaderMap::new();
    for name in [ACCEPT.as_str(), "last-event-id"] {
        // A line that cannot be a header value never gets this far.
        if let Some(value) = lines.next().and_then(|line| HeaderValue::from_bytes(line).ok()) {
            headers.insert(name, value);
        }
    }
    let accepted = [STREAM, MESSAGES].map(|offer| {
        let Ok(asked) = Asked::read(Some(&query), &headers, offer) else { return false };
        let (query, headers) = written(&asked, offer);
        assert_eq!(Asked::read(Some(&query), &headers, offer), Ok(asked), "{query}");
        true
    });
    accepted.contains(&true)
}

/// An equivalent request, without `Last-Event-ID`.
fn written(asked: &Asked, offer: Offer<'_>) -> (String, HeaderMap) {
    let filter = &asked.filter;
    let kinds: Vec<_> = asked.kinds.iter().map(|(kind, _)| *kind).collect();
    let begins = asked.kinds.iter().filter_map(|(kind, since)| {
        let since = match since {
            Since::Kept => return None,
            Since::After(id) => id.to_string(),
            Since::Now => "now".to_owned(),
        };
        Some(if asked.several { format!("{kind}:{since}") } else { since })
    });
    let begins = begins.collect::<Vec<_>>().join(",");
    let parameters = [
        ("kinds", asked.several.then(|| kinds.join(","))),
        (offer.who, filter.who.clone()),
        ("module", filter.module.clone()),
        ("topic", filter.topic.clone()),
        ("type", (!filter.types.is_empty()).then(|| filter.types.join(","))),
        ("since", (!begins.is_empty()).then_some(begins)),
        ("wait", asked.wait.map(seconds)),
        ("limit", asked.limit.map(|limit| limit.to_string())),
        ("rate", asked.rate.map(|rate| rate.to_string())),
    ];
    let query =
        parameters.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encode(&value?))));
    let mut headers = HeaderMap::new();
    if asked.form == Form::Events {
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    }
    (query.collect::<Vec<_>>().join("&"), headers)
}

/// As `wait` has them, to the nanosecond.
fn seconds(wait: Duration) -> String {
    format!("{}.{:09}", wait.as_secs(), wait.subsec_nanos())
}
