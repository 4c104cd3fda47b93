//! HTTPS: the management API, the page, and MQTT over WebSockets. The service documents no path for WebSockets, so the
//! namespace accepts an upgrade at any other path, and at the page's paths, too.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::UPGRADE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::config::NamespaceConfig;
use crate::connections;
use crate::limits::MAX_PACKET_SIZE;
use crate::management;
use crate::shared::Shared;
use azmqtt_local::client_certificates::ClientChain;
use azmqtt_local::handshake::ServerStream;
use azmqtt_local::http::{self, HttpsStream, IdleTimeouts, Origins, Peer, check_upgrade};
use azmqtt_local::page;
use azmqtt_local::task;
use azmqtt_local::unauthenticated::Unauthenticated;
use azmqtt_net::websocket::{Role, WebSocketBytes};

/// Who answers the requests.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .nest(management::ROOT, management::router(&shared))
        .nest(management::OWN_ROOT, management::own_router(&shared))
        .merge(management::numbers(&shared))
        .route("/", get(page_or_upgrade).fallback(upgrade))
        .route("/assets/{name}", get(page_or_upgrade).fallback(upgrade))
        .fallback(upgrade)
        .with_state(shared)
}

/// Answers the requests of one client.
pub async fn serve(
    stream: ServerStream,
    chain: ClientChain,
    router: Router,
    config: &NamespaceConfig,
    place: Unauthenticated,
) {
    let limits = &config.connections;
    let timeouts = IdleTimeouts { read: limits.http_idle_timeout, write: limits.write_timeout };
    http::serve(stream, chain, router, timeouts, place, management::canonical).await;
}

async fn page_or_upgrade(shared: State<Arc<Shared>>, request: Request) -> Response {
    if request.headers().contains_key(UPGRADE) {
        return upgrade(shared, request).await;
    }
    page::file(&shared.page, request.uri().path(), request.headers())
}

/// Answers the upgrade and serves the client on what the connection becomes.
async fn upgrade(State(shared): State<Arc<Shared>>, mut request: Request) -> Response {
    let config = &shared.config;
    let origins = Origins { hosts: &[&config.hostname], allowed: &config.allowed_origins };
    let answer = match check_upgrade(&request, &origins) {
        Ok(answer) => answer,
        Err(refusal) => {
            shared.note_refusal(format!("WebSocket: {}", refusal.reason));
            return refusal.into_response();
        }
    };
    let peer = request.extensions().get::<Peer>().cloned();
    let peer = peer.and_then(|peer| peer.take_place().map(|place| (peer.chain, place)));
    let (Some(upgrade), Some((chain, place))) = (request.extensions_mut().remove::<OnUpgrade>(), peer) else {
        // Only if a second request on the connection overtook its upgrade, which HTTP/1.1 has no way to do.
        return StatusCode::BAD_REQUEST.into_response();
    };
    task::spawn(serve_upgraded(upgrade, chain, shared, place));
    answer.into_response()
}

/// From here on the connection is one of MQTT, as on the other port.
async fn serve_upgraded(upgrade: OnUpgrade, chain: ClientChain, shared: Arc<Shared>, place: Unauthenticated) {
    let Ok(Ok(upgraded)) = timeout(shared.config.connections.connect_timeout, upgrade).await else { return };
    let Ok(parts) = upgraded.downcast::<TokioIo<HttpsStream>>() else { return };
    let stream = place.limit(parts.io.into_inner());
    let read = parts.read_buf.to_vec();
    let stream = WebSocketBytes::with_max_message(stream, Role::Server, read, 2 * MAX_PACKET_SIZE).await;
    connections::serve(stream, chain, shared, place).await;
}
