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
mod error;
mod hub;
mod query;
mod subscription;

pub use device::DeviceTopic;
pub use error::TopicError;
pub use hub::HubTopic;
pub use subscription::Subscription;

use super::identity::Identity;

/// `devices/{d}/messages/events/` or the module's form: the whole topic of a message without properties, and what a
/// property bag is appended to.
pub fn telemetry_prefix(identity: &Identity) -> String {
    let device_id = &identity.device_id;
    match &identity.module_id {
        None => format!("devices/{device_id}/messages/events/"),
        Some(module_id) => format!("devices/{device_id}/modules/{module_id}/messages/events/"),
    }
}

#[cfg(test)]
mod tests;
