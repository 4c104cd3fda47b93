//! What became of one cloud-to-device message.

use std::fmt;
use std::sync::Arc;

use super::telemetry::Source;

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedbackStatus {
    /// The device acknowledged it.
    Success,
    /// Its time to live was over first.
    Expired,
    /// As many connections as a hub allows ended on it, or it was given back so often.
    DeliveryCountExceeded,
    /// The device did not want it.
    Rejected,
    /// The queue was emptied.
    Purged,
}

impl FeedbackStatus {
    /// Whether a sender who asked by `iothub-ack` wants to hear of it.
    pub(super) fn is_wanted(self, ack: &str) -> bool {
        match ack {
            "full" => true,
            "positive" => self == Self::Success,
            "negative" => self != Self::Success,
            _ => false,
        }
    }

    /// The service's sentence for it.
    pub fn description(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Expired => "Message expired",
            Self::DeliveryCountExceeded => "Delivery count exceeded",
            Self::Rejected => "Message rejected",
            Self::Purged => "Message purged",
        }
    }
}

/// `statusCode`, as the service writes it.
impl fmt::Display for FeedbackStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Success => "Success",
            Self::Expired => "Expired",
            Self::DeliveryCountExceeded => "DeliveryCountExceeded",
            Self::Rejected => "Rejected",
            Self::Purged => "Purged",
        })
    }
}

/// One record of feedback. Services get them in batches of 64, or after 15 seconds; the hub's own calls have each at once.
#[derive(Clone, Debug)]
pub struct FeedbackRecord {
    /// `originalMessageId`
    pub message_id: String,
    /// `enqueuedTimeUtc`: when the message ended, in Unix seconds.
    pub time: u64,
    /// `statusCode`
    pub status: FeedbackStatus,
    /// `deviceId` and `deviceGenerationId`
    pub source: Arc<Source>,
}
