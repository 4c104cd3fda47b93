//! HTTPS: MQTT over WebSockets. The service says nowhere at which path, so that any will do.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{HeaderMap, ORIGIN};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::config::NamespaceConfig;
use crate::connections;
use crate::limits::MAX_PACKET_SIZE;
use crate::shared::Shared;
use azmqtt_local::client_certificates::ClientChain;
use azmqtt_local::handshake::ServerStream;
use azmqtt_local::http::{self, HttpsStream, IdleTimeouts, Peer, check_upgrade};
use azmqtt_local::unauthenticated::Unauthenticated;
use azmqtt_net::websocket::{Role, WebSocketBytes};

/// Who answers the requests.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(upgrade).with_state(shared)
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
    http::serve(stream, chain, router, timeouts, place, as_it_is).await;
}

fn as_it_is(_: &Method, uri: Uri) -> Uri {
    uri
}

/// Answers the upgrade and serves the client on what the connection becomes.
async fn upgrade(State(shared): State<Arc<Shared>>, mut request: Request) -> Response {
    let answer = match check_upgrade(&request) {
        Ok(answer) => answer,
        Err(refusal) => {
            shared.note_refusal(format!("WebSocket: {}", refusal.reason));
            return refusal.into_response();
        }
    };
    if !is_from_here(request.headers(), &shared.config) {
        shared.note_refusal("WebSocket: the origin of the web page is not allowed".to_owned());
        return StatusCode::FORBIDDEN.into_response();
    }
    let peer = request.extensions().get::<Peer>().cloned();
    let peer = peer.and_then(|peer| peer.take_place().map(|place| (peer.chain, place)));
    let (Some(upgrade), Some((chain, place))) = (request.extensions_mut().remove::<OnUpgrade>(), peer) else {
        // Only if a second request on the connection overtook its upgrade, which HTTP/1.1 has no way to do.
        return StatusCode::BAD_REQUEST.into_response();
    };
    tokio::spawn(serve_upgraded(upgrade, chain, shared, place));
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

/// Whether the request comes from a program, or from a web page of this machine or of an origin that is allowed. Any page
/// that the user looks at could connect otherwise (RFC 6455 §10.2).
fn is_from_here(headers: &HeaderMap, config: &NamespaceConfig) -> bool {
    headers.get_all(ORIGIN).iter().all(|origin| {
        let Ok(origin) = origin.to_str() else { return false };
        let is_allowed = config.allowed_origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin));
        is_allowed || host_of(origin).is_some_and(|host| is_here(&host, config))
    })
}

/// The host of an origin, `https://host:port`.
fn host_of(origin: &str) -> Option<String> {
    origin.parse::<Uri>().ok()?.host().map(str::to_ascii_lowercase)
}

fn is_here(host: &str, config: &NamespaceConfig) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    // Clients that are no web pages send the host that they connect to.
    host == "localhost"
        || host.eq_ignore_ascii_case(&config.hostname)
        || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_of_this_machine_and_those_that_are_allowed_may_connect() {
        let config = NamespaceConfig {
            hostname: "my.namespace".to_owned(),
            allowed_origins: vec!["https://example.com".to_owned()],
            ..NamespaceConfig::default()
        };
        let may = |origin: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ORIGIN, origin.parse().unwrap());
            is_from_here(&headers, &config)
        };
        for origin in [
            "http://localhost:3000",
            "https://127.0.0.1",
            "http://[::1]:80",
            "https://my.namespace:443",
            "https://example.com",
        ] {
            assert!(may(origin), "{origin}");
        }
        for origin in
            ["https://evil.example", "null", "https://localhost.evil.example", "https://example.com:81"]
        {
            assert!(!may(origin), "{origin}");
        }
        assert!(is_from_here(&HeaderMap::new(), &config));
    }
}
