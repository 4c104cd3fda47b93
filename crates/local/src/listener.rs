//! Accepting connections: nothing that one of them does holds up another.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use crate::task;

/// Connections that the system holds until they are accepted: a thousand devices may start at once.
const BACKLOG: u32 = 1024;

/// How long to wait before another try when the system has no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why nothing listens.
#[derive(Debug)]
pub enum ListenError {
    /// The host to listen on has no address.
    Resolve {
        /// As it was given.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// The address cannot be listened on; "address in use" is the common reason.
    Bind {
        /// As it was given.
        host: String,
        /// As it was given.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve { host, source } => write!(f, "cannot listen on {host}: {source}"),
            Self::Bind { host, port, source } if source.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "port {port} of {host} is in use by another program")
            }
            Self::Bind { host, port, source } => {
                write!(f, "cannot listen on port {port} of {host}: {source}")
            }
        }
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Resolve { source, .. } | Self::Bind { source, .. } => Some(source),
        }
    }
}

/// Listens on every address of `host`, all with the same port.
pub async fn bind(host: &str, port: u16) -> Result<Vec<TcpListener>, ListenError> {
    let resolved = |source| ListenError::Resolve { host: host.to_owned(), source };
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
            Err(source) => return Err(ListenError::Bind { host: host.to_owned(), port, source }),
        }
    }
    if listeners.is_empty() {
        return Err(ListenError::Bind { host: host.to_owned(), port, source: failure });
    }
    Ok(listeners)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // On Windows this would let two programs share the port; elsewhere it lets a service start again at once.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts for ever, and runs what `serve` makes of each connection in a task of its own. `room` bounds the connections that
/// hold one of its permits; `serve` lets go of it once it knows whose connection it is.
pub async fn accept<F>(
    listener: TcpListener,
    room: Arc<Semaphore>,
    serve: impl Fn(TcpStream, OwnedSemaphorePermit) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // The semaphore is never closed.
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        // Without it acknowledgements wait for the peer's delayed ones. A socket that refuses it works all the same.
        let _ = stream.set_nodelay(true);
        task::spawn(serve(stream, permit));
    }
}
