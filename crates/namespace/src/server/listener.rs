//! Accepting connections: the handshake of one never holds up another.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use crate::connections;
use crate::server::https;
use crate::shared::Shared;
use azmqtt_local::client_certificates::ClientChain;
use azmqtt_local::handshake::Handshake;
use azmqtt_local::listener::accept;

/// What is spoken on a listener, inside TLS.
#[derive(Clone)]
pub enum Protocol {
    Mqtt,
    /// HTTP, with whoever answers the requests.
    Http(Router),
}

impl Protocol {
    /// For people.
    fn name(&self) -> &'static str {
        match self {
            Self::Mqtt => "MQTT",
            Self::Http(_) => "HTTPS",
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
    let handshake = Handshake {
        service: "namespace",
        port: protocol.name(),
        timeout: shared.config.connections.handshake_timeout,
        needs_server_name: shared.config.needs_server_name(),
    };
    let note = |reason| shared.note_refusal(reason);
    let Some(stream) = handshake.shake(stream, &tls, note).await else { return };
    let chain = ClientChain::of(stream.get_ref().1);
    let place = shared.unauthenticated.admit(room);
    match protocol {
        Protocol::Mqtt => connections::serve(place.limit(stream), chain, shared, place).await,
        Protocol::Http(router) => https::serve(stream, chain, router, &shared.config, place).await,
    }
}
