//! What was published: recorded in a ring for tests to look at, and waited for.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use azmqtt_mqtt::Publish;

use crate::principal::Principal;
use crate::topic::{InvalidTopic, Levels, matches};
use azmqtt_local::watch::Readers;
use azmqtt_net::sync::{Condvar, Mutex};

/// The memory of a message besides its topic, payload and properties, roughly: for the ring's bound.
const OVERHEAD: usize = 256;

/// Whether messages are kept that the broker has accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// None.
    Off,
    /// The newest, up to both bounds; the oldest make room.
    Keep {
        /// At most this many messages.
        messages: usize,
        /// At most this many bytes of topics, payloads, properties and book-keeping.
        bytes: usize,
    },
}

impl Recording {
    /// This many of the newest messages, at most 64 MiB.
    pub const fn newest(messages: usize) -> Self {
        if messages == 0 { Self::Off } else { Self::Keep { messages, bytes: 64 << 20 } }
    }
}

/// A message that the broker has accepted, whether anybody got it or not.
#[derive(Debug, Clone)]
pub struct PublishedMessage {
    /// Counts the messages of the namespace, from 1.
    pub sequence: u64,
    /// As the client sent it, without packet identifier.
    pub publish: Publish,
    /// Who published it; `None` if no client did.
    pub publisher: Option<Publisher>,
    /// When.
    pub time: SystemTime,
}

/// Who published a message.
#[derive(Debug, Clone)]
pub struct Publisher {
    /// The client.
    pub principal: Arc<Principal>,
    /// The name of its session; `None` for the will of a session that is over.
    pub client_id: Option<Arc<str>>,
}

/// The newest messages.
pub struct MessageLog {
    max_messages: usize,
    max_bytes: usize,
    ring: Mutex<Ring>,
    grown: Condvar,
    /// The same for tasks.
    readers: Readers,
}

#[derive(Default)]
struct Ring {
    messages: VecDeque<(usize, Arc<PublishedMessage>)>,
    bytes: usize,
    total: u64,
    waiters: usize,
}

impl fmt::Debug for MessageLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageLog").finish_non_exhaustive()
    }
}

impl MessageLog {
    /// `None` if nothing is to be recorded.
    pub fn new(recording: Recording) -> Option<Arc<Self>> {
        match recording {
            Recording::Off => None,
            Recording::Keep { messages, bytes } => Some(Arc::new(Self {
                max_messages: messages,
                max_bytes: bytes,
                ring: Mutex::default(),
                grown: Condvar::new(),
                readers: Readers::default(),
            })),
        }
    }

    /// Takes a message, which is in memory of its own.
    pub(crate) fn record(&self, publish: Publish, publisher: Option<Publisher>) {
        let weight = OVERHEAD + publish.topic.len() + publish.payload.len() + publish.properties.len();
        let publish = Publish { dup: false, packet_id: 0, ..publish };
        let mut ring = self.ring.lock();
        ring.total += 1;
        let message = PublishedMessage { sequence: ring.total, publish, publisher, time: SystemTime::now() };
        ring.bytes += weight;
        ring.messages.push_back((weight, Arc::new(message)));
        while ring.messages.len() > self.max_messages || ring.bytes > self.max_bytes {
            let Some((weight, _)) = ring.messages.pop_front() else { break };
            ring.bytes -= weight;
        }
        if ring.waiters > 0 {
            self.grown.notify_all();
        }
        drop(ring);
        self.readers.wake();
    }

    /// Woken by every message.
    pub(crate) fn readers(&self) -> &Readers {
        &self.readers
    }

    /// The messages after a number, at most so many; and how many are gone before the first of them.
    pub(crate) fn page(&self, after: u64, most: usize) -> (u64, Vec<Arc<PublishedMessage>>) {
        let ring = self.ring.lock();
        let kept_from = ring.total - ring.messages.len() as u64 + 1;
        let first = kept_from.max(after.saturating_add(1));
        let skipped = usize::try_from(first - kept_from).unwrap_or(usize::MAX);
        let messages = ring.messages.iter().skip(skipped).take(most);
        (first - after.saturating_add(1), messages.map(|(_, message)| message.clone()).collect())
    }

    /// The kept messages on topics that a filter stands for, or on all, with a higher sequence number than `after`, oldest first.
    ///
    /// # Errors
    /// The filter breaks a rule of MQTT or is over the limits.
    pub fn messages(
        &self,
        filter: Option<&str>,
        after: u64,
    ) -> Result<Vec<Arc<PublishedMessage>>, InvalidTopic> {
        let filter = filter.map(Levels::of_filter).transpose()?;
        let is_meant = |message: &PublishedMessage| {
            let topic = Levels::of(&message.publish.topic);
            filter.is_none_or(|filter| topic.is_ok_and(|topic| matches(filter.as_slice(), topic.as_slice())))
        };
        let ring = self.ring.lock();
        let start = ring.messages.partition_point(|(_, message)| message.sequence <= after);
        let messages = ring.messages.range(start..).map(|(_, message)| message);
        Ok(messages.filter(|message| is_meant(message)).cloned().collect())
    }

    /// How many were published in all, those that made room included.
    pub fn total(&self) -> u64 {
        self.ring.lock().total
    }

    /// Blocks until more than `after` were published in all; false when the time ran out.
    pub fn wait(&self, after: u64, timeout: Duration) -> bool {
        // A timeout beyond the clock's range is none.
        let deadline = Instant::now().checked_add(timeout);
        let mut ring = self.ring.lock();
        while ring.total <= after {
            let left =
                deadline.map_or(timeout, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            ring.waiters += 1;
            ring = self.grown.wait_timeout(ring, left);
            ring.waiters -= 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use azmqtt_mqtt::QoS;

    use super::*;

    fn log(messages: usize, bytes: usize) -> Arc<MessageLog> {
        MessageLog::new(Recording::Keep { messages, bytes }).unwrap()
    }

    fn publish(log: &MessageLog, topic: &str) {
        log.record(Publish::new(topic, QoS::AtMostOnce, "1234"), None);
    }

    fn numbers(log: &MessageLog, filter: Option<&str>, after: u64) -> Vec<u64> {
        log.messages(filter, after).unwrap().iter().map(|message| message.sequence).collect()
    }

    #[test]
    fn the_oldest_make_room() {
        for log in [log(2, usize::MAX), log(100, 2 * (OVERHEAD + 5))] {
            for topic in ["a", "b", "c"] {
                publish(&log, topic);
            }
            assert_eq!((numbers(&log, None, 0), log.total()), (vec![2, 3], 3));
        }
        assert!(MessageLog::new(Recording::Off).is_none());
    }

    #[test]
    fn messages_are_found_by_a_filter() {
        let log = log(100, usize::MAX);
        for topic in ["a/b", "a/c", "b/b", "a/b"] {
            publish(&log, topic);
        }
        assert_eq!(numbers(&log, Some("a/+"), 0), [1, 2, 4]);
        assert_eq!(numbers(&log, Some("a/b"), 1), [4]);
        assert!(log.messages(Some("a/#/b"), 0).is_err());
    }

    #[test]
    fn a_wait_ends_by_a_message_or_by_the_time() {
        let log = log(100, usize::MAX);
        assert!(!log.wait(0, Duration::from_millis(5)));
        let waiting = std::thread::spawn({
            let log = log.clone();
            move || log.wait(1, Duration::from_secs(10))
        });
        for topic in ["a", "b"] {
            publish(&log, topic);
        }
        assert!(waiting.join().unwrap());
        assert!(log.wait(1, Duration::ZERO));
    }
}
