//! The one timer of all queues of cloud-to-device messages: locks that expire, messages whose time is over.
//!
//! Each device with messages stands in the clock once, under the first of its deadlines; devices without messages cost
//! nothing here, however many there are.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Arc, MutexGuard, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::coop::consume_budget;
use tokio::time::{sleep, timeout_at};

use super::feedback::FeedbackStatus;
use crate::registry::device::{Device, DeviceState};
use crate::shared::Shared;
use azmqtt_net::sync::Mutex;

/// Deadlines that are this close together are met in one go.
const GRAIN: Duration = Duration::from_millis(5);

/// Which queue is to be looked at when.
#[derive(Default)]
pub(crate) struct CloudClock {
    /// The next one first.
    entries: Mutex<BinaryHeap<Entry>>,
    sooner: Notify,
}

/// One look at one device. It counts only if the device still waits for a look at that time.
struct Entry {
    at: Instant,
    device: Weak<Device>,
}

impl CloudClock {
    /// The queue of `device`, whose state is `state`, has changed.
    pub fn due(&self, device: &Arc<Device>, state: &mut DeviceState) {
        let Some(at) = state.cloud_messages.next_deadline() else { return };
        // An earlier look than necessary does no harm: it ends with another call of this.
        if state.next_sweep.is_some_and(|next| next <= at) {
            return;
        }
        state.next_sweep = Some(at);
        let mut entries = self.entries();
        let sooner = entries.peek().is_none_or(|first| at < first.at);
        entries.push(Entry { at, device: Arc::downgrade(device) });
        if sooner {
            self.sooner.notify_one();
        }
    }

    fn next(&self) -> Option<Instant> {
        self.entries().peek().map(|entry| entry.at)
    }

    /// One look that is due by `now`.
    fn take(&self, now: Instant) -> Option<Entry> {
        let mut entries = self.entries();
        if entries.peek()?.at <= now { entries.pop() } else { None }
    }

    fn entries(&self) -> MutexGuard<'_, BinaryHeap<Entry>> {
        self.entries.lock()
    }
}

/// Looks at the queues whenever something is due, for ever.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        let sooner = shared.cloud_clock.sooner.notified();
        match shared.cloud_clock.next() {
            None => sooner.await,
            Some(next) if next <= Instant::now() => {
                let now = Instant::now();
                while let Some(entry) = shared.cloud_clock.take(now) {
                    if let Some(device) = entry.device.upgrade() {
                        sweep(&shared, &device, entry.at, now);
                    }
                    consume_budget().await;
                }
                sleep(GRAIN).await;
            }
            // Either way, look again.
            Some(next) => drop(timeout_at(next.into(), sooner).await),
        }
    }
}

fn sweep(shared: &Shared, device: &Arc<Device>, at: Instant, now: Instant) {
    {
        let mut state = device.state();
        if state.next_sweep != Some(at) {
            return; // an earlier look has taken its place
        }
        state.next_sweep = None;
    }
    let swept = shared.change_queue(device, |queue| queue.sweep(now));
    shared.feedback.report(&device.source, &swept.expired, FeedbackStatus::Expired);
}

/// By time alone, and the next one is the greatest, as [`BinaryHeap`] has it.
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Entry {}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::messages::cloud_messages::CloudMessage;
    use crate::random;
    use crate::registry::device::{Credentials, Kept};
    use azmqtt_dialect::{PropertyBag, Twin};

    const LOCK: Duration = Duration::from_secs(60);

    fn device(id: &str) -> Arc<Device> {
        let keys = random::keys().unwrap();
        let kept = Kept::new(id, "1", Credentials::from(keys), true, Twin::of_module());
        Arc::new(Device::new(id, "1", kept))
    }

    fn message(expires: Instant) -> CloudMessage {
        let (body, bag) = (Bytes::new(), PropertyBag::new());
        CloudMessage { body, bag, enqueued: 0, expires, expires_unix: 0, deliveries: 0, input: None }
    }

    #[test]
    fn a_device_stands_in_the_clock_under_its_first_deadline() {
        let (clock, now) = (CloudClock::default(), Instant::now());
        let [late, soon] = [("late", 9000), ("soon", 7000)].map(|(id, seconds)| {
            let device = device(id);
            let expires = now + Duration::from_secs(seconds);
            device.state().queue_of_test().push(message(expires)).unwrap();
            clock.due(&device, &mut device.state());
            clock.due(&device, &mut device.state());
            device
        });
        assert_eq!(clock.entries().len(), 2);
        assert_eq!(clock.next(), Some(now + Duration::from_secs(7000)));
        // A lock is earlier than the end of the message's life.
        {
            let mut state = late.state();
            state.queue_of_test().next_to_send(now, LOCK).unwrap();
            clock.due(&late, &mut state);
            assert_eq!(clock.next(), Some(now + LOCK));
            assert_eq!(state.next_sweep, clock.next());
        }
        drop(late);
        assert!(clock.take(now).is_none());
        let first = clock.take(now + LOCK).unwrap();
        assert!(first.device.upgrade().is_none(), "the clock keeps no removed device");
        assert_eq!(clock.next(), soon.state().next_sweep);
    }
}
