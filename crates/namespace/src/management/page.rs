//! The page in the browser (`azmqtt_local::page`), which the service does not have.
//!
//! | request | answer |
//! |---|---|
//! | `GET /`, `GET /assets/{name}` | a file of the page, for anybody |
//! | `POST /azmqtt/page/session`, `{"code"}` of a link | 200, `{"token", "kind": "namespace", "hostname", "resource_id", "records"}`, for anybody; 401 if the code is not valid |
//! | `POST /azmqtt/page/links` | 201, `{"url"}`: another link |

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::json;

use super::answer::{JsonBody, Refusal};
use super::request::{bytes_of, pass_over};
use super::watch;
use crate::shared::Shared;
use crate::store::ChangeError;
use azmqtt_local::page::{LINK_IS_OVER, MAX_SESSION_REQUEST};

/// The routes for the owner, below [`super::OWN_ROOT`].
pub fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/page/links", post(link))
}

/// The routes for anybody, below [`super::OWN_ROOT`].
pub fn open_routes() -> Router<Arc<Shared>> {
    Router::new().route("/page/session", post(begin))
}

async fn begin(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Result<JsonBody, Refusal> {
    if let Err(reason) = shared.page.check_place(&headers) {
        pass_over(body).await;
        return Err(refuse(&shared, reason));
    }
    let body = bytes_of(body, MAX_SESSION_REQUEST).await?;
    let recorded = watch::recorded(&shared);
    let session = shared.page.begin_session(&body, &recorded, Instant::now()).map_err(ChangeError::System)?;
    session.map(|session| JsonBody(StatusCode::OK, session)).ok_or_else(|| refuse(&shared, LINK_IS_OVER))
}

fn refuse(shared: &Shared, reason: &str) -> Refusal {
    shared.note_request_refusal(format!("page: {reason}"));
    Refusal::unauthenticated("AuthenticationFailed", "The link to the page is not valid. Make a new one.")
}

async fn link(State(shared): State<Arc<Shared>>) -> Result<JsonBody, Refusal> {
    let url = shared.page.make_link(Instant::now()).map_err(ChangeError::System)?;
    Ok(JsonBody(StatusCode::CREATED, json!({ "url": url })))
}
