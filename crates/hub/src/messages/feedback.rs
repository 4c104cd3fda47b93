//! What became of cloud-to-device messages whose sender asked (IoT Hub docs, "Send cloud-to-device messages":
//! message feedback).

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use super::cloud_messages::CloudMessage;
use super::feedback_queue::FeedbackQueue;
use super::telemetry::{Source, unix_now};
use azmqtt_dialect::property_bag::system;
use azmqtt_net::sync::{Condvar, Mutex};

/// Records kept; the oldest of more make room.
const MAX_RECORDS: usize = 10_000;

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
    fn is_wanted(self, ack: &str) -> bool {
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

/// The records of a whole hub.
#[derive(Default)]
pub(crate) struct Feedback {
    records: Mutex<VecDeque<FeedbackRecord>>,
    /// The same on its way to services.
    queue: Mutex<FeedbackQueue>,
    added: Condvar,
}

impl Feedback {
    /// Messages ended this way: records it where their senders asked for it.
    pub fn report(&self, source: &Arc<Source>, messages: &[CloudMessage], status: FeedbackStatus) {
        let text =
            |message: &CloudMessage, name| message.bag.get(name).flatten().unwrap_or_default().to_owned();
        let wanted = |message: &&CloudMessage| status.is_wanted(&text(message, system::ACK));
        let mut wanted = messages.iter().filter(wanted).peekable();
        if wanted.peek().is_none() {
            return;
        }
        let mut records = self.records.lock();
        for message in wanted {
            if records.len() >= MAX_RECORDS {
                records.pop_front();
            }
            let message_id = text(message, system::MESSAGE_ID);
            let record = FeedbackRecord { message_id, time: unix_now(), status, source: source.clone() };
            self.queue().push(record.clone(), Instant::now());
            records.push_back(record);
        }
        self.added.notify_all();
    }

    /// What services have not completed. The lock is for moments, and taken after the one of the records.
    pub fn queue(&self) -> MutexGuard<'_, FeedbackQueue> {
        self.queue.lock()
    }

    /// The records of a device, or of all, oldest first.
    pub fn records(&self, device_id: Option<&str>) -> Vec<FeedbackRecord> {
        let records = self.records.lock();
        let wanted = |record: &&FeedbackRecord| device_id.is_none_or(|id| id == record.source.device_id);
        records.iter().filter(wanted).cloned().collect()
    }

    /// Blocks until there are `count` of [`Self::records`], or until the time is up; whether there are.
    pub fn wait(&self, device_id: Option<&str>, count: usize, timeout: Duration) -> bool {
        let deadline = Instant::now().checked_add(timeout);
        let enough = |records: &VecDeque<FeedbackRecord>| {
            records.iter().filter(|record| device_id.is_none_or(|id| id == record.source.device_id)).count()
                >= count
        };
        let mut records = self.records.lock();
        while !enough(&records) {
            let left = deadline.map_or(timeout, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            records = self.added.wait_timeout(records, left);
        }
        true
    }
}
