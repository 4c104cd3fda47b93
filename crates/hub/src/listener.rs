//! Accepting connections: the handshake of one never holds up another.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use tokio::io::{copy, sink};
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::client_certificates::ClientChain;
use super::connection;
use super::error::HubError;
use super::faults::AcceptFault;
use super::handshake::{self, first_byte};
use super::http;
use super::provisioning;
use super::shared::Shared;

/// Connections that the system holds until they are accepted: a thousand devices may start at once.
const BACKLOG: u32 = 1024;

/// How long to wait before another try when the system has no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Listens on every address of `host`, all with the same port.
pub async fn bind(host: &str, port: u16) -> Result<Vec<TcpListener>, HubError> {
    let resolved = |source| HubError::Resolve { host: host.to_owned(), source };
    let mut addresses: Vec<SocketAddr> = lookup_host((host, port)).await.map_err(resolved)?.collect();
    addresses.dedup();
    let mut listeners: Vec<TcpListener> = Vec::new();
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for mut address in addresses {
        if let Some(first) = listeners.first().and_then(|listener| listener.local_addr().ok()) {
            address.set_port(first.port());
        }
        match listen(address) {
            Ok(listener) => listeners.push(listener),
            // A name may have addresses of a family that this machine has switched off.
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => failure = error,
            Err(source) => return Err(HubError::Bind { host: host.to_owned(), port, source }),
        }
    }
    if listeners.is_empty() {
        return Err(HubError::Bind { host: host.to_owned(), port, source: failure });
    }
    Ok(listeners)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // On Windows this would let two programs share the port; elsewhere it lets a hub start again at once.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

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
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // The semaphore is never closed.
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        tokio::spawn(serve(stream, protocol.clone(), tls.clone(), shared.clone(), permit));
    }
}

async fn serve(
    mut stream: TcpStream,
    protocol: Protocol,
    tls: TlsAcceptor,
    shared: Arc<Shared>,
    room: OwnedSemaphorePermit,
) {
    // Without it acknowledgements wait for the peer's delayed ones. A socket that refuses it works all the same.
    let _ = stream.set_nodelay(true);
    if matches!(protocol, Protocol::Mqtt)
        && shared.faults.is_armed()
        && let Some(fault) = shared.faults.at_accept(Instant::now())
        && !outlasts(fault, &mut stream).await
    {
        return;
    }
    let limits = shared.config.limits;
    let Some(mut stream) = handshake::shake(stream, &tls, &shared, protocol.name()).await else { return };
    let chain = ClientChain::of(stream.get_ref().1);
    let place = shared.strangers.place(room);
    match protocol {
        Protocol::Mqtt => connection::serve(place.bound(stream), chain, shared, place).await,
        Protocol::Provisioning(router) => match first_byte(&mut stream, limits.connect_timeout).await {
            // Methods of HTTP begin with a letter, CONNECT with 0x10.
            Some(byte) if byte.is_ascii_alphabetic() => {
                http::serve(stream, chain, router, limits, place).await;
            }
            Some(_) => provisioning::serve(place.bound(stream), chain, shared, place).await,
            None => {}
        },
        Protocol::Http(router) => http::serve(stream, chain, router, limits, place).await,
    }
}

/// Whether a connection goes on after a fault.
async fn outlasts(fault: AcceptFault, stream: &mut TcpStream) -> bool {
    match fault {
        AcceptFault::Drop => {}
        // A socket that cannot be told closes like others.
        AcceptFault::Reset => drop(stream.set_zero_linger()),
        AcceptFault::Silence => {
            // A client that goes leaves its place to others at once.
            let mut sink = sink();
            let leaves = copy(stream, &mut sink);
            drop(timeout(connection::SILENCE, leaves).await);
        }
        AcceptFault::Delay(time) => {
            sleep(time).await;
            return true;
        }
    }
    false
}
