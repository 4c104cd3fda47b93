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
use azmqtt_local::handshake::{HandshakeError, shake};
use azmqtt_local::listener::accept;

/// What is spoken on a listener, inside TLS.
#[derive(Clone)]
pub enum Protocol {
    Mqtt,
    /// HTTP, with whoever answers the requests.
    Http(Router),
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
    let stream = match shake(stream, &tls, shared.config.connections.handshake_timeout).await {
        Ok(stream) => stream,
        // A client that goes without a word did nothing wrong.
        Err(HandshakeError::Silent) => return,
        Err(error) => return shared.note_refusal(format!("TLS handshake: {error}")),
    };
    let connection = stream.get_ref().1;
    if shared.config.needs_server_name() && connection.server_name().is_none() {
        let reason = "TLS handshake: the client sent no server name (SNI), which the service demands";
        return shared.note_refusal(reason.to_owned());
    }
    let chain = ClientChain::of(connection);
    let place = shared.unauthenticated.admit(room);
    match protocol {
        Protocol::Mqtt => connections::serve(place.limit(stream), chain, shared, place).await,
        Protocol::Http(router) => https::serve(stream, chain, router, &shared.config, place).await,
    }
}
