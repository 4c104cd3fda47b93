//! The upgrade to a WebSocket (RFC 6455 §4.1, MQTT 3.1.1 §6).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncWrite};

use super::answer_head::{Head, NoAnswer};
use crate::clock::ClockOffset;
use crate::endpoint::Endpoint;
use crate::proxy::HostPort;
use crate::websocket::{
    MAX_MESSAGE, Role, SUBPROTOCOL, VERSION, WebSocketBytes, derive_accept_key, has_token,
};

/// What an upgrade asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    /// The path, with a query if need be.
    path: Cow<'static, str>,
    /// Header fields beside those of the protocol.
    headers: Vec<(String, String)>,
    /// The port that needs no mention.
    default_port: u16,
    /// What one message of the server may hold, in bytes.
    max_message: usize,
    /// Whether the server has to agree to the subprotocol. Of servers behind a proxy, some do not.
    subprotocol_agreed: bool,
    /// What the server should be, for errors that ask whether it is one.
    expected: &'static str,
}

impl Upgrade {
    /// At a fixed path of a service that is known, whose server agrees to the subprotocol `mqtt`; `expected` is what
    /// errors call the service, such as "IoT Hub".
    pub fn to_service(path: &'static str, expected: &'static str) -> Self {
        Self {
            path: Cow::Borrowed(path),
            headers: Vec::new(),
            default_port: 443,
            max_message: MAX_MESSAGE,
            subprotocol_agreed: true,
            expected,
        }
    }

    /// To any server. `None` if path or headers hold what would change the request: nothing but visible ASCII in the
    /// path, tokens and printable text in the headers (RFC 9110 §5.1, §5.5), none of them the protocol's own.
    pub fn to_server(
        path: String,
        headers: Vec<(String, String)>,
        encrypted: bool,
        max_message: usize,
    ) -> Option<Self> {
        let is_path = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
        let are_fields = headers.iter().all(|(name, value)| {
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            let reserved = ["upgrade", "connection", "sec-websocket-key", "sec-websocket-version"]
                .iter()
                .chain(&["sec-websocket-protocol", "sec-websocket-extensions", "host"])
                .any(|own| name.eq_ignore_ascii_case(own));
            !name.is_empty()
                && name.bytes().all(is_token)
                && !reserved
                && !value.chars().any(char::is_control)
        });
        let default_port = if encrypted { 443 } else { 80 };
        (is_path && are_fields).then_some(Self {
            path: Cow::Owned(path),
            headers,
            default_port,
            max_message,
            subprotocol_agreed: false,
            expected: "MQTT broker",
        })
    }
}

/// Asks for the upgrade and checks the answer. An error says what happened and what to do about it.
pub(super) async fn upgrade<S>(
    mut stream: S,
    endpoint: &Endpoint,
    upgrade: &Upgrade,
    clock: &mut Option<ClockOffset>,
) -> Result<WebSocketBytes<S>, NoAnswer>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|_| "the system provides no random numbers".to_owned())?;
    let key = STANDARD.encode(nonce);
    let host = match endpoint.port {
        port if port == upgrade.default_port => endpoint.host.clone(),
        port => HostPort(&endpoint.host, port).to_string(),
    };
    let path = &upgrade.path;
    let mut request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: {VERSION}\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n"
    );
    for (name, value) in &upgrade.headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    request.push_str("\r\n");
    let head = Head::ask(&mut stream, &request).await?;
    *clock = head.clock().or(*clock);
    if head.status != 101 {
        return Err(
            format!("{} (HTTP status {})", refusal(head.status, upgrade.expected), head.status).into()
        );
    }
    check(&head, &derive_accept_key(key.as_bytes()), upgrade.subprotocol_agreed)?;
    Ok(WebSocketBytes::with_max_message(stream, Role::Client, head.rest, upgrade.max_message).await)
}

/// What an answer other than 101 usually means, from a server that should be `expected`.
fn refusal(status: u16, expected: &str) -> String {
    let words = match status {
        200..300 => "the server answers, but knows nothing of WebSockets",
        300..400 => "the server sends elsewhere, which a device does not follow",
        401 => {
            return format!(
                "the server wants a login, which no {expected} does here; is there a gateway in between?"
            );
        }
        403 => {
            "the server refuses this client; is it allowed by the server's IP filter, and by firewalls in between?"
        }
        404 => "the server has no MQTT over WebSockets at this path",
        407 => "a proxy in between wants a user name and a password",
        400 | 405 | 426 => "the server refused this upgrade",
        429 => "the server is overloaded",
        500..600 => "the server, or a gateway before it, has an internal problem",
        _ => "the server refuses the upgrade",
    };
    match status {
        200..401 | 404 | 405 | 426 => format!("{words}; is this host an {expected}?"),
        _ => words.to_owned(),
    }
}

/// Checks a 101 (RFC 6455 §4.1, the numbered list at its end).
fn check(head: &Head, accept: &str, subprotocol_agreed: bool) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("the server's answer to the upgrade is wrong: {what}"));
    if !has_token(head.all("upgrade"), "websocket") || !has_token(head.all("connection"), "upgrade") {
        return wrong("it speaks of another protocol");
    }
    if head.one("sec-websocket-accept") != Some(accept.as_bytes()) {
        return wrong("Sec-WebSocket-Accept does not fit the request; is there a cache in between?");
    }
    match head.one("sec-websocket-protocol") {
        Some(name) if name == SUBPROTOCOL.as_bytes() => {}
        _ if !subprotocol_agreed => {}
        _ => return wrong("it does not agree to the subprotocol mqtt"),
    }
    if head.all("sec-websocket-extensions").next().is_some() {
        return wrong("it uses an extension that was not asked for");
    }
    Ok(())
}
