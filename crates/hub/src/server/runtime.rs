//! The hub's thread: it listens, and ends every connection when it is told to stop.

use std::sync::{Arc, mpsc};

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::listener::{self, Protocol};
use crate::configurations;
use crate::delivery::deadlines;
use crate::error::HubError;
use crate::http;
use crate::jobs;
use crate::registry::device::{CloseReason, END_TIMEOUT};
use crate::shared::Shared;
use azmqtt_local::task;
use azmqtt_local::thread::Thread;

/// Where a hub listens.
#[derive(Clone, Copy, Default)]
pub struct Ports {
    pub mqtt: u16,
    pub https: u16,
    pub service: u16,
    pub provisioning: u16,
}

/// Starts the hub's thread; returns when it listens, and where.
pub fn spawn(shared: Arc<Shared>, tls: Arc<ServerConfig>) -> Result<(Thread, Ports), HubError> {
    // A write to the disk that is under way is finished.
    let finish = |runtime: Runtime| runtime.shutdown_timeout(END_TIMEOUT);
    let serve = |ready, stopped| async move { run(shared, tls, &ready, stopped).await };
    Thread::start("azmqtt-hub", serve, finish, HubError::System)
}

async fn run(
    shared: Arc<Shared>,
    tls: Arc<ServerConfig>,
    ready: &mpsc::Sender<Result<Ports, HubError>>,
    stopped: oneshot::Receiver<()>,
) {
    let config = &shared.config;
    let bound = async {
        let mqtt = bind(&config.host, config.port).await?;
        let https = bind(&config.host, config.https_port).await?;
        let service = match config.service_port {
            // One listener answers both.
            port if port != 0 && port == https.0 => (port, Vec::new()),
            port => bind(&config.host, port).await?,
        };
        let host = config.provisioning.host.as_ref().unwrap_or(&config.host);
        let provisioning = bind(host, config.provisioning.port).await?;
        Ok([mqtt, https, service, provisioning])
    };
    let bound = match bound.await {
        Ok(bound) => bound,
        Err(error) => return drop(ready.send(Err(error))),
    };
    let [mqtt_port, https_port, service_port, provisioning_port] = bound.each_ref().map(|(port, _)| *port);
    let [mqtt, https, service, provisioning] = bound.map(|(_, listeners)| listeners);
    shared.page.listens_on(service_port);
    let router = http::router(shared.clone());
    let protocols = [
        (Protocol::Mqtt, mqtt),
        (Protocol::Http(router.clone()), https),
        (Protocol::Http(router), service),
        (Protocol::Provisioning(http::provisioning_router(shared.clone())), provisioning),
    ];
    let mut accepting = Vec::new();
    for (protocol, listeners) in protocols {
        let room = Arc::new(Semaphore::new(config.limits.unauthenticated.max(1)));
        for listener in listeners {
            let tls = TlsAcceptor::from(tls.clone());
            let accept = listener::run(listener, protocol.clone(), tls, shared.clone(), room.clone());
            accepting.push(task::spawn(accept));
        }
    }
    let hub = shared.clone();
    task::spawn(async move { deadlines::run(&hub.registry, &hub.feedback).await });
    let hub = shared.clone();
    task::spawn(async move { azmqtt_local::faults::run(&hub.faults, &*hub.registry).await });
    task::spawn(jobs::run(shared.jobs.clone()));
    task::spawn(configurations::run(shared.configurations.clone()));
    // Nobody waits for the answer only if the hub was dropped, and then `stopped` resolves too.
    let _ = ready.send(Ok(Ports {
        mqtt: mqtt_port,
        https: https_port,
        service: service_port,
        provisioning: provisioning_port,
    }));
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
    shared.streams.end().await;
}

/// Listens on a port, 0 for any free one, of every address of `host`.
async fn bind(host: &str, port: u16) -> Result<(u16, Vec<TcpListener>), HubError> {
    let listeners = azmqtt_local::listener::bind(host, port).await?;
    let port = listeners.first().map_or(Ok(0), |first| first.local_addr().map(|local| local.port()));
    Ok((port.map_err(HubError::System)?, listeners))
}
