//! Acknowledgements: after the application is done with a message, in the order of delivery, in batches.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A batch goes out when it has this many, or
const MAX_BATCH: usize = 32;
/// when its first has waited this long.
const MAX_DELAY: Duration = Duration::from_millis(5);

/// An item's place in the order of acknowledgements.
pub type Place = u64;

/// Messages that were handed over and are not acknowledged yet.
#[derive(Debug)]
pub(super) struct Acknowledgements<D> {
    /// In the order of delivery, which acknowledgements must keep (MQTT 3.1.1 §4.6); `true` once the
    /// application is done with it. Several receivers may finish in any order.
    handed_over: VecDeque<(D, bool)>,
    /// The place of the first of them.
    first: Place,
    ready: Vec<D>,
    since: Option<Instant>,
}

impl<D> Default for Acknowledgements<D> {
    fn default() -> Self {
        Self { handed_over: VecDeque::new(), first: 0, ready: Vec::new(), since: None }
    }
}

impl<D: Copy> Acknowledgements<D> {
    /// A message goes to the application.
    pub(super) fn hand_over(&mut self, delivery: D) -> Place {
        self.handed_over.push_back((delivery, false));
        self.first + self.handed_over.len() as Place - 1
    }

    /// The application is done with it. Yields what is to be acknowledged now; perhaps nothing.
    pub(super) fn done(&mut self, place: Place) -> Vec<D> {
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
            return Vec::new();
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        if self.ready.len() >= MAX_BATCH || since.elapsed() >= MAX_DELAY { self.flush() } else { Vec::new() }
    }

    /// Takes what is to be acknowledged, without waiting for more.
    pub(super) fn flush(&mut self) -> Vec<D> {
        self.since = None;
        std::mem::take(&mut self.ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_delivery_is_kept_whatever_is_done_first() {
        let mut acknowledgements = Acknowledgements::default();
        let places: Vec<_> = (1..=3).map(|id| acknowledgements.hand_over(id)).collect();
        let mut acknowledged = Vec::new();
        for place in [2, 0, 1].map(|index| places[index]) {
            acknowledged.extend(acknowledgements.done(place));
        }
        acknowledged.extend(acknowledgements.flush());
        assert_eq!(acknowledged, [1, 2, 3]);
    }

    #[test]
    fn what_is_behind_an_open_one_waits() {
        let mut acknowledgements = Acknowledgements::default();
        let first = acknowledgements.hand_over(1);
        let second = acknowledgements.hand_over(2);
        assert!(acknowledgements.done(second).is_empty());
        assert!(acknowledgements.flush().is_empty());
        acknowledgements.done(first);
        assert_eq!(acknowledgements.flush(), [1, 2]);
    }

    #[test]
    fn a_full_batch_goes_out_by_itself() {
        let mut acknowledgements = Acknowledgements::default();
        let mut acknowledged = Vec::new();
        for id in 1..=MAX_BATCH as u16 {
            let place = acknowledgements.hand_over(id);
            acknowledged.extend(acknowledgements.done(place));
        }
        acknowledged.extend(acknowledgements.flush());
        assert_eq!(acknowledged, (1..=MAX_BATCH as u16).collect::<Vec<_>>());
    }

    #[test]
    fn a_place_counts_once() {
        let mut acknowledgements = Acknowledgements::default();
        let place = acknowledgements.hand_over(1);
        acknowledgements.done(place);
        acknowledgements.done(place);
        acknowledgements.done(place + 7);
        assert_eq!(acknowledgements.flush(), [1]);
    }
}
