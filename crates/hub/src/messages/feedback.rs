//! What became of cloud-to-device messages whose sender asked (IoT Hub docs, "Send cloud-to-device messages":
//! message feedback).

use std::collections::VecDeque;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use super::cloud_messages::CloudMessage;
use super::feedback_queue::FeedbackQueue;
pub use super::feedback_record::{FeedbackRecord, FeedbackStatus};
use super::telemetry::Source;
use crate::events::{self, Events};
use crate::unix_time::unix_now;
use azmqtt_dialect::property_bag::system;
use azmqtt_net::sync::{Condvar, Mutex};

/// Records kept; the oldest of more make room.
const MAX_RECORDS: usize = 10_000;

/// The records of a whole hub.
pub(crate) struct Feedback {
    events: Events,
    records: Mutex<VecDeque<FeedbackRecord>>,
    /// The same on its way to services.
    queue: Mutex<FeedbackQueue>,
    added: Condvar,
}

impl Feedback {
    /// No records yet; what becomes of every message is an event.
    pub fn new(events: Events) -> Self {
        Self { events, records: Mutex::default(), queue: Mutex::default(), added: Condvar::new() }
    }

    /// Messages ended this way: records it where their senders asked for it.
    pub fn report(&self, source: &Arc<Source>, messages: &[CloudMessage], status: FeedbackStatus) {
        for message in messages {
            self.events.tell(event_of(status), source.id(), message.as_members());
        }
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

/// What an end of a message is called among events.
fn event_of(status: FeedbackStatus) -> &'static str {
    match status {
        FeedbackStatus::Success => events::C2D_COMPLETED,
        FeedbackStatus::Expired => events::C2D_EXPIRED,
        FeedbackStatus::DeliveryCountExceeded => events::C2D_GIVEN_UP,
        FeedbackStatus::Rejected => events::C2D_REJECTED,
        FeedbackStatus::Purged => events::C2D_PURGED,
    }
}
