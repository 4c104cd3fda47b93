//! Messages, and what becomes of them.
//!
//! | module | subject |
//! |---|---|
//! | [`telemetry`], [`properties`] | the recording of device-to-cloud messages, and of what stands beside their bodies |
//! | `cloud_messages` | a device's queue of cloud-to-device messages |
//! | [`feedback`], [`feedback_queue`], `feedback_record` | what became of messages; in batches for services |
//! | `lock_token` | locks of messages and of feedback as text, for protocols that hand them out |

pub(crate) mod cloud_messages;
mod feed;
pub mod feedback;
pub mod feedback_queue;
mod feedback_record;
mod lock_token;
pub mod properties;
pub mod telemetry;
