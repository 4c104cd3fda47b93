//! Accepting connections: the handshake of one never holds up another.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use crate::http;
use crate::sessions::{connection, provisioning};
use crate::shared::Shared;
use azmqtt_local::client_certificates::ClientChain;
use azmqtt_local::handshake::{self, HandshakeError, ServerStream, first_byte};
use azmqtt_local::listener::accept;
use azmqtt_local::task;

/// What is spoken on a listener, inside TLS.
#[derive(Clone)]
pub enum Protocol {
    Mqtt,
    /// HTTP, with whoever answers the requests.
    Http(Router),
    /// MQTT or HTTP with the Device Provisioning Service, whichever the client begins with.
    Provisioning(Router),
}

impl Protocol {
    /// For people.
    fn name(&self) -> &'static str {
        match self {
            Self::Mqtt => "MQTT",
            Self::Http(_) => "HTTPS",
            Self::Provisioning(_) => "provisioning",
        }
    }
}

/// Accepts for ever. `room` bounds the connections that have not shown yet whose they are.
pub async fn run(
    listener: TcpListener,
    protocol: Protocol,
    tls: TlsAcceptor,
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
) {
    accept(listener, room, |stream, permit| {
        serve(stream, protocol.clone(), tls.clone(), shared.clone(), permit)
    })
    .await;
}

async fn serve(
    mut stream: TcpStream,
    protocol: Protocol,
    tls: TlsAcceptor,
    shared: Arc<Shared>,
    room: OwnedSemaphorePermit,
) {
    if matches!(protocol, Protocol::Mqtt)
        && shared.faults.is_armed()
        && let Some(fault) = shared.faults.at_accept(Instant::now())
        && !fault.outlasts(&mut stream).await
    {
        return;
    }
    let limits = shared.config.limits;
    let Some(mut stream) = shake(stream, &tls, &shared, protocol.name()).await else { return };
    let chain = ClientChain::of(stream.get_ref().1);
    let place = shared.unauthenticated.admit(room);
    match protocol {
        Protocol::Mqtt => {
            if let Some(connection) = connection::admit(place.limit(stream), chain, shared, place).await {
                task::spawn(connection.run());
            }
        }
        Protocol::Provisioning(router) => match first_byte(&mut stream, limits.connect_timeout).await {
            // Methods of HTTP begin with a letter, CONNECT with 0x10.
            Some(byte) if byte.is_ascii_alphabetic() => {
                http::serve(stream, chain, router, limits, place).await;
            }
            Some(_) => provisioning::serve(place.limit(stream), chain, shared, place).await,
            None => {}
        },
        Protocol::Http(router) => http::serve(stream, chain, router, limits, place).await,
    }
}

/// Shakes hands with a client that came to the port of this `name`. What it did wrong becomes the hub's last refusal; a
/// client that goes without a word did nothing wrong.
async fn shake(stream: TcpStream, tls: &TlsAcceptor, shared: &Shared, name: &str) -> Option<ServerStream> {
    let peer = stream.peer_addr();
    let note = |reason: &dyn Display| {
        let from = peer.as_ref().map(|peer| format!(" with {peer}")).unwrap_or_default();
        shared.note_refusal(format!("{name} port: TLS handshake{from}: {reason}"));
    };
    let stream = match handshake::shake(stream, tls, shared.config.limits.handshake_timeout).await {
        Ok(stream) => stream,
        Err(error) => {
            match error {
                HandshakeError::Silent => {}
                HandshakeError::Untrusted(alert) => note(&format_args!(
                    "the client does not trust the hub's certificate (alert {alert:?}): give it the hub's ca_file"
                )),
                HandshakeError::Failed(_) => note(&error),
            }
            return None;
        }
    };
    if shared.config.needs_server_name() && stream.get_ref().1.server_name().is_none() {
        note(&"the client sent no server name (SNI), which this host name demands");
        return None;
    }
    Some(stream)
}
