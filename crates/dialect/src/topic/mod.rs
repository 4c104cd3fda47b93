//! Every topic of the dialect, both ways (IoT Hub docs, "Use MQTT to communicate with IoT Hub").
//!
//! * [`DeviceTopic`]: what a device publishes and a hub parses.
//! * [`HubTopic`]: what a hub publishes and a device parses.
//! * [`Subscription`]: the filters a device may subscribe to.
//!
//! Ids, method names and request ids are not percent-encoded on topics and are borrowed from the topic; only property
//! bags are decoded. Formatting trusts its parts: ids are checked by [`Identity`], request ids
//! and names are the caller's and must hold no `/`, `?`, `&`, `+` or `#`.

mod device;
mod hub;
mod query;
mod subscription;

use std::fmt;

pub use device::DeviceTopic;
pub use hub::HubTopic;
pub use subscription::Subscription;

use super::identity::Identity;
use super::property_bag::BagError;

/// `devices/{d}/messages/events/` or the module's form: the whole topic of a message without properties, and what a
/// property bag is appended to.
pub fn telemetry_prefix(identity: &Identity) -> String {
    let device_id = &identity.device_id;
    match &identity.module_id {
        None => format!("devices/{device_id}/messages/events/"),
        Some(module_id) => format!("devices/{device_id}/modules/{module_id}/messages/events/"),
    }
}

/// The topic that asks for the twin.
pub fn twin_get_topic(request_id: &str) -> String {
    DeviceTopic::TwinGet { request_id }.to_string()
}

/// The topic of a reported patch.
pub fn reported_patch_topic(request_id: &str, if_version: Option<u64>) -> String {
    DeviceTopic::ReportedPatch { request_id, if_version }.to_string()
}

/// Why a topic cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicError {
    /// None of the dialect's topics.
    Unknown,
    /// There is no `$rid`, or an empty one.
    MissingRequestId,
    /// `$version` is absent where it is needed.
    MissingVersion,
    /// A number is not one or is out of range; says which.
    BadNumber(&'static str),
    /// The property bag cannot be read.
    Properties(BagError),
}

impl fmt::Display for TopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("not a topic of the IoT Hub dialect"),
            Self::MissingRequestId => f.write_str("the topic has no $rid"),
            Self::MissingVersion => f.write_str("the topic has no $version"),
            Self::BadNumber(what) => write!(f, "the topic's {what} is not a number in range"),
            Self::Properties(error) => write!(f, "the topic's properties: {error}"),
        }
    }
}

impl std::error::Error for TopicError {}

#[cfg(test)]
mod tests;
