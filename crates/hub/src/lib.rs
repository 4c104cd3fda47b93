#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! [`Hub::start`] opens its TLS listeners (MQTT, HTTPS for devices and for services, provisioning) on its own thread and
//! serves until [`Hub::stop`]. The path of a message: `server` accepts the connection and does the handshake, `security`
//! checks the CONNECT, `sessions` moves the bytes of one device and interprets its packets, and `twins`, `methods` and
//! [`messages`] carry them out. A module uses modules of its own layer and of lower ones, which the README lists.
//!
//! | module | subject |
//! |---|---|
//! | `api` | [`Hub`], the facade for applications. No other module uses it |
//! | [`config`], [`error`], [`id`] | options and their defaults; errors of calls; names of devices and modules |
//! | `server` | the thread and its listeners |
//! | `shared` | the assembled parts of a hub, for `api`, `server`, `http` and `sessions` only |
//! | `sessions` | connections of devices, to the hub and to the provisioning service |
//! | `registry` | devices and modules: keys, connections, queues; creating, changing and removing them |
//! | `security` | certificates, keys, policies: authentication and authorization |
//! | `twins` | reads and writes of twins, by devices and by services |
//! | [`messages`] | telemetry, queues of cloud-to-device messages, feedback |
//! | `delivery` | how messages get into these queues, and the handling of expired messages |
//! | `methods` | direct method calls, from the request to the answer |
//! | [`uploads`] | file uploads, and Blob Storage for them |
//! | `query` | queries of twins and jobs, page by page |
//! | `configurations` | desired properties for many devices, applied by priority |
//! | `jobs` | twin updates and method calls for many, now or later |
//! | `http` | the HTTP interfaces of IoT Hub, and MQTT over WebSockets |
//! | [`provisioning`] | the Device Provisioning Service beside the hub |
//! | [`faults`] | faults on demand and by seeded schedules |
//! | [`packets`] | the recording of every MQTT packet, for tests |
//! | [`throttle`] | the rates and quotas of a tier |
//! | `storage` | the state directory, which survives a crash |
//! | `if_match`, `unix_time` | conditions on etags; times in seconds |
//! | `random` | random numbers and new keys |
//! | `events` | events of the hub, for watchers |
//! | `refusals` | why clients were refused |
//!
//! If the service's documentation does not define a case, the hub closes the connection, as the service does to refuse a
//! packet: MQTT 3.1.1 has no error answers.

// Tests may unwrap: a panic there is the report.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod api;
pub mod config;
mod configurations;
mod delivery;
pub mod error;
mod events;
pub mod faults;
mod http;
pub mod id;
mod if_match;
mod jobs;
pub mod messages;
mod methods;
pub mod provisioning;
mod query;
mod random;
mod refusals;
mod registry;
mod security;
mod server;
mod sessions;
mod shared;
mod storage;
pub mod throttle;
mod twins;
mod unix_time;
pub mod uploads;

#[cfg(test)]
mod tests;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use http::fuzzing;

pub use api::certificates::{DeviceCertificate, SignedBy};
pub use api::{Hub, packets};
pub use azmqtt_local::listener::ListenError;
pub use azmqtt_local::packets::PacketRecording;
pub use config::{DisabledAnswer, HubConfig, Recording};
pub use delivery::sending::CloudSend;
pub use error::HubError;
pub use id::{Id, MAX_MODULES, Whose};
pub use messages::feedback::{FeedbackRecord, FeedbackStatus};
pub use messages::telemetry::TelemetryMessage;
pub use methods::pending::PendingCall;
pub use query::QueryPage;
pub use random::key as random_key;
pub use registry::credentials::Authentication;
pub use registry::device::{CloseReason, MethodResult};
pub use uploads::{Blob, UploadRecord};
