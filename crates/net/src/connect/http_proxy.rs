//! Past an HTTP proxy: CONNECT (RFC 9110 §9.3.6), with a login by Basic (RFC 7617).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncWrite};

use super::answer_head::Head;
use crate::clock::ClockOffset;
use crate::endpoint::Endpoint;
use crate::proxy::{HostPort, Login};

/// Has the proxy at the other end of `stream` connect to the endpoint. An error says what happened and what to do
/// about it.
pub(super) async fn pass<S>(
    stream: &mut S,
    endpoint: &Endpoint,
    login: Option<&Login>,
    clock: &mut Option<ClockOffset>,
) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let target = HostPort(&endpoint.host, endpoint.port);
    let login_field = login.map_or_else(String::new, |Login { user, password }| {
        format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(format!("{user}:{password}")))
    });
    let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{login_field}\r\n");
    let head = Head::ask(stream, &request).await.map_err(|error| error.to_string())?;
    *clock = head.clock().or(*clock);
    match head.status {
        // What follows belongs to the host, and with TLS it is not for the server to speak first.
        200..300 if head.rest.is_empty() => Ok(()),
        200..300 => Err(
            "something came before the TLS handshake: the host does not speak TLS on this port, or the proxy sent more than \
             an answer"
                .to_owned(),
        ),
        status => Err(format!("{} (HTTP status {status})", refusal(&head, endpoint, login.is_some()))),
    }
}

/// What a refusal usually means.
fn refusal(head: &Head, endpoint: &Endpoint, with_login: bool) -> String {
    match head.status {
        407 => {
            let schemes = schemes(head);
            if !schemes.is_empty() && !schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case("basic")) {
                format!(
                    "the proxy wants a login by {}, and only Basic is supported; ask its operator for Basic, or for an \
                     exception for this host",
                    schemes.join(" or ")
                )
            } else if with_login {
                "the proxy does not accept this user name and password; check them in the proxy's URL, where special \
                 characters are percent-encoded"
                    .to_owned()
            } else {
                "the proxy wants a user name and a password: http://user:password@host:port".to_owned()
            }
        }
        400 | 403 | 405 if endpoint.port != 443 => format!(
            "the proxy does not allow connections to port {}; most allow 443: try {}",
            endpoint.port,
            endpoint.trust.hints().websocket
        ),
        403 | 451 => "the proxy does not allow connections to this host; ask its operator".to_owned(),
        502..=504 => "the proxy could not reach the host".to_owned(),
        404 | 405 | 501 => "this does not seem to be a proxy that supports CONNECT".to_owned(),
        429 => "the proxy is overloaded".to_owned(),
        _ => "the proxy refused".to_owned(),
    }
}

/// The names of the ways to log in that a 407 offers, as far as they are names.
fn schemes(head: &Head) -> Vec<String> {
    let names = head.all("proxy-authenticate").filter_map(|value| value.split(|byte| *byte == b' ').next());
    let names = names.filter_map(|name| str::from_utf8(name).ok());
    names
        .filter(|name| {
            (1..=20).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
        .take(5)
        .map(str::to_owned)
        .collect()
}
