//! The steps of an attempt one by one, for whoever looks for the one that fails.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::timeout;

use super::answer_head::Head;
use super::{Attempt, dial, tls};
use crate::clock::ClockOffset;
use crate::connect_step::{self, Step};
use crate::deadlines::ConnectDeadlines;
use crate::endpoint::Endpoint;
use crate::error::ConnectError;
use crate::proxy::ProxyChoice;
use crate::tls::lenient;

/// What a server showed in its handshake, true or not.
pub struct Shown {
    /// Of TLS, such as `TLSv1.3`.
    pub version: String,
    /// The cipher suite.
    pub cipher: String,
    /// In DER, its own certificate first.
    pub chain: Vec<Vec<u8>>,
}

/// The addresses of the host, or of the proxy in its place, with its name.
pub async fn resolve(
    endpoint: &Endpoint,
    deadlines: ConnectDeadlines,
) -> Result<(String, Vec<SocketAddr>), ConnectError> {
    let attempt = Attempt::new(endpoint, deadlines);
    let (host, port) = match attempt.proxy {
        Some(proxy) => (&proxy.host, proxy.port),
        None => (&endpoint.host, endpoint.port),
    };
    let found = attempt.within(Step::Dns, deadlines.dns, dial::resolve(host, port)).await?;
    Ok((host.clone(), found))
}

/// Whether a port of the host, or the proxy in its place, can be connected to; the reason if not.
pub async fn reach(addresses: &[SocketAddr], port: u16, limit: Duration) -> Result<(), String> {
    connect_step::begins(Step::Tcp);
    let addresses = addresses.iter().map(|address| SocketAddr::new(address.ip(), port)).collect();
    match timeout(limit, dial::connect(addresses, limit)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(dial::explain(&error, limit)),
        Err(_) => Err(format!("no answer within {} s", limit.as_secs_f64())),
    }
}

/// Shakes hands and takes whatever the server shows: nothing is said to it afterwards.
pub async fn look(endpoint: &Endpoint, deadlines: ConnectDeadlines) -> Result<Shown, ConnectError> {
    let mut attempt = Attempt::new(endpoint, deadlines);
    let mut tcp = attempt.dial().await?;
    if let Some(proxy) = attempt.proxy {
        attempt.pass(proxy, &mut tcp).await?;
    }
    connect_step::begins(Step::Tls);
    let stream = match timeout(deadlines.tls, tls::handshake(endpoint, lenient(), tcp)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            return Err(attempt.failed(Step::Tls, &tls::explain_handshake(&error, attempt.clock, endpoint)));
        }
        Err(_) => return Err(attempt.late(Step::Tls, deadlines.tls)),
    };
    let connection = stream.get_ref().1;
    let chain = connection.peer_certificates().unwrap_or_default();
    Ok(Shown {
        // "TLSv1_3" is how the code spells it.
        version: connection
            .protocol_version()
            .and_then(|it| it.as_str())
            .unwrap_or("unknown")
            .replace('_', "."),
        cipher: connection
            .negotiated_cipher_suite()
            .and_then(|it| it.suite().as_str())
            .unwrap_or("unknown")
            .to_owned(),
        chain: chain.iter().map(|it| it.to_vec()).collect(),
    })
}

/// Asks the host's web server what time it is.
pub async fn date(endpoint: &Endpoint, deadlines: ConnectDeadlines) -> Option<ClockOffset> {
    let endpoint = Endpoint { port: 443, websocket: false, proxy: ProxyChoice::Direct, ..endpoint.clone() };
    let tcp = Attempt::new(&endpoint, deadlines).dial().await.ok()?;
    // A clock that is wrong makes certificates invalid, so that theirs must not count. Nothing is told but a path.
    let mut stream = timeout(deadlines.tls, tls::handshake(&endpoint, lenient(), tcp)).await.ok()?.ok()?;
    let request = format!("HEAD / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", endpoint.host);
    Head::ask(&mut stream, &request).await.ok()?.clock()
}
