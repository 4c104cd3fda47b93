//! What the hub sent and the application has not taken yet.

use std::time::Instant;

pub use azmqtt_client::Inbox;
use azmqtt_dialect::property_bag::BagError;
use azmqtt_dialect::{MessageProperties, PropertyBag};

/// A cloud-to-device message, or one to an input of a module, as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudMessage {
    /// The module's input; `None` for a cloud-to-device message.
    pub input: Option<String>,
    /// The property bag, as in the topic.
    pub bag: String,
    /// The body.
    pub payload: bytes::Bytes,
    /// When it was read from the socket.
    pub received: Instant,
    /// What to acknowledge once it is handed over; QoS 0 needs nothing.
    pub delivery: Option<Delivery>,
}

impl CloudMessage {
    /// The properties of the system's and of the application's, read from the bag.
    ///
    /// # Errors
    /// What is wrong with the bag.
    pub fn properties(&self) -> Result<MessageProperties, BagError> {
        PropertyBag::parse(&self.bag).map(MessageProperties::from_bag)
    }

    /// In bytes, as it waits.
    pub(super) fn size(&self) -> usize {
        self.input.as_ref().map_or(0, String::len) + self.bag.len() + self.payload.len()
    }
}

/// One delivery of a QoS 1 message: it can be acknowledged on its own connection only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    pub(super) connection: u64,
    pub(super) packet_id: u16,
}
