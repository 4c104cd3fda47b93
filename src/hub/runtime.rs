//! The hub's thread: it listens, and ends every connection when it is told to stop.

use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use tokio::runtime;
use tokio::sync::{Semaphore, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::cloud_clock;
use super::device::{CloseReason, END_TIMEOUT};
use super::error::HubError;
use super::listener;
use super::shared::Shared;

/// The thread, until it is stopped.
pub struct Thread {
    stop: oneshot::Sender<()>,
    handle: JoinHandle<()>,
}

impl Thread {
    /// Ends every connection, and the thread.
    pub fn stop(self) {
        // A thread that is gone already needs no telling.
        let _ = self.stop.send(());
        let _ = self.handle.join();
    }
}

/// Starts the hub's thread; returns when it listens, with its port.
pub fn spawn(shared: Arc<Shared>, tls: Arc<ServerConfig>) -> Result<(Thread, u16), HubError> {
    let (stop, stopped) = oneshot::channel();
    let (ready, listening) = mpsc::channel();
    let body = move || {
        let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(ready.send(Err(HubError::System(error)))),
        };
        runtime.block_on(run(shared, tls, &ready, stopped));
        // A write to the disk that is under way is finished.
        runtime.shutdown_timeout(END_TIMEOUT);
    };
    let handle =
        thread::Builder::new().name("azmqtt-hub".to_owned()).spawn(body).map_err(HubError::System)?;
    match listening.recv() {
        Ok(Ok(port)) => Ok((Thread { stop, handle }, port)),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(HubError::System(std::io::Error::other("its thread ended at once"))),
    }
}

async fn run(
    shared: Arc<Shared>,
    tls: Arc<ServerConfig>,
    ready: &mpsc::Sender<Result<u16, HubError>>,
    stopped: oneshot::Receiver<()>,
) {
    let bound = listener::bind(&shared.config.host, shared.config.port).await;
    let bound = bound.and_then(|listeners| {
        let port = listeners.first().map_or(Ok(0), |first| first.local_addr().map(|local| local.port()));
        Ok((port.map_err(HubError::System)?, listeners))
    });
    let (port, listeners) = match bound {
        Ok(bound) => bound,
        Err(error) => return drop(ready.send(Err(error))),
    };
    let room = Arc::new(Semaphore::new(shared.config.limits.unauthenticated.max(1)));
    let accepting: Vec<_> = listeners
        .into_iter()
        .map(|listener| {
            let tls = TlsAcceptor::from(tls.clone());
            tokio::spawn(listener::run(listener, tls, shared.clone(), room.clone()))
        })
        .collect();
    tokio::spawn(cloud_clock::run(shared.clone()));
    // Nobody waits for the answer only if the hub was dropped, and then `stopped` resolves too.
    let _ = ready.send(Ok(port));
    // An error means the same: the hub is gone.
    let _ = stopped.await;
    for task in accepting {
        task.abort();
    }
    let closing = async {
        for device in shared.registry.all() {
            device.close_and_wait(CloseReason::HubStopped).await;
        }
    };
    // What does not end by itself ends with the runtime.
    let _ = tokio::time::timeout(END_TIMEOUT, closing).await;
}
