//! The one timer of all queues of cloud-to-device messages: locks that expire, messages whose time is over.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::{sleep, timeout_at};

use super::device::Command;
use super::feedback::FeedbackStatus;
use super::shared::Shared;

/// Deadlines that are this close together are met in one go.
const GRAIN: Duration = Duration::from_millis(5);

/// When the next look at the queues is due.
#[derive(Default)]
pub(super) struct CloudClock {
    next: Mutex<Option<Instant>>,
    sooner: Notify,
}

impl CloudClock {
    /// Something is due at `deadline`, if it is there.
    pub fn due(&self, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return };
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.is_none_or(|next| deadline < next) {
            *next = Some(deadline);
            self.sooner.notify_one();
        }
    }

    fn next(&self) -> Option<Instant> {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Looks at the queues whenever something is due, for ever.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        let sooner = shared.cloud_clock.sooner.notified();
        match shared.cloud_clock.next() {
            None => sooner.await,
            Some(next) if next <= Instant::now() => {
                // Taken before the look: what becomes due during it is not overlooked.
                shared.cloud_clock.take();
                sweep(&shared);
                sleep(GRAIN).await;
            }
            // Either way, look again.
            Some(next) => drop(timeout_at(next.into(), sooner).await),
        }
    }
}

fn sweep(shared: &Shared) {
    let now = Instant::now();
    for device in shared.registry.all() {
        let swept = {
            let mut state = device.state();
            let swept = state.cloud_messages.sweep(now);
            if swept.lost_deliveries {
                state.tell(Command::SendCloudMessages { lost_deliveries: true });
            }
            state.revision += u64::from(!swept.expired.is_empty());
            shared.cloud_clock.due(state.cloud_messages.next_deadline());
            swept
        };
        shared.feedback.report(&device.source, &swept.expired, FeedbackStatus::Expired);
    }
}
