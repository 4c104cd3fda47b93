//! Feedback on its way to services, in batches that are locked while one of them has them (IoT Hub docs, "Send
//! cloud-to-device messages": message feedback). No clock is read here: `now` is passed in.

use std::collections::VecDeque;
use std::time::Instant;

use super::feedback_record::FeedbackRecord;
use super::lock_token;
pub use crate::config::FeedbackDelivery;

/// How many records one batch has at most.
pub const BATCH: usize = 64;

/// Records and batches that are kept; the oldest of more make room.
const MAX_RECORDS: usize = 10_000;
const MAX_BATCHES: usize = 1_000;

/// The lock of one delivery of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLock {
    batch: u64,
    delivery: u64,
}

impl BatchLock {
    /// As text; `run` is of the hub's present run.
    pub fn to_token(self, run: u64) -> String {
        lock_token::write(run, [self.batch, self.delivery])
    }

    /// Reads [`Self::to_token`] back; `None` for anything else, and for tokens of earlier runs.
    pub fn parse(token: &str, run: u64) -> Option<Self> {
        let [batch, delivery] = lock_token::read(token, run)?;
        Some(Self { batch, delivery })
    }
}

/// A batch in the hands of a service.
#[derive(Debug)]
pub struct Received {
    /// What completes it, or gives it back.
    pub lock: BatchLock,
    /// At most 64, oldest first.
    pub records: Vec<FeedbackRecord>,
    /// How often it was given back before.
    pub deliveries: u32,
}

/// Records that wait to be a batch, and batches that nobody has completed.
#[derive(Debug, Default)]
pub struct FeedbackQueue {
    waiting: VecDeque<(Instant, FeedbackRecord)>,
    /// In the order of their numbers.
    batches: VecDeque<Batch>,
    numbers: u64,
}

#[derive(Debug)]
struct Batch {
    number: u64,
    records: Vec<FeedbackRecord>,
    expires: Instant,
    deliveries: u32,
    /// Which delivery has it, and until when.
    locked: Option<(u64, Instant)>,
}

impl FeedbackQueue {
    /// Adds a record.
    pub fn push(&mut self, record: FeedbackRecord, now: Instant) {
        if self.waiting.len() >= MAX_RECORDS {
            self.waiting.pop_front();
        }
        self.waiting.push_back((now, record));
    }

    /// The next batch that nobody has, locked.
    pub fn receive(&mut self, now: Instant, how: &FeedbackDelivery) -> Option<Received> {
        self.batches.retain(|batch| batch.expires > now);
        let free = |batch: &Batch| batch.locked.is_none_or(|(_, until)| until <= now);
        let at = match self.batches.iter().position(free) {
            Some(at) => at,
            None => self.gather(now, how)?,
        };
        self.numbers += 1;
        let batch = self.batches.get_mut(at)?;
        batch.locked = Some((self.numbers, now + how.lock));
        let lock = BatchLock { batch: batch.number, delivery: self.numbers };
        Some(Received { lock, records: batch.records.clone(), deliveries: batch.deliveries })
    }

    /// Makes a batch of the oldest records, if they are many or have waited long enough.
    fn gather(&mut self, now: Instant, how: &FeedbackDelivery) -> Option<usize> {
        let (oldest, _) = self.waiting.front()?;
        if self.waiting.len() < BATCH && now.saturating_duration_since(*oldest) < how.interval {
            return None;
        }
        let count = self.waiting.len().min(BATCH);
        let records = self.waiting.drain(..count).map(|(_, record)| record).collect();
        if self.batches.len() >= MAX_BATCHES {
            self.batches.pop_front();
        }
        self.numbers += 1;
        let (number, expires) = (self.numbers, now + how.ttl);
        self.batches.push_back(Batch { number, records, expires, deliveries: 0, locked: None });
        Some(self.batches.len() - 1)
    }

    /// The service has dealt with the batch. False if it has lost its lock.
    pub fn complete(&mut self, lock: BatchLock, now: Instant) -> bool {
        let found = self.locked(lock, now);
        found.is_some_and(|at| self.batches.remove(at).is_some())
    }

