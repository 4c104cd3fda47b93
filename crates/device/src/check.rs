//! Which step of a connection fails, and what to do about it: DNS, TCP, TLS, credentials, CONNECT.
//!
//! The last step is a connection as the device makes it, so that what a check finds is what a client will meet. A
//! device that is connected meanwhile loses its connection to it, as with any second client of one identity.

use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::config::{DeviceConfig, RetryPolicy};
use super::error::{Error, Step};
use super::handle::Device;
use super::reply::Reply;
use azmqtt_client::check::run;
use azmqtt_client::check::steps::{CONNACK, FOREVER, GLANCE};
use azmqtt_client::check::{Over, Steps, Validity};
use azmqtt_net::ConnectError;

pub use azmqtt_client::check::{CheckReport, CheckedStep};

/// Checks a device's connection on `runtime`, within `limit`. Aborting the handle ends it.
pub fn check(
    config: DeviceConfig,
    limit: Duration,
    runtime: fn() -> Handle,
    reply: Reply<CheckReport>,
) -> AbortHandle {
    let mut config = config;
    config.deadlines.connack = config.deadlines.connack.min(CONNACK);
    let endpoint = config.endpoint.clone();
    let steps = Steps::new(endpoint.clone(), endpoint.websocket, config.deadlines.stream);
    run::start(Check { config, runtime, steps }, limit, runtime, reply)
}

struct Check {
    config: DeviceConfig,
    runtime: fn() -> Handle,
    steps: Steps,
}

impl run::Check for Check {
    fn steps(&mut self) -> &mut Steps {
        &mut self.steps
    }

    async fn run(&mut self) -> Result<(), Over> {
        self.steps.reach(true).await?;
        self.credentials().await?;
        let began = Instant::now();
        let connected = self.connect().await.map_err(|error| failure(Step::Mqtt, error));
        self.steps.good(connected, began)?;
        let (host, id) = (&self.config.endpoint.host, self.config.identity.client_id());
        self.steps.add(Step::Mqtt, format!("{host} accepted {id}"), Vec::new(), began);
        Ok(())
    }
}

impl Check {
    /// What the device shows, as far as it can be judged here.
    async fn credentials(&mut self) -> Result<(), Over> {
        let began = Instant::now();
        self.steps.begin(Step::Credentials);
        let config = &self.config;
        let resource = config.identity.sas_resource();
        let limit = config.deadlines.credentials;
        let signed = config.credentials.sign_resource(&resource, config.sas_ttl, None, limit).await;
        let signed = signed.map_err(|error| failure(Step::Credentials, error));
        let certificate = self.config.credentials.certificate();
        let (kind, to) = match (self.steps.good(signed, began)?, certificate) {
            (Some(token), _) => ("SAS token", Some(token.expiry())),
            (None, Some(certificate)) => ("client certificate", Some(certificate.not_after())),
            (None, None) => ("credentials", None),
        };
        self.steps.credentials(kind, Validity { from: None, to }, Vec::new(), None, began)
    }

    /// Connects as a client would, once, and disconnects.
    async fn connect(&mut self) -> Result<(), Error> {
        let retry = RetryPolicy { first_connect: false, ..self.config.retry };
        let device = Device::new(DeviceConfig { retry, ..self.config.clone() }, self.runtime);
        self.steps.follow(device.connect_progress());
        let (reply, connected) = Reply::channel();
        device.connect(FOREVER, reply);
        let connected = connected.await.unwrap_or(Err(Error::ClientClosed));
        let (reply, closed) = Reply::channel();
        device.close(GLANCE, reply);
        // However that went, the connection is over.
        let _ = closed.await;
        connected
    }
}

/// The failure of a step: `step`, unless the error names another one.
fn failure(step: Step, error: impl Into<Error>) -> ConnectError {
    match error.into() {
        Error::ConnectionFailed { step, reason } => ConnectError::new(step, reason),
        other => ConnectError::new(step, other.to_string()),
    }
}
