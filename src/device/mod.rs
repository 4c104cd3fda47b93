//! One device's connection to its hub, on tokio.
//!
//! A [`Device`] is a handle that never waits: it puts commands into a queue, and one task per device owns
//! everything behind it.
//!
//! * [`handle`]: what can be asked. `commands`: on its way to the task. [`reply`]: how their outcomes come back.
//! * [`config`], [`endpoint`], [`proxy`], [`credentials`], [`trust`]: what a connection is made of; [`error`]: what can go wrong.
//! * [`verifier`]: judges a server's certificate by the roots of [`trust`].
//! * [`edge`]: signatures and roots from the IoT Edge runtime, for modules.
//! * `task`: the life of the connection: connect, reconnect, close. `connection`: one connection from CONNECT to its end.
//!   [`session`]: all that is said on it, without I/O. `shared`: what handles and task both see.
//! * [`neighbours`]: other clients of the process that connect as the same identity.
//! * `attempt`: a stream and a password;`transport`: from a host name to an encrypted stream, past a proxy
//!   and over a WebSocket if need be; `wire`: reads and batched writes on it.
//! * [`twin_session`]: the twin's part of [`session`], for a connection that somebody else holds.
//! * [`stats`], [`histogram`], [`watch`], `under_way`: what can be seen from outside.
//! * [`upload`]: files, by way of `https`, which never runs in the device's task. `body`: what comes over HTTP.
//! * [`check`]: which step of a connection fails, and what to do about it.
//! * [`provisioning`]: a registration with the Device Provisioning Service.
//! * `blocking`: calls of the system that may hang, such as the look-up of a name.
//! * [`message`], `budget`: messages on their way out; [`inbox`]: what came in.

mod attempt;
mod backoff;
mod blocking;
mod body;
mod budget;
pub mod check;
mod commands;
pub mod config;
mod connection;
pub mod credentials;
mod destination;
pub mod edge;
pub mod endpoint;
pub mod error;
pub mod handle;
pub mod histogram;
mod https;
pub mod inbox;
pub mod invoke;
pub mod message;
pub mod neighbours;
pub mod provisioning;
pub mod proxy;
pub mod reply;
pub mod session;
mod shared;
pub mod stats;
mod task;
pub(crate) mod transport;
pub mod trust;
pub mod twin_session;
mod under_way;
pub mod upload;
pub mod verifier;
pub mod watch;
pub(crate) mod wire;

#[cfg(test)]
mod tests;

pub use config::{ConnectDeadlines, DeviceConfig, LostSession, OutboxLimits, RetryPolicy};
pub use credentials::{BoxFuture, CertificateError, ClientCertificate, Credentials, Signer, TokenSource};
pub use edge::Workload;
pub use endpoint::Endpoint;
pub use error::{Error, Step};
pub use handle::Device;
pub use histogram::RoundTrips;
pub use inbox::{CloudMessage, Delivery, Inbox};
pub use invoke::{MethodAnswer, MethodInvocation};
pub use message::{Batch, Outgoing};
pub use neighbours::Neighbours;
pub use provisioning::{PollWaits, ProvisioningConfig, ProvisioningFailure, Registered};
pub use proxy::{EnvironmentProxies, Proxy, ProxyChoice, ProxyError};
pub use reply::Reply;
pub use session::desired::DesiredPatch;
pub use session::methods::{MAX_OPEN_CALLS, MethodCall, MethodRequest};
pub use session::requests::{Answer, ReportedPatch, Request, TwinDocument};
pub use stats::{State, Stats};
pub use trust::{RootSource, Trust};
pub use twin_session::{OnDisconnect, Received, Refused, TwinSession};
pub use upload::{FileUpload, UploadStep};
pub use watch::{Event, Log, LogEntry, StateChange};
