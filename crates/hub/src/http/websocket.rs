//! MQTT over WebSockets: `GET /$iothub/websocket` (RFC 6455 §4.2, MQTT 3.1.1 §6; IoT Hub docs, "Use MQTT").

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    CONNECTION, HOST, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderMap, Method, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::http::access::Access;
use crate::http::route::{Rate, Routes};
use crate::sessions::connect::read_connect;
use crate::sessions::device_session::MAX_IN_FLIGHT;
use crate::sessions::{connection, provisioning};
use crate::shared::Shared;
use azmqtt_dialect::WEBSOCKET_PATH;
use azmqtt_local::client_certificates::ClientChain;
use azmqtt_local::http::{HttpsStream, Peer};
use azmqtt_local::unauthenticated::Unauthenticated;
use azmqtt_net::websocket::{Role, SUBPROTOCOL, VERSION, WebSocketBytes, derive_accept_key, has_token};

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
    let (accept, subprotocol) = match check(&request) {
        Ok((key, subprotocol)) => (derive_accept_key(key), subprotocol),
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
    tokio::spawn(serve(service, upgrade, chain, shared, place));
    let headers = [
        (UPGRADE, "websocket"),
        (CONNECTION, "Upgrade"),
        (SEC_WEBSOCKET_ACCEPT, accept.as_str()),
        (SEC_WEBSOCKET_PROTOCOL, subprotocol),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
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
    let Some(received) = read_connect(stream, MAX_IN_FLIGHT, &shared).await else { return };
    if provisioning::is_meant(&received, &shared.config.hostname) {
        provisioning::authenticate(received, chain, shared, place).await;
    } else {
        connection::authenticate(received, chain, shared, place).await;
    }
}

/// How clients spell the subprotocol. Names of subprotocols are compared as they are (RFC 6455 §11.3.4 and §1.9), and
/// Microsoft's client for C says `MQTT`.
const SPELLINGS: [&str; 2] = [SUBPROTOCOL, "MQTT"];

/// Why there is no upgrade.
struct Refusal {
    status: StatusCode,
    reason: &'static str,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = format!("{}\n", self.reason);
        if self.status == StatusCode::UPGRADE_REQUIRED {
            let headers = [(SEC_WEBSOCKET_VERSION, VERSION), (UPGRADE, "websocket")];
            return (self.status, headers, body).into_response();
        }
        (self.status, body).into_response()
    }
}

/// The client's key, if it asks for a WebSocket in the way it must (RFC 6455 §4.2.1), and for MQTT on it, as it spells
/// that.
fn check(request: &Request) -> Result<(&[u8], &'static str), Refusal> {
    let bad = |reason| Refusal { status: StatusCode::BAD_REQUEST, reason };
    let headers = request.headers();
    let asks = |name: HeaderName, token| has_token(headers.get_all(name).iter().map(AsRef::as_ref), token);
    if request.method() != Method::GET || request.version() != Version::HTTP_11 {
        return Err(bad("a WebSocket begins with GET in HTTP/1.1"));
    }
    if one(headers, HOST).is_none() {
        return Err(bad("the Host header is missing"));
    }
    if !asks(CONNECTION, "upgrade") || !asks(UPGRADE, "websocket") {
        let reason = "here is MQTT over WebSockets: ask for the upgrade";
        return Err(Refusal { status: StatusCode::UPGRADE_REQUIRED, reason });
    }
    if one(headers, SEC_WEBSOCKET_VERSION) != Some(VERSION.as_bytes()) {
        let reason = "the version of the WebSocket protocol must be 13";
        return Err(Refusal { status: StatusCode::UPGRADE_REQUIRED, reason });
    }
    let key = one(headers, SEC_WEBSOCKET_KEY).ok_or_else(|| bad("Sec-WebSocket-Key is missing"))?;
    if STANDARD.decode(key).map_or(0, |nonce| nonce.len()) != 16 {
        return Err(bad("Sec-WebSocket-Key must be 16 bytes in base64"));
    }
    let protocols = headers.get_all(SEC_WEBSOCKET_PROTOCOL);
    let mut protocols = protocols.iter().flat_map(|list| list.as_bytes().split(|byte| *byte == b','));
    let subprotocol = protocols
        .find_map(|name| SPELLINGS.into_iter().find(|spelling| spelling.as_bytes() == name.trim_ascii()));
    Ok((key, subprotocol.ok_or_else(|| bad("the subprotocol must be mqtt"))?))
}

/// The value of a header that must be there once.
fn one(headers: &HeaderMap, name: HeaderName) -> Option<&[u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.as_bytes();
    values.next().is_none().then_some(value)
}
