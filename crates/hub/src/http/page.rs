//! The page in the browser (`azmqtt_local::page`), on the port of services.
//!
//! | request | answer |
//! |---|---|
//! | `GET /`, `GET /assets/{name}` | a file of the page |
//! | `POST /azmqtt/page/session`, `{"code"}` of a link | 200, `{"token", "kind": "hub", "hostname"}`; 401 if it is not good |
//! | `POST /azmqtt/page/links` | 201, `{"url"}`: another link, for the owner alone, because the page may do what the owner may |

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::{JsonBody, Refusal, pass_over, read_body};
use crate::error::HubError;
use crate::http::access::Access;
use crate::http::route::{Rate, Routes};
use crate::shared::Shared;
use azmqtt_local::page;

/// What the paths begin with, but for the files.
const PAGE: &str = "/azmqtt/page/";

/// Of a request for a token, in bytes.
const MAX_BODY: usize = 1024;

pub(super) fn routes(routes: Routes) -> Routes {
    let rate = Rate::Uncounted;
    routes
        .get("/", Access::anybody(), rate, file)
        .get("/assets/{name}", Access::anybody(), rate, file)
        .post("/azmqtt/page/session", Access::anybody(), rate, begin)
        .post("/azmqtt/page/links", Access::owner(), rate, link)
}

/// Whether a path is the page's: no fault is in the way of that.
pub(super) fn is_own(path: &str) -> bool {
    page::is_file(path) || path.starts_with(PAGE)
}

async fn file(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response {
    page::file(&shared.page, uri.path(), &headers)
}

async fn begin(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Result<JsonBody, Refusal> {
    if let Err(reason) = shared.page.check_place(&headers) {
        pass_over(body).await;
        return Err(Refusal::unauthorized(&shared, reason));
    }
    let body = read_body(body, MAX_BODY).await?;
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let code = request.get("code").and_then(Value::as_str).unwrap_or_default();
    match shared.page.redeem(code, Instant::now()).map_err(HubError::System)? {
        Some(token) => Ok(JsonBody(json!({
            "token": token,
            "kind": "hub",
            "hostname": shared.page.hostname(),
        }))),
        None => {
            Err(Refusal::unauthorized(&shared, "the link to the page was used, or is older than a minute"))
        }
    }
}

async fn link(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    let url = shared.page.make_link(Instant::now()).map_err(HubError::System)?;
    Ok((StatusCode::CREATED, JsonBody(json!({ "url": url }))).into_response())
}
