#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! [`Hub::start`] opens its TLS listeners (MQTT, HTTPS for devices and for services, provisioning) on a thread of its own and
//! answers until [`Hub::stop`]. A message's way in: `listener` accepts and shakes hands, `authentication` judges the CONNECT,
//! `connection` moves the bytes of one device, `device_session` decides what each packet means, `twin_requests` and
//! [`telemetry`] do it.
//!
//! | module | subject |
//! |---|---|
//! | [`config`], [`error`] | options and their defaults; everything that can go wrong in a call |
//! | `api`, `calls`, `runtime` | [`Hub`]: start and stop; what an application may ask; the thread |
//! | `http` | the HTTPS listener: MQTT over WebSockets, and what of a hub is HTTP |
//! | `shared` | what every connection of a hub shares |
//! | `certificates`, `tls_rules` | the certificate authority and the server's certificate; which TLS the hub speaks under its name |
//! | `client_certificates`, `certificate_calls` | X.509: what clients show, who is let in for it; certificates for tests |
//! | `state_dir`, `device_file`, `cloud_file` | what `--state` keeps, and how it survives a crash |
//! | `registry`, `device`, [`id`] | devices and their modules: keys, twin, who is connected, what is queued; their names |
//! | `identities`, `identity_record`, `if_match` | making, changing and removing identities; what is kept of one besides; conditions on etags |
//! | `modules` | calls that are about modules |
//! | `policies` | keys of the hub itself, and what their holders may do |
//! | `query`, `query_calls` | queries of twins and jobs, page by page; what applications ask about them |
//! | `twin_writes`, `refused` | writes to twins by services; why a service's call is refused |
//! | `configurations` | desired properties for many devices, applied by priority |
//! | `jobs` | twin updates and method calls for many, now or later |
//! | `methods` | calls of direct methods, from the request to the answer |
//! | `cloud_calls`, `cloud_messages` | sending to devices; a device's queue of cloud-to-device messages |
//! | `lock_token` | locks of messages and of feedback as text, for protocols that hand them out |
//! | `cloud_clock`, [`feedback`], [`feedback_queue`] | locks and lives that end; what became of messages; in batches for services |
//! | `upload_calls`, [`uploads`] | file uploads, and Blob Storage for them |
//! | [`provisioning`] | the Device Provisioning Service beside the hub |
//! | [`faults`] | what can be made to go wrong, on demand and by seeded schedules |
//! | [`packets`] | the recording of every MQTT packet, for tests |
//! | [`throttle`] | what a hub of a tier takes in a time |
//!
//! Where the documentation of the service is silent the hub closes the connection, as the service does for
//! everything that it does not like: MQTT 3.1.1 has no words for "no".

// Tests may unwrap: a panic there is the report.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod api;
mod authentication;
mod calls;
mod certificate_calls;
mod certificates;
mod client_certificates;
mod cloud_calls;
mod cloud_clock;
mod cloud_file;
mod cloud_messages;
pub mod config;
mod configurations;
mod connection;
mod device;
mod device_file;
mod device_session;
pub mod error;
pub mod faults;
pub mod feedback;
pub mod feedback_queue;
mod http;
pub mod id;
mod identities;
mod identity_record;
mod identity_scopes;
mod if_match;
mod jobs;
mod listener;
mod lock_token;
mod methods;
mod modules;
pub mod packets;
mod policies;
pub mod provisioning;
mod query;
mod query_calls;
mod refused;
mod registry;
mod runtime;
mod shared;
mod state_dir;
pub mod telemetry;
pub mod throttle;
mod tls_rules;
mod tracking;
mod twin_requests;
mod twin_writes;
mod upload_calls;
pub mod uploads;

#[cfg(test)]
mod tests;

pub use api::Hub;
pub use azmqtt_local::packets::PacketRecording;
pub use certificate_calls::{DeviceCertificate, SignedBy};
pub use client_certificates::Authentication;
pub use cloud_calls::CloudSend;
pub use config::{DisabledAnswer, HubConfig, Recording};
pub use device::CloseReason;
pub use error::HubError;
pub use feedback::{FeedbackRecord, FeedbackStatus};
pub use id::{Id, Whose};
pub use methods::{MethodResult, PendingCall};
pub use query::QueryPage;
pub use registry::MAX_MODULES;
pub use telemetry::TelemetryMessage;
pub use uploads::{Blob, UploadRecord};
