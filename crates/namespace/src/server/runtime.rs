//! The namespace's thread: it listens, and ends every connection when it is told to stop.

use std::future::poll_fn;
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, sleep_until};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::https;
use super::listener::{self, Protocol};
use crate::broker::End;
use crate::connections::STOP_TIMEOUT;
use crate::error::NamespaceError;
use crate::shared::Shared;
use azmqtt_local::faults;
use azmqtt_local::journal::Log;
use azmqtt_local::listener::bind;
use azmqtt_local::task;
use azmqtt_local::thread::Thread;

/// Where a namespace listens.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// For MQTT.
    pub mqtt: u16,
    /// For HTTPS.
    pub https: u16,
}

/// Starts the namespace's thread; returns when it listens, and where.
pub fn spawn(shared: Arc<Shared>, tls: Arc<ServerConfig>) -> Result<(Thread, Ports), NamespaceError> {
    let serve = |ready, stopped| async move { run(shared, tls, &ready, stopped).await };
    Thread::start("azmqtt-namespace", serve, drop, NamespaceError::System)
}

async fn run(
    shared: Arc<Shared>,
    tls: Arc<ServerConfig>,
    ready: &mpsc::Sender<Result<Ports, NamespaceError>>,
    stopped: oneshot::Receiver<()>,
) {
    let config = &shared.config;
    let bound = async {
        let mqtt = listen(&config.host, config.port).await?;
        let https = listen(&config.host, config.https_port).await?;
        Ok((mqtt, https))
    };
    let ((mqtt, mqtt_listeners), (https, https_listeners)) = match bound.await {
        Ok(bound) => bound,
        Err(error) => return drop(ready.send(Err(error))),
    };
    shared.page.listens_on(https);
    let protocols =
        [(Protocol::Mqtt, mqtt_listeners), (Protocol::Http(https::router(shared.clone())), https_listeners)];
    let mut accepting = Vec::new();
    for (protocol, listeners) in protocols {
        let room = Arc::new(Semaphore::new(config.connections.unauthenticated.max(1)));
        for listener in listeners {
            let tls = TlsAcceptor::from(tls.clone());
            let accept = listener::run(listener, protocol.clone(), tls, shared.clone(), room.clone());
            accepting.push(task::spawn(accept));
        }
    }
    accepting.push(task::spawn(tick(shared.clone())));
    if let Some(log) = shared.log.get() {
        accepting.push(task::spawn(write(log.clone(), shared.clone())));
    }
    accepting.push(task::spawn(wake(shared.clone())));
    let faulty = shared.clone();
    accepting.push(task::spawn(async move { faults::run(&faulty.faults, &*faulty).await }));
    // Nobody waits for the answer only if the namespace was dropped, and then `stopped` resolves too.
    let _ = ready.send(Ok(Ports { mqtt, https }));
    // An error means the same: the namespace is gone.
    let _ = stopped.await;
    for task in accepting {
        task.abort();
    }
    shared.broker.lock().end_all(&End::Stopped, Instant::now());
    shared.write_log();
    let until = Instant::now() + STOP_TIMEOUT;
    // What has not said its last words by then ends with the runtime.
    while shared.broker.lock().has_farewells() && Instant::now() < until {
        sleep(Duration::from_millis(5)).await;
    }
    shared.streams.end().await;
}

/// Has the broker do what is due.
async fn tick(shared: Arc<Shared>) {
    loop {
        let deadline = shared.broker.lock().deadline();
        match deadline {
            Some(deadline) => {
                tokio::select! {
                    () = sleep_until(deadline.into()) => shared.broker.lock().tick(Instant::now()),
                    () = shared.earlier.notified() => {}
                }
            }
            None => shared.earlier.notified().await,
        }
    }
}

/// Writes down what the broker has to.
async fn write(log: Arc<Log>, shared: Arc<Shared>) {
    let (snapshot, finished) = (shared.clone(), shared);
    log.run(move |_| snapshot.broker.lock().snapshot(), || finished.broker.lock().wake_held()).await;
}

/// Has the broker wake the clients that it has put off, one group after the other.
async fn wake(shared: Arc<Shared>) {
    poll_fn(|cx| -> Poll<()> {
        if shared.broker.lock().wake_some(cx.waker()) {
            // After all that is to run now.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await;
}

/// Listens on a port, 0 for any free one, of every address of `host`.
async fn listen(host: &str, port: u16) -> Result<(u16, Vec<TcpListener>), NamespaceError> {
    let listeners = bind(host, port).await?;
    let port = listeners.first().map_or(Ok(0), |first| first.local_addr().map(|local| local.port()));
    Ok((port.map_err(NamespaceError::System)?, listeners))
}