    /// The service gives the batch back. False if it has lost its lock.
    pub fn abandon(&mut self, lock: BatchLock, now: Instant, how: &FeedbackDelivery) -> bool {
        let Some(at) = self.locked(lock, now) else { return false };
        if let Some(batch) = self.batches.get_mut(at) {
            batch.locked = None;
            batch.deliveries += 1;
            if batch.deliveries >= how.max_deliveries {
                self.batches.remove(at);
            }
        }
        true
    }

    fn locked(&self, lock: BatchLock, now: Instant) -> Option<usize> {
        let held = |batch: &Batch| {
            let (delivery, until) = batch.locked?;
            Some(
                batch.number == lock.batch && delivery == lock.delivery && until > now && batch.expires > now,
            )
        };
        self.batches.iter().position(|batch| held(batch).unwrap_or(false))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::messages::feedback::FeedbackStatus;
    use crate::messages::telemetry::Source;

    fn record(number: usize) -> FeedbackRecord {
        let source = Arc::new(Source::new("d", "1"));
        FeedbackRecord { message_id: number.to_string(), time: 0, status: FeedbackStatus::Success, source }
    }

    fn ids(received: &Received) -> Vec<&str> {
        received.records.iter().map(|record| record.message_id.as_str()).collect()
    }

    #[test]
    fn records_wait_for_others_or_for_the_time() {
        let (mut queue, now, how) = (FeedbackQueue::default(), Instant::now(), FeedbackDelivery::default());
        queue.push(record(0), now);
        assert!(queue.receive(now + Duration::from_secs(14), &how).is_none());
        assert_eq!(ids(&queue.receive(now + how.interval, &how).unwrap()), ["0"]);
        for number in 0..=BATCH {
            queue.push(record(number), now);
        }
        assert_eq!(queue.receive(now, &how).unwrap().records.len(), BATCH);
        assert!(queue.receive(now, &how).is_none(), "one is left, and not old enough");
    }

    #[test]
    fn a_lock_ends_by_use_or_by_time() {
        let (mut queue, now, how) = (FeedbackQueue::default(), Instant::now(), FeedbackDelivery::default());
        queue.push(record(0), now);
        let now = now + how.interval;
        let first = queue.receive(now, &how).unwrap();
        assert!(queue.receive(now + how.lock / 2, &how).is_none());
        let now = now + how.lock;
        assert!(!queue.complete(first.lock, now), "too late");
        let second = queue.receive(now, &how).unwrap();
        assert_eq!(second.deliveries, 0);
        assert!(!queue.complete(first.lock, now), "another delivery");
        assert!(queue.abandon(second.lock, now, &how) && !queue.abandon(second.lock, now, &how));
        let third = queue.receive(now, &how).unwrap();
        assert_eq!(third.deliveries, 1);
        assert!(queue.complete(third.lock, now) && !queue.complete(third.lock, now));
        assert!(queue.receive(now + how.ttl, &how).is_none());
    }

    #[test]
    fn a_batch_ends_by_its_time_and_by_being_given_back_too_often() {
        let how = FeedbackDelivery { max_deliveries: 2, ..FeedbackDelivery::default() };
        let (mut queue, start) = (FeedbackQueue::default(), Instant::now());
        queue.push(record(0), start);
        let now = start + how.interval;
        for _ in 0..2 {
            let batch = queue.receive(now, &how).unwrap();
            assert!(queue.abandon(batch.lock, now, &how));
        }
        assert!(queue.receive(now, &how).is_none());
        queue.push(record(1), now);
        let now = now + how.interval;
        let batch = queue.receive(now, &how).unwrap();
        assert!(!queue.complete(batch.lock, now + how.ttl));
        assert!(queue.receive(now + how.ttl, &how).is_none());
    }

    #[test]
    fn tokens_are_of_one_run() {
        let lock = BatchLock { batch: 3, delivery: 10 };
        assert_eq!(BatchLock::parse(&lock.to_token(5), 5), Some(lock));
        assert_eq!(BatchLock::parse(&lock.to_token(5), 6), None);
        assert_eq!(BatchLock::parse("5-1-1-1", 5), None);
    }
}
