//! What requests of the provisioning service's REST API, and their answers, have in common.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::error::HubError;
use crate::http::answer::{JsonBody, Refusal, Spelling};
use crate::http::request::{self, quoted};
use crate::provisioning::{Page, Shown, Wanted};

/// Of the body of one enrolment, in bytes: two twins' tags and desired properties, or some certificates.
pub(super) const MAX_BODY: usize = 64 << 10;

/// A refusal as this service writes it.
pub(super) struct Refused(Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal.spelled(Spelling::OfProvisioning))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

/// The body of a request, which is JSON.
pub(super) async fn json_of(body: Body, most: usize) -> Result<Value, Refused> {
    Ok(request::json_of(body, most).await?)
}

/// The part of a list that a query asks for: `*`, or `SELECT * FROM` what the path names.
pub(super) fn read_query(body: &Value, headers: &HeaderMap, source: &str) -> Result<Wanted, Refusal> {
    let query = body.get("query").and_then(Value::as_str).unwrap_or_default();
    let words: Vec<_> = query.split_ascii_whitespace().map(str::to_ascii_lowercase).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let fits = match words[..] {
        ["*"] => true,
        ["select", "*", "from", from] => from == source.to_ascii_lowercase(),
        _ => false,
    };
    if !fits {
        let message =
            format!("the query is neither * nor SELECT * FROM {source}, the only supported queries");
        return Err(HubError::Argument(message).into());
    }
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    Ok(Wanted::read(header("x-ms-max-item-count"), header("x-ms-continuation"))?)
}

pub(super) fn answer(page: Page, item_type: &'static str) -> Response {
    let continuation = page.continuation.map(|token| [("x-ms-continuation", token)]);
    let body = JsonBody(page.items.into());
    let typed = [("x-ms-item-type", item_type)];
    match continuation {
        Some(continuation) => (typed, continuation, body).into_response(),
        None => (typed, body).into_response(),
    }
}

pub(super) fn with_etag(Shown { body, etag }: Shown) -> Response {
    ([(ETAG, quoted(&etag))], JsonBody(body)).into_response()
}
