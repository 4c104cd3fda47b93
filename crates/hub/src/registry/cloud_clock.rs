//! The one timer of all queues of cloud-to-device messages: locks that expire, messages whose time is over.
//!
//! Each device with messages stands in the clock once, under the first of its deadlines; devices without messages cost
//! nothing here, however many there are.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Arc, MutexGuard, Weak};
use std::time::Instant;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::device::{Device, DeviceState};
use azmqtt_net::sync::Mutex;

/// Which queue is to be looked at when.
#[derive(Default)]
pub struct CloudClock {
    /// The next one first.
    entries: Mutex<BinaryHeap<Entry>>,
    sooner: Notify,
}

/// One look at one device. It counts only if the device still waits for a look at that time.
pub struct Entry {
    pub at: Instant,
    pub device: Weak<Device>,
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

    /// When the next look is due.
    pub fn next(&self) -> Option<Instant> {
        self.entries().peek().map(|entry| entry.at)
    }

    /// One look that is due by `now`.
    pub fn take(&self, now: Instant) -> Option<Entry> {
        let mut entries = self.entries();
        if entries.peek()?.at <= now { entries.pop() } else { None }
    }

    /// Resolves when a look is due sooner than all others before.
    pub fn sooner(&self) -> Notified<'_> {
        self.sooner.notified()
    }

    fn entries(&self) -> MutexGuard<'_, BinaryHeap<Entry>> {
        self.entries.lock()
    }
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
    use std::time::Duration;

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
        CloudMessage {
            body,
            bag,
            enqueued: 0,
            expires,
            expires_unix: 0,
            deliveries: 0,
            input: None,
            sequence: 0,
        }
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
