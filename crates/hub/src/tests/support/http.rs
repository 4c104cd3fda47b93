//! Requests to the hub's HTTPS, for all tests that make well-formed ones.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::client::{DEADLINE, https};
use crate::Hub;
use crate::unix_time::unix_now;
use azmqtt_dialect::ServiceError;
use azmqtt_dialect::sas::{SasToken, SymmetricKey};

pub const VERSION: &str = "api-version=2021-04-12";

/// What came back.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The status and the name of a refusal.
    pub fn refusal(&self) -> (u16, &str) {
        (self.status, self.header("iothub-errorcode").unwrap_or_default())
    }

    /// The code of a refusal, after a look at what every refusal has.
    pub fn code(&self) -> u32 {
        let error = ServiceError::parse(self.status, &self.body);
        assert_eq!(u32::from(self.status), error.error_code.unwrap() / 1000, "{self}");
        let name = azmqtt_dialect::service_error::ErrorCode::name(error.error_code.unwrap());
        assert_eq!(self.header("iothub-errorcode"), name);
        let request = self.header("x-ms-request-id").unwrap().replace('-', "");
        let tracking_id = error.tracking_id.unwrap().to_lowercase();
        assert!(tracking_id.starts_with(&request) && request.len() == 32, "{self}");
        assert!(error.timestamp.is_some_and(|time| !time.is_empty()), "{self}");
        error.error_code.unwrap()
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.head, String::from_utf8_lossy(&self.body))
    }
}

/// The key of a policy.
pub fn policy_key(hub: &Hub, name: &str) -> SymmetricKey {
    let text = hub.policy_connection_string(name).unwrap();
    SymmetricKey::from_base64(text.split_once("SharedAccessKey=").unwrap().1).unwrap()
}

/// A token of a policy for the whole hub.
pub fn policy_token(hub: &Hub, name: &str) -> String {
    SasToken::sign(hub.hostname(), &policy_key(hub, name), unix_now() + 60, Some(name)).to_token()
}

/// A connection that is kept, to the hub's HTTPS.
pub struct Http {
    stream: TlsStream<TcpStream>,
    host: String,
}

impl Http {
    pub async fn connect(hub: &Hub) -> Self {
        Self { stream: https(hub).await, host: format!("localhost:{}", hub.https_port()) }
    }

    /// A connection on which requests name another host.
    pub async fn for_host(hub: &Hub, host: &str) -> Self {
        Self { stream: https(hub).await, host: host.to_owned() }
    }

    /// On a connection that is there.
    pub fn over(stream: TlsStream<TcpStream>) -> Self {
        Self { stream, host: "localhost".to_owned() }
    }

    /// Sends one request; `headers` end with a line break each.
    pub async fn send(&mut self, method: &str, target: &str, headers: &str, body: &[u8]) -> Option<Answer> {
        let (host, length) = (&self.host, body.len());
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        // A hub that has closed the connection may refuse the bytes; what follows shows it.
        let _ = self.stream.write_all(head.as_bytes()).await;
        let _ = self.stream.write_all(body).await;
        // What the socket did not take at once waits in the TLS session.
        let _ = self.stream.flush().await;
        self.receive().await
    }

    /// `None` when the hub has closed the connection.
    async fn receive(&mut self) -> Option<Answer> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.more(&mut bytes).await?;
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: bytes[end..].to_vec() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        while answer.body.len() < length {
            self.more(&mut answer.body).await?;
        }
        Some(answer)
    }

    async fn more(&mut self, bytes: &mut Vec<u8>) -> Option<()> {
        match timeout(DEADLINE, self.stream.read_buf(bytes)).await.expect("an answer in time") {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(()),
        }
    }
}

/// One request of the owner's on a connection of its own; the path without its api-version.
pub async fn ask(hub: &Hub, method: &str, path: &str, body: &Value) -> Answer {
    ask_as(hub, "iothubowner", method, path, "", body).await
}

/// [`ask`] with an `If-Match`.
pub async fn ask_if(hub: &Hub, method: &str, path: &str, if_match: &str, body: &Value) -> Answer {
    ask_as(hub, "iothubowner", method, path, &format!("If-Match: {if_match}\r\n"), body).await
}

/// [`ask`] with another policy's token and more headers.
pub async fn ask_as(
    hub: &Hub,
    policy: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &Value,
) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let headers = format!("Authorization: {}\r\n{headers}", policy_token(hub, policy));
    let target = format!("{path}{}{VERSION}", if path.contains('?') { '&' } else { '?' });
    let mut http = Http::connect(hub).await;
    http.send(method, &target, &headers, body.as_bytes()).await.expect("an answer")
}
