//! MQTT over WebSockets: `GET /$iothub/websocket` (RFC 6455 §4.2, MQTT 3.1.1 §6; IoT Hub docs, "Use MQTT").

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::events::Cause;
use crate::http::access::Access;
use crate::http::route::{Rate, Routes};
use crate::sessions::connect::read_connect;
use crate::sessions::device_session::MAX_IN_FLIGHT;
use crate::sessions::{connection, provisioning};
use crate::shared::Shared;
use azmqtt_dialect::WEBSOCKET_PATH;
use azmqtt_dialect::provisioning::GLOBAL_HOST;
use azmqtt_local::client_certificates::ClientChain;
use azmqtt_local::http::{HttpsStream, Origins, Peer, check_upgrade};
use azmqtt_local::task;
use azmqtt_local::unauthenticated::Unauthenticated;
use azmqtt_net::websocket::{Role, WebSocketBytes};

/// Whose devices come to a port. Both services have this path on port 443, each on a host of its own.
#[derive(Clone, Copy)]
pub(super) enum Service {
    /// The hub's, where the provisioning service may share its name.
    Hub,
    Provisioning,
}

pub(super) fn routes(routes: Routes, service: Service) -> Routes {
    let handler = move |state, request| async move { upgrade(service, state, request) };
    // Whoever connects shows credentials in MQTT.
    routes.get(WEBSOCKET_PATH, Access::anybody(), Rate::Uncounted, handler)
}

/// Answers the upgrade and serves the device on what the connection becomes.
fn upgrade(service: Service, State(shared): State<Arc<Shared>>, mut request: Request) -> Response {
    let config = &shared.config;
    let hosts = [config.hostname.as_str(), config.provisioning_host(), GLOBAL_HOST];
    let answer = match check_upgrade(&request, &Origins { hosts: &hosts, allowed: &config.allowed_origins }) {
        Ok(answer) => answer,
        Err(refusal) => {
            shared.note_refusal(Cause::WebSocket, &format!("WebSocket: {}", refusal.reason));
            return refusal.into_response();
        }
    };
    let peer = request.extensions().get::<Peer>().cloned();
    let peer = peer.and_then(|peer| peer.take_place().map(|place| (peer.chain, place)));
    let (Some(upgrade), Some((chain, place))) = (request.extensions_mut().remove::<OnUpgrade>(), peer) else {
        // Only if a second request on the connection overtook its upgrade, which HTTP/1.1 has no way to do.
        return StatusCode::BAD_REQUEST.into_response();
    };
    task::spawn(serve(service, upgrade, chain, shared, place));
    answer.into_response()
}

/// From here on the connection is one of MQTT, as on the other port.
async fn serve(
    service: Service,
    upgrade: OnUpgrade,
    chain: ClientChain,
    shared: Arc<Shared>,
    place: Unauthenticated,
) {
    let upgraded = timeout(shared.config.limits.connect_timeout, upgrade).await;
    let Ok(Ok(upgraded)) = upgraded else { return };
    let Ok(parts) = upgraded.downcast::<TokioIo<HttpsStream>>() else { return };
    let stream =
        WebSocketBytes::new(place.limit(parts.io.into_inner()), Role::Server, parts.read_buf.to_vec()).await;
    if matches!(service, Service::Provisioning) {
        return provisioning::serve(stream, chain, shared, place).await;
    }
    let Some(mut received) = read_connect(stream, MAX_IN_FLIGHT, &shared).await else { return };
    received.protocol = "websocket";
    if provisioning::is_meant(&received, &shared.config.hostname) {
        provisioning::authenticate(received, chain, shared, place).await;
    } else if let Some(connection) = connection::authenticate(received, chain, shared, place).await {
        task::spawn(connection.run());
    }
}
