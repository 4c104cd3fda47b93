//! A device's queue of cloud-to-device messages (IoT Hub docs, "Send cloud-to-device messages").

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::dialect::MessageProperties;

/// How many messages a hub keeps for one device (error 403004 beyond).
pub const MAX_PENDING: usize = 50;

/// The largest message in bytes, by the service's count.
pub const MAX_SIZE: usize = 64 << 10;

/// A message on its way to a device.
#[derive(Clone, Debug)]
pub struct CloudMessage {
    pub body: Bytes,
    pub properties: MessageProperties,
}

/// Messages that wait, and messages that were sent and wait for their PUBACK.
#[derive(Debug, Default)]
pub struct CloudMessages {
    waiting: VecDeque<(u64, CloudMessage)>,
    sent: BTreeMap<u64, CloudMessage>,
    last: u64,
}

impl CloudMessages {
    /// Adds a message at the end; false when the queue is full.
    pub fn push(&mut self, message: CloudMessage) -> bool {
        if self.len() >= MAX_PENDING {
            return false;
        }
        self.last += 1;
        self.waiting.push_back((self.last, message));
        true
    }

    /// The next message to send, with the number that completes it.
    pub fn next_to_send(&mut self) -> Option<(u64, CloudMessage)> {
        let (number, message) = self.waiting.pop_front()?;
        self.sent.insert(number, message.clone());
        Some((number, message))
    }

    /// The device has this message.
    pub fn complete(&mut self, number: u64) {
        self.sent.remove(&number);
    }

    /// Whatever was sent and not completed waits again, in its old place.
    pub fn send_again(&mut self) {
        for entry in std::mem::take(&mut self.sent).into_iter().rev() {
            self.waiting.push_front(entry);
        }
    }

    /// Forgets every message.
    pub fn purge(&mut self) {
        self.waiting.clear();
        self.sent.clear();
    }

    /// Messages that are not completed.
    pub fn len(&self) -> usize {
        self.waiting.len() + self.sent.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &'static str) -> CloudMessage {
        CloudMessage { body: Bytes::from(body), properties: MessageProperties::default() }
    }

    fn bodies(queue: &mut CloudMessages) -> Vec<Bytes> {
        std::iter::from_fn(|| queue.next_to_send()).map(|(_, message)| message.body).collect()
    }

    #[test]
    fn what_was_not_completed_is_sent_again_in_order() {
        let mut queue = CloudMessages::default();
        for body in ["a", "b", "c", "d"] {
            assert!(queue.push(message(body)));
        }
        let numbers: Vec<_> = (0..3).filter_map(|_| queue.next_to_send()).map(|(number, _)| number).collect();
        queue.complete(numbers[1]);
        queue.send_again();
        assert_eq!(bodies(&mut queue), ["a", "c", "d"]);
    }

    #[test]
    fn messages_on_their_way_count_against_the_limit() {
        let mut queue = CloudMessages::default();
        assert!((0..MAX_PENDING).all(|_| queue.push(message("x"))));
        let (number, _) = queue.next_to_send().unwrap();
        assert!(!queue.push(message("x")));
        queue.complete(number);
        assert!(queue.push(message("x")));
        queue.purge();
        assert_eq!(queue.len(), 0);
    }
}
