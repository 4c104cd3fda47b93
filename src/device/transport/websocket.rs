//! The upgrade to a WebSocket, on an encrypted stream (RFC 6455 §4.1, MQTT 3.1.1 §6).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncWrite};

use super::clock::ClockOffset;
use super::http::{Head, NoAnswer};
use crate::device::endpoint::Endpoint;
use crate::device::proxy::HostPort;
use crate::websocket::{PATH, Role, SUBPROTOCOL, VERSION, WebSocketBytes, derive_accept_key, has_token};

/// Asks for the upgrade and checks the answer. An error says what happened and what to do about it.
pub(super) async fn upgrade<S>(
    mut stream: S,
    endpoint: &Endpoint,
    clock: &mut Option<ClockOffset>,
) -> Result<WebSocketBytes<S>, NoAnswer>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|_| "the system gives no random numbers".to_owned())?;
    let key = STANDARD.encode(nonce);
    let host = match endpoint.port {
        443 => endpoint.host.clone(),
        port => HostPort(&endpoint.host, port).to_string(),
    };
    let request = format!(
        "GET {PATH} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: {VERSION}\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
    );
    let head = Head::ask(&mut stream, &request).await?;
    *clock = head.clock().or(*clock);
    if head.status != 101 {
        return Err(format!("{} (HTTP status {})", refusal(head.status), head.status).into());
    }
    check(&head, &derive_accept_key(key.as_bytes()))?;
    Ok(WebSocketBytes::new(stream, Role::Client, head.rest).await)
}

/// What an answer other than 101 usually means.
fn refusal(status: u16) -> &'static str {
    match status {
        200..300 => "the server answers, but knows nothing of WebSockets; is this host an IoT Hub?",
        300..400 => "the server sends elsewhere, which a device does not follow; is this host an IoT Hub?",
        401 => "the server wants a login, which no IoT Hub does here; is there a gateway in between?",
        403 => {
            "the server refuses this client; is it allowed by the hub's IP filter, and by firewalls in between?"
        }
        404 => "the server has no MQTT over WebSockets at this path; is this host an IoT Hub?",
        407 => "a proxy in between wants a user name and a password",
        400 | 405 | 426 => "the server does not take this upgrade; is this host an IoT Hub?",
        429 => "the server has too much to do",
        500..600 => "the server, or a gateway before it, has a problem of its own",
        _ => "the server refuses the upgrade",
    }
}

/// Checks a 101 (RFC 6455 §4.1, the numbered list at its end).
fn check(head: &Head, accept: &str) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("the server's answer to the upgrade is wrong: {what}"));
    if !has_token(head.all("upgrade"), "websocket") || !has_token(head.all("connection"), "upgrade") {
        return wrong("it speaks of another protocol");
    }
    if head.one("sec-websocket-accept") != Some(accept.as_bytes()) {
        return wrong("Sec-WebSocket-Accept does not fit the request; is there a cache in between?");
    }
    match head.one("sec-websocket-protocol") {
        Some(name) if name == SUBPROTOCOL.as_bytes() => {}
        _ => return wrong("it does not agree to the subprotocol mqtt"),
    }
    if head.all("sec-websocket-extensions").next().is_some() {
        return wrong("it uses an extension that was not asked for");
    }
    Ok(())
}
