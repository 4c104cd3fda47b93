//! Acknowledgements: after the application is done with a message, in the order of delivery, in batches.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::stream::Place;
use azmqtt_device::{Delivery, Device};

/// A batch goes out when it has this many, or
const MAX_BATCH: usize = 32;
/// when its first has waited this long.
const MAX_DELAY: Duration = Duration::from_millis(5);

/// Messages that were handed over and are not acknowledged yet.
#[derive(Default)]
pub(super) struct Acknowledgements {
    /// In the order of delivery, which acknowledgements must keep (MQTT 3.1.1 §4.6); `true` once the
    /// application is done with it. Several iterators may finish in any order.
    handed_over: VecDeque<(Delivery, bool)>,
    /// The place of the first of them.
    first: Place,
    ready: Vec<Delivery>,
    since: Option<Instant>,
}

impl Acknowledgements {
    /// A message goes to the application.
    pub(super) fn hand_over(&mut self, delivery: Delivery) -> Place {
        self.handed_over.push_back((delivery, false));
        self.first + self.handed_over.len() as Place - 1
    }

    /// The application is done with it.
    pub(super) fn done(&mut self, device: &Device, place: Place) {
        let index = place.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        if let Some((_, done)) = index.and_then(|index| self.handed_over.get_mut(index)) {
            *done = true;
        }
        while let Some((delivery, true)) = self.handed_over.front() {
            self.ready.push(*delivery);
            self.handed_over.pop_front();
            self.first += 1;
        }
        if self.ready.is_empty() {
            return;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        if self.ready.len() >= MAX_BATCH || since.elapsed() >= MAX_DELAY {
            self.flush(device);
        }
    }

    /// Acknowledges what is ready.
    pub(super) fn flush(&mut self, device: &Device) {
        self.since = None;
        if !self.ready.is_empty() {
            device.acknowledge(std::mem::take(&mut self.ready));
        }
    }
}
