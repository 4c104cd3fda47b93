//! Messages, and what becomes of them.
//!
//! | module | subject |
//! |---|---|
//! | [`telemetry`], [`properties`] | the recording of device-to-cloud messages, and of what stands beside their bodies |
//! | `cloud_messages`, `sending` | a device's queue of cloud-to-device messages, and how a message gets there |
//! | `cloud_clock` | locks and lives that end |
//! | [`feedback`], [`feedback_queue`] | what became of messages; in batches for services |
//! | `lock_token` | locks of messages and of feedback as text, for protocols that hand them out |

pub(crate) mod cloud_clock;
pub(crate) mod cloud_messages;
pub mod feedback;
pub mod feedback_queue;
mod lock_token;
pub mod properties;
pub(crate) mod sending;
pub mod telemetry;

pub use sending::CloudSend;
