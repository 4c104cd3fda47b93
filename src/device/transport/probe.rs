//! The steps of an attempt one by one, for whoever looks for the one that fails.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::http::Head;
use super::{Attempt, ClockOffset, dial, tls};
use crate::device::config::ConnectDeadlines;
use crate::device::endpoint::Endpoint;
use crate::device::error::{Error, Step};
use crate::device::proxy::ProxyChoice;
use crate::device::under_way;
use crate::device::verifier::ServerVerifier;

/// What a server showed in its handshake, true or not.
pub(in crate::device) struct Shown {
    pub(in crate::device) version: String,
    pub(in crate::device) cipher: String,
    /// In DER, its own certificate first.
    pub(in crate::device) chain: Vec<CertificateDer<'static>>,
}

/// The addresses of the host, or of the proxy in its place, with its name.
pub(in crate::device) async fn resolve(
    endpoint: &Endpoint,
    deadlines: ConnectDeadlines,
) -> Result<(String, Vec<SocketAddr>), Error> {
    let attempt = Attempt::new(endpoint, deadlines);
    let (host, port) = match attempt.proxy {
        Some(proxy) => (&proxy.host, proxy.port),
        None => (&endpoint.host, endpoint.port),
    };
    let found = attempt.within(Step::Dns, deadlines.dns, dial::resolve(host, port)).await?;
    Ok((host.clone(), found))
}

/// Whether a port of the host, or the proxy in its place, can be connected to; the reason if not.
pub(in crate::device) async fn reach(
    addresses: &[SocketAddr],
    port: u16,
    limit: Duration,
) -> Result<(), String> {
    under_way::begins(Step::Tcp);
    let addresses = addresses.iter().map(|address| SocketAddr::new(address.ip(), port)).collect();
    match timeout(limit, dial::connect(addresses, limit)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(dial::explain(&error, limit)),
        Err(_) => Err(format!("no answer within {} s", limit.as_secs_f64())),
    }
}

/// Shakes hands and takes whatever the server shows: nothing is said to it afterwards.
pub(in crate::device) async fn look(
    endpoint: &Endpoint,
    deadlines: ConnectDeadlines,
) -> Result<Shown, Error> {
    let mut attempt = Attempt::new(endpoint, deadlines);
    let mut tcp = attempt.dial().await?;
    if let Some(proxy) = attempt.proxy {
        attempt.pass(proxy, &mut tcp).await?;
    }
    under_way::begins(Step::Tls);
    let stream = match timeout(deadlines.tls, tls::handshake(endpoint, lenient(), tcp)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            return Err(attempt.failed(Step::Tls, &tls::explain(&error, attempt.clock, endpoint)));
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
        chain: chain.iter().map(|it| it.clone().into_owned()).collect(),
    })
}

/// Asks the host's web server what time it is.
pub(in crate::device) async fn date(endpoint: &Endpoint, deadlines: ConnectDeadlines) -> Option<ClockOffset> {
    let endpoint = Endpoint { port: 443, websocket: false, proxy: ProxyChoice::Direct, ..endpoint.clone() };
    let tcp = Attempt::new(&endpoint, deadlines).dial().await.ok()?;
    // A clock that is wrong makes certificates invalid, so that theirs must not count. Nothing is told but a path.
    let mut stream = timeout(deadlines.tls, tls::handshake(&endpoint, lenient(), tcp)).await.ok()?.ok()?;
    let request = format!("HEAD / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", endpoint.host);
    Head::ask(&mut stream, &request).await.ok()?.clock()
}

/// A TLS configuration that takes every certificate.
fn lenient() -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|_| unreachable!("ring speaks TLS 1.2 and 1.3"));
    let verifier = ServerVerifier::lenient();
    Arc::new(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}
