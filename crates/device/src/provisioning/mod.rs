//! One registration with the Device Provisioning Service: which hub is this device's, and under which id?
//!
//! [`register`] starts a task of its own that ends with the answer, a typed error or the end of its time.
//!
//! * `run`: attempts, one after the other, until one gets an answer that counts. `link`: one connection.
//!   `session`: what is said on it; without I/O.
//! * `verdict`: what an answer means; without I/O.

pub(crate) mod failure;
mod link;
mod run;
mod session;
mod verdict;

use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::config::{ConnectDeadlines, RetryPolicy};
use super::credentials::Credentials;
use super::reply::Reply;
use azmqtt_dialect::Identity;
use azmqtt_dialect::provisioning::{GLOBAL_HOST, Registrant, RegistrationState};
use azmqtt_net::Endpoint;

pub use failure::ProvisioningFailure;

/// Everything about one registration. Building it does no I/O.
#[derive(Debug, Clone)]
pub struct ProvisioningConfig {
    /// Who asks.
    pub registrant: Registrant,
    /// How it proves that.
    pub credentials: Credentials,
    /// Where the service is.
    pub endpoint: Endpoint,
    /// The device's own words to a custom allocation policy.
    pub payload: Option<Value>,
    /// The waits between two questions how far the registration is.
    pub poll: PollWaits,
    /// How long a signed token is valid.
    pub sas_ttl: Duration,
    /// When to try again after a lost connection or a busy service.
    pub retry: RetryPolicy,
    /// Deadlines of the steps of a connection.
    pub deadlines: ConnectDeadlines,
    /// How long the service may take to answer a request; without an answer the connection counts as dead.
    pub answer: Duration,
    /// `ClientVersion` of the user name.
    pub product_info: Option<String>,
}

impl ProvisioningConfig {
    /// The defaults: the global service on port 8883.
    pub fn new(registrant: Registrant, credentials: Credentials) -> Self {
        Self {
            endpoint: Endpoint {
                client_certificate: credentials.certificate().cloned(),
                ..Endpoint::new(GLOBAL_HOST, 8883)
            },
            registrant,
            credentials,
            payload: None,
            poll: PollWaits::default(),
            sas_ttl: Duration::from_secs(3600),
            retry: RetryPolicy::default(),
            deadlines: ConnectDeadlines::default(),
            answer: Duration::from_secs(30),
            product_info: None,
        }
    }
}

/// Between two questions how far a registration is, the device waits as long as the service asks it to
/// (`retry-after`), within these bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollWaits {
    /// Never less, and as long when the service names no time. The service's SDKs wait 2 s.
    pub floor: Duration,
    /// Never more, so that a slip of the service does not put a device to sleep.
    pub cap: Duration,
}

impl Default for PollWaits {
    fn default() -> Self {
        Self { floor: Duration::from_secs(2), cap: Duration::from_secs(60) }
    }
}

/// The service's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Registered {
    /// The hub and the device's id there.
    pub identity: Identity,
    /// All that the service said.
    pub state: RegistrationState,
}

/// Registers a device on `runtime`. The reply comes within `timeout`; aborting the handle ends the connection at once
/// and drops the reply, which reports [`super::Error::ClientClosed`].
pub fn register(
    config: ProvisioningConfig,
    timeout: Duration,
    runtime: &Handle,
    reply: Reply<Registered>,
) -> AbortHandle {
    let task = async move { reply.send(run::run(&config, timeout).await) };
    runtime.spawn(task).abort_handle()
}
