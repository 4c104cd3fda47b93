#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! [`Hub::start`] opens its TLS listeners (MQTT, HTTPS for devices and for services, provisioning) on a thread of its own and
//! answers until [`Hub::stop`]. A message's way in: `server` accepts and shakes hands, `security` judges the CONNECT,
//! `sessions` moves the bytes of one device and decides what each packet means, `twins`, `methods` and [`messages`] do it. A
//! module uses those of its own layer and of lower ones, which the README lists.
//!
//! | module | subject |
//! |---|---|
//! | `api` | [`Hub`], the facade: start and stop; what an application may ask. Nothing below uses it |
//! | [`config`], [`error`], [`id`] | options and their defaults; everything that can go wrong in a call; names of devices and modules |
//! | `server` | the thread and its listeners |
//! | `shared` | the parts of a hub put together: what `api`, `server`, `http` and `sessions` have in common, and nobody else knows |
//! | `sessions` | connections of devices, to the hub and to the provisioning service |
//! | `registry` | devices and their modules: keys, who is connected, what is queued; making, changing and removing them |
//! | `security` | certificates, keys, policies: who is let in, and what for |
//! | `twins` | reads and writes of twins, by devices and by services |
//! | [`messages`] | telemetry, queues of cloud-to-device messages, feedback |
//! | `delivery` | how messages get into these queues, and what becomes of those whose time is over |
//! | `methods` | calls of direct methods, from the request to the answer |
//! | [`uploads`] | file uploads, and Blob Storage for them |
//! | `query` | queries of twins and jobs, page by page |
//! | `configurations` | desired properties for many devices, applied by priority |
//! | `jobs` | twin updates and method calls for many, now or later |
//! | `http` | everything of IoT Hub that is HTTP, and MQTT over WebSockets |
//! | [`provisioning`] | the Device Provisioning Service beside the hub |
//! | [`faults`] | what can be made to go wrong, on demand and by seeded schedules |
//! | [`packets`] | the recording of every MQTT packet, for tests |
//! | [`throttle`] | what a hub of a tier takes in a time |
//! | `storage` | what the state directory keeps, and how it survives a crash |
//! | `if_match`, `unix_time` | conditions on etags; times in seconds |
//! | `random` | random numbers and new keys |
//! | `events` | what happens in the hub, for those who watch it |
//! | `refusals` | why clients were refused |
//!
//! Where the documentation of the service is silent the hub closes the connection, as the service does for
//! everything that it does not like: MQTT 3.1.1 has no words for "no".

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
