//! Accepting connections: the handshake of one never holds up another.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use crate::events::Cause;
use crate::http;
use crate::sessions::{connection, provisioning};
use crate::shared::Shared;
use azmqtt_local::client_certificates::ClientChain;
use azmqtt_local::handshake::{Handshake, first_byte};
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
    let handshake = Handshake {
        service: "hub",
        port: protocol.name(),
        timeout: limits.handshake_timeout,
        needs_server_name: shared.config.needs_server_name(),
    };
    let note = |reason: String| shared.note_refusal(Cause::Tls, &reason);
    let Some(mut stream) = handshake.shake(stream, &tls, note).await else { return };
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
