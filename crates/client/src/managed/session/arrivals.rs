//! Messages at QoS 1 and 2 that came in and are not acknowledged: in which order that is done.

use std::collections::VecDeque;

/// Acknowledgements leave in the order of arrival [MQTT-4.6.0-2], each once every receiver of the message is done with it.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    open: VecDeque<Arrival>,
    /// The place of the first of them. Places are never given twice.
    first: u64,
    bytes: usize,
    /// How many of them can still be acknowledged.
    owed: usize,
}

#[derive(Debug)]
struct Arrival {
    /// 0 if there is nothing to acknowledge any more: the connection is gone.
    packet_id: u16,
    /// The packet identifier is the session's, and not the connection's.
    outlives: bool,
    /// How many receivers are not done with it.
    receivers: usize,
    size: usize,
}

impl Arrivals {
    /// A message came in for that many receivers. Its place in the order. At QoS 2 it `outlives` the connection.
    pub(super) fn arrived(&mut self, packet_id: u16, outlives: bool, receivers: usize, size: usize) -> u64 {
        self.open.push_back(Arrival { packet_id, outlives, receivers, size });
        self.bytes += size;
        self.owed += 1;
        self.first + self.open.len() as u64 - 1
    }

    /// A receiver is done with the message at this place.
    pub(super) fn done(&mut self, place: u64) {
        let index = place.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        if let Some(arrival) = index.and_then(|index| self.open.get_mut(index)) {
            arrival.receivers = arrival.receivers.saturating_sub(1);
        }
    }

    /// The next packet identifier to acknowledge.
    pub(super) fn next(&mut self) -> Option<u16> {
        while let Some(Arrival { receivers: 0, .. }) = self.open.front() {
            let Some(arrival) = self.open.pop_front() else { break };
            self.first += 1;
            self.bytes -= arrival.size;
            if arrival.packet_id != 0 {
                self.owed -= 1;
                return Some(arrival.packet_id);
            }
        }
        None
    }

    /// The connection is over: QoS 1 messages cannot be acknowledged any more. With the session, none can.
    pub(super) fn disconnected(&mut self, session_lost: bool) {
        for arrival in &mut self.open {
            if arrival.packet_id != 0 && (session_lost || !arrival.outlives) {
                // Nor does anything behind it wait for it.
                (arrival.packet_id, arrival.receivers) = (0, 0);
                self.owed -= 1;
            }
        }
    }

    /// Messages whose acknowledgement the broker waits for.
    pub(super) fn owed(&self) -> usize {
        self.owed
    }

    /// The size in bytes of all that receivers are not done with, and of what waits behind.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(arrivals: &mut Arrivals) -> Vec<u16> {
        std::iter::from_fn(|| arrivals.next()).collect()
    }

    #[test]
    fn the_order_of_arrival_is_kept_whatever_is_done_first() {
        let mut arrivals = Arrivals::default();
        let places: Vec<_> = (1..=3).map(|id| arrivals.arrived(id, false, 1, 10)).collect();
        arrivals.done(places[2]);
        assert!(all(&mut arrivals).is_empty());
        arrivals.done(places[0]);
        assert_eq!(all(&mut arrivals), [1]);
        arrivals.done(places[1]);
        assert_eq!(all(&mut arrivals), [2, 3]);
        assert_eq!((arrivals.owed(), arrivals.bytes()), (0, 0));
    }

    #[test]
    fn every_receiver_has_to_be_done() {
        let mut arrivals = Arrivals::default();
        let both = arrivals.arrived(1, false, 2, 0);
        arrivals.arrived(2, false, 0, 0);
        arrivals.done(both);
        assert!(all(&mut arrivals).is_empty());
        arrivals.done(both);
        assert_eq!(all(&mut arrivals), [1, 2]);
    }

    #[test]
    fn what_a_lost_connection_leaves_is_of_qos_2() {
        let mut arrivals = Arrivals::default();
        let (one, two) = (arrivals.arrived(1, false, 1, 0), arrivals.arrived(2, true, 1, 0));
        arrivals.disconnected(false);
        assert_eq!(arrivals.owed(), 1);
        let three = arrivals.arrived(1, false, 1, 0);
        for place in [one, two, three] {
            arrivals.done(place);
        }
        assert_eq!(all(&mut arrivals), [2, 1]);
        arrivals.arrived(9, true, 0, 0);
        arrivals.disconnected(true);
        assert!(all(&mut arrivals).is_empty());
        assert_eq!(arrivals.owed(), 0);
    }

    proptest! {
        /// Each is acknowledged once, in order, when everybody is done.
        #[test]
        fn nothing_is_lost_and_nothing_doubled(
            receivers in prop::collection::vec(0usize..4, 1..50),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..200),
        ) {
            let mut arrivals = Arrivals::default();
            let places: Vec<_> = receivers.iter().enumerate().map(|(index, receivers)| {
                arrivals.arrived(index as u16 + 1, index % 3 == 0, *receivers, index)
            }).collect();
            let mut left = receivers.clone();
            let mut acknowledged = all(&mut arrivals);
            let finish = places.iter().enumerate().flat_map(|(index, _)| [index; 4]);
            for index in order.iter().map(|index| index.index(places.len())).chain(finish) {
                if left[index] > 0 {
                    left[index] -= 1;
                    arrivals.done(places[index]);
                }
                acknowledged.extend(all(&mut arrivals));
                prop_assert!(acknowledged.iter().all(|id| left[usize::from(*id) - 1] == 0));
            }
            prop_assert_eq!(acknowledged, (1..=receivers.len() as u16).collect::<Vec<_>>());
            prop_assert_eq!((arrivals.owed(), arrivals.bytes()), (0, 0));
        }
    }
}
