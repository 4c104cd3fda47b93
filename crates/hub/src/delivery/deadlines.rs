//! What the clock of the queues comes to: messages whose time is over end, those whose lock expired wait again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::coop::consume_budget;
use tokio::time::{sleep, timeout_at};

use crate::messages::feedback::{Feedback, FeedbackStatus};
use crate::registry::Registry;
use crate::registry::device::Device;

/// Deadlines that are this close together are met in one go.
const GRAIN: Duration = Duration::from_millis(5);

/// Looks at the queues whenever something is due, for ever.
pub async fn run(registry: &Registry, feedback: &Feedback) {
    loop {
        let sooner = registry.clock.sooner();
        match registry.clock.next() {
            None => sooner.await,
            Some(next) if next <= Instant::now() => {
                let now = Instant::now();
                while let Some(entry) = registry.clock.take(now) {
                    if let Some(device) = entry.device.upgrade() {
                        sweep(registry, feedback, &device, entry.at, now);
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

fn sweep(registry: &Registry, feedback: &Feedback, device: &Arc<Device>, at: Instant, now: Instant) {
    {
        let mut state = device.state();
        if state.next_sweep != Some(at) {
            return; // an earlier look has taken its place
        }
        state.next_sweep = None;
    }
    let swept = registry.change_queue(device, |queue| queue.sweep(now));
    feedback.report(&device.source, &swept.expired, FeedbackStatus::Expired);
}
