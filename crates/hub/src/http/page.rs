//! The page in the browser (`azmqtt_local::page`), on the port of services.
//!
//! | request | answer |
//! |---|---|
//! | `GET /`, `GET /assets/{name}` | a file of the page |
//! | `POST /azmqtt/page/session`, `{"code"}` of a link | 200, `{"token", "kind": "hub", "hostname", "records"}`; 401 if it is not good |
//! | `POST /azmqtt/page/links` | 201, `{"url"}`: another link, for the owner alone, because the page may do what the owner may |

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::answer::{JsonBody, Refusal, pass_over, read_body};
use super::watch;
use crate::error::HubError;
use crate::http::access::Access;
use crate::http::route::{Rate, Routes};
use crate::shared::Shared;
use azmqtt_local::page::{self, LINK_IS_OVER, MAX_SESSION_REQUEST};

pub(super) fn routes(routes: Routes) -> Routes {
    let rate = Rate::Uncounted;
    routes
        .get("/", Access::anybody(), rate, file)
        .get("/assets/{name}", Access::anybody(), rate, file)
        .post("/azmqtt/page/session", Access::anybody(), rate, begin)
        .post("/azmqtt/page/links", Access::owner(), rate, link)
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
    let body = read_body(body, MAX_SESSION_REQUEST).await?;
    let recorded = watch::recorded(&shared);
    let session = shared.page.begin_session(&body, &recorded, Instant::now()).map_err(HubError::System)?;
    session.map(JsonBody).ok_or_else(|| Refusal::unauthorized(&shared, LINK_IS_OVER))
}

async fn link(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    let url = shared.page.make_link(Instant::now()).map_err(HubError::System)?;
    Ok((StatusCode::CREATED, JsonBody(json!({ "url": url }))).into_response())
}
