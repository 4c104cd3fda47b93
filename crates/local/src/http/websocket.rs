//! Whether a request asks for MQTT over a WebSocket, and the answer to it (RFC 6455 §4.2, MQTT §6).

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    CONNECTION, HOST, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderMap, Method, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::origins::Origins;
use azmqtt_net::websocket::{SUBPROTOCOL, VERSION, derive_accept_key, has_token};

/// How clients spell the subprotocol. Names of subprotocols are compared as they are (RFC 6455 §11.3.4 and §1.9), and
/// Microsoft's client for C says `MQTT`.
const SPELLINGS: [&str; 2] = [SUBPROTOCOL, "MQTT"];

/// The answer to a request that is granted; the connection becomes a WebSocket.
#[derive(Debug)]
pub struct WebSocketAnswer {
    accept: String,
    subprotocol: &'static str,
}

impl IntoResponse for WebSocketAnswer {
    fn into_response(self) -> Response {
        let headers = [
            (UPGRADE, "websocket"),
            (CONNECTION, "Upgrade"),
            (SEC_WEBSOCKET_ACCEPT, self.accept.as_str()),
            (SEC_WEBSOCKET_PROTOCOL, self.subprotocol),
        ];
        (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
    }
}

/// Why there is no WebSocket.
#[derive(Debug)]
pub struct WebSocketRefusal {
    status: StatusCode,
    /// For people.
    pub reason: &'static str,
}

impl IntoResponse for WebSocketRefusal {
    fn into_response(self) -> Response {
        let body = format!("{}\n", self.reason);
        if self.status == StatusCode::UPGRADE_REQUIRED {
            let headers = [(SEC_WEBSOCKET_VERSION, VERSION), (UPGRADE, "websocket")];
            return (self.status, headers, body).into_response();
        }
        (self.status, body).into_response()
    }
}

/// Whether the client asks for a WebSocket in the way it must (RFC 6455 §4.2.1), for MQTT on it, and from where it may.
pub fn check_upgrade(request: &Request, origins: &Origins<'_>) -> Result<WebSocketAnswer, WebSocketRefusal> {
    let bad = |reason| WebSocketRefusal { status: StatusCode::BAD_REQUEST, reason };
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
        return Err(WebSocketRefusal { status: StatusCode::UPGRADE_REQUIRED, reason });
    }
    if one(headers, SEC_WEBSOCKET_VERSION) != Some(VERSION.as_bytes()) {
        let reason = "the version of the WebSocket protocol must be 13";
        return Err(WebSocketRefusal { status: StatusCode::UPGRADE_REQUIRED, reason });
    }
    let key = one(headers, SEC_WEBSOCKET_KEY).ok_or_else(|| bad("Sec-WebSocket-Key is missing"))?;
    if STANDARD.decode(key).map_or(0, |nonce| nonce.len()) != 16 {
        return Err(bad("Sec-WebSocket-Key must be 16 bytes in base64"));
    }
    let protocols = headers.get_all(SEC_WEBSOCKET_PROTOCOL);
    let mut protocols = protocols.iter().flat_map(|list| list.as_bytes().split(|byte| *byte == b','));
    let subprotocol = protocols
        .find_map(|name| SPELLINGS.into_iter().find(|spelling| spelling.as_bytes() == name.trim_ascii()));
    let subprotocol = subprotocol.ok_or_else(|| bad("the subprotocol must be mqtt"))?;
    if !origins.may_connect(headers) {
        let reason = "web pages of this origin may not connect: allow it when the service is started";
        return Err(WebSocketRefusal { status: StatusCode::FORBIDDEN, reason });
    }
    Ok(WebSocketAnswer { accept: derive_accept_key(key), subprotocol })
}

/// The value of a header that must be there once.
fn one(headers: &HeaderMap, name: HeaderName) -> Option<&[u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.as_bytes();
    values.next().is_none().then_some(value)
}
