//! A client of the management API that writes what a test says.

use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::Namespace;
use crate::tests::support::LONG;

/// The version without previews.
pub const STABLE: &str = "api-version=2025-02-15";
/// The newest one that the SDK has.
pub const PREVIEW: &str = "api-version=2025-04-01-preview";

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Status and code of a refusal, after a look at its form.
    pub fn refusal(&self) -> (u16, String) {
        let body = self.json();
        let error = body["error"].as_object().unwrap();
        assert_eq!(error.keys().collect::<Vec<_>>(), ["code", "message"]);
        assert!(!error["message"].as_str().unwrap().is_empty());
        (self.status, error["code"].as_str().unwrap().to_owned())
    }
}

pub async fn tls(namespace: &Namespace) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    let authority = &namespace.authority().certificate;
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", namespace.https_port())).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
}

/// Reads an answer; `None` if the connection closes before it is whole.
pub async fn receive(stream: &mut TlsStream<TcpStream>) -> Option<Answer> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, &mut bytes).await?;
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer { status, head, body: bytes[end..].to_vec() };
    let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
    while answer.body.len() < length {
        more(stream, &mut answer.body).await?;
    }
    Some(answer)
}

async fn more(stream: &mut TlsStream<TcpStream>, bytes: &mut Vec<u8>) -> Option<()> {
    match timeout(LONG, stream.read_buf(bytes)).await.expect("an answer in time") {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(()),
    }
}

/// One request on a connection of its own, with these headers, each of which ends with a line break.
pub async fn send(namespace: &Namespace, method: &str, target: &str, headers: &str, body: &[u8]) -> Answer {
    let mut stream = tls(namespace).await;
    let host = format!("localhost:{}", namespace.https_port());
    let length = body.len();
    let head =
        format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n{headers}\r\n");
    // A server that has refused already may close; what follows shows it.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body).await;
    let _ = stream.flush().await;
    receive(&mut stream).await.expect("an answer")
}

/// One request of the owner's, to a path below the namespace's own.
pub async fn request(namespace: &Namespace, method: &str, below: &str, body: &Value) -> Answer {
    let (path, query) = below.split_once('?').unwrap_or((below, ""));
    let query = if query.contains("api-version") { query.to_owned() } else { format!("{STABLE}&{query}") };
    request_at(namespace, method, &format!("{}{path}?{query}", namespace.resource_id()), body).await
}

/// One request of the owner's.
pub async fn request_at(namespace: &Namespace, method: &str, target: &str, body: &Value) -> Answer {
    let authorization = format!("Authorization: Bearer {}\r\n", namespace.token());
    let (headers, body) = if body.is_null() {
        (authorization, String::new())
    } else {
        (format!("{authorization}Content-Type: application/json\r\n"), body.to_string())
    };
    send(namespace, method, target, &headers, body.as_bytes()).await
}
