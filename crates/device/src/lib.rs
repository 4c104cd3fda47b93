#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! A [`Device`] is a handle that never waits: it puts commands into a queue, and one task per device owns everything behind
//! it. The protocol of a connection is a [`session`] without I/O; `azmqtt-client` drives the connection.
//!
//! | module | subject |
//! |---|---|
//! | [`handle`], `commands`, [`reply`] | the operations; commands to the task; the return of outcomes |
//! | [`config`], [`credentials`], [`error`] | the options of a connection, besides the byte stream of [`azmqtt_net`]; errors |
//! | [`edge`] | signatures and roots from the IoT Edge runtime, for modules |
//! | `shared`, `beside` | state shared by handles and task; work beside a connection. The task is in [`azmqtt_client::lasting`] |
//! | `attempt` | a stream and a password |
//! | [`session`], `destination` | the protocol, without I/O; the destination of a message |
//! | [`twin_session`] | the twin's part of the protocol, for a connection of another client |
//! | [`neighbours`] | other clients of the process that connect as the same identity |
//! | [`stats`] | statistics |
//! | [`message`], [`inbox`] | outgoing messages; the queue of received items |
//! | [`incoming`] | received items, one after the other, acknowledged in order |
//! | [`bulk`] | many messages in one call, with flow control |
//! | [`upload`], [`invoke`] | file uploads, and method calls through a gateway: over HTTPS, never in the device's task |
//! | [`check`] | finds the failing step of a connection, with advice |
//! | [`provisioning`] | a registration with the Device Provisioning Service |

// Tests may unwrap: a panic there is the report.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod attempt;
mod beside;
pub mod bulk;
pub mod check;
mod commands;
pub mod config;
pub mod credentials;
mod destination;
pub mod edge;
pub mod error;
pub mod handle;
pub mod inbox;
pub mod incoming;
pub mod invoke;
pub mod message;
pub mod neighbours;
pub mod provisioning;
pub mod reply;
pub mod session;
mod shared;
pub mod stats;
pub mod twin_session;
pub mod upload;

#[cfg(test)]
mod tests;

pub use azmqtt_client::changes::StateChanges;
pub use azmqtt_client::histogram::RoundTrips;
pub use azmqtt_client::watch::{Event, Log, LogEntry, StateChange};
pub use azmqtt_net::{
    BoxFuture, CertificateError, ClientCertificate, Endpoint, EnvironmentProxies, Proxy, ProxyChoice,
    ProxyError, RootSource, Trust,
};
pub use bulk::Bulk;
pub use config::{ConnectDeadlines, DeviceConfig, LostSession, OutboxLimits, RetryPolicy};
pub use credentials::{Credentials, Signer, TokenSource};
pub use edge::Workload;
pub use error::{Error, Step};
pub use handle::Device;

pub use inbox::{CloudMessage, Delivery, Inbox};
pub use incoming::{Incoming, Receiver};
pub use invoke::{MethodAnswer, MethodInvocation};
pub use message::{Batch, Outgoing};
pub use neighbours::Neighbours;
pub use provisioning::{PollWaits, ProvisioningConfig, ProvisioningFailure, Registered};
pub use reply::Reply;
pub use session::desired::DesiredPatch;
pub use session::methods::{MAX_OPEN_CALLS, MethodCall, MethodRequest};
pub use session::requests::{Answer, ReportedPatch, ReportedProperties, Request, TwinDocument};
pub use stats::{State, Stats};
pub use twin_session::{OnDisconnect, Received, Refused, TwinSession};
pub use upload::{FileUpload, UploadStep};
