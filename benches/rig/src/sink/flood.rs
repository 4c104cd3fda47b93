//! A stream of cloud-to-device messages that a client has asked for with the payload `FLOOD <n> <qos>`.

use std::io::Write;
use std::num::NonZeroU16;

use crate::wire::{self, Level};

/// Payload of every flooded message, in bytes.
pub const PAYLOAD: usize = 256;
/// QoS 1 messages that may be on their way without an acknowledgement.
pub const WINDOW: usize = 1000;
/// Most messages that one request may ask for.
pub const MAX: u64 = 10_000_000;

/// Messages still to be sent to one connection.
pub struct Flood {
    next: u64,
    total: u64,
    qos1: bool,
    level: Level,
    window: usize,
    id: NonZeroU16,
    outstanding: usize,
}

impl Flood {
    /// Reads `FLOOD <n> <qos>`; anything else is not a request. `receive_maximum` makes the window smaller where the
    /// client takes less.
    pub fn parse(payload: &[u8], level: Level, receive_maximum: u16) -> Option<Self> {
        let text = std::str::from_utf8(payload.strip_prefix(b"FLOOD ")?).ok()?;
        let (n, qos) = text.trim_end().split_once(' ')?;
        let total = n.parse().ok().filter(|n| *n <= MAX)?;
        let qos1 = match qos {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        let window = WINDOW.min(receive_maximum.into());
        Some(Self { next: 0, total, qos1, level, window, id: NonZeroU16::MIN, outstanding: 0 })
    }

    /// Notes one PUBACK.
    pub fn acknowledged(&mut self) {
        self.outstanding = self.outstanding.saturating_sub(1);
    }

    /// Appends messages to `out` until it holds about `room` bytes, the window is full or none is left.
    /// Returns whether anything was appended.
    pub fn fill(&mut self, out: &mut Vec<u8>, client_id: &[u8], room: usize) -> bool {
        let before = out.len();
        let mut topic = Vec::with_capacity(64 + client_id.len());
        topic.extend_from_slice(b"devices/");
        topic.extend_from_slice(client_id);
        topic.extend_from_slice(b"/messages/devicebound/%24.mid=");
        let stem = topic.len();
        while self.next < self.total && out.len() < room && !(self.qos1 && self.outstanding >= self.window) {
            topic.truncate(stem);
            // Writing to a Vec cannot fail.
            let _ = write!(topic, "{}", self.next);
            let id = self.qos1.then_some(self.id);
            wire::put_publish(out, &self.level.publish(&topic, id, &[b'x'; PAYLOAD]));
            self.next += 1;
            if self.qos1 {
                self.id = wire::next_id(self.id);
                self.outstanding += 1;
            }
        }
        out.len() > before
    }

    /// Whether every message has been sent.
    pub fn done(&self) -> bool {
        self.next == self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flood(text: &str) -> Flood {
        Flood::parse(text.as_bytes(), Level::Four, u16::MAX).unwrap_or_else(|| panic!("{text} refused"))
    }

    fn count(mut bytes: &[u8]) -> usize {
        let mut n = 0;
        while let Ok(Some(packet)) = wire::scan(bytes) {
            bytes = &bytes[packet.len..];
            n += 1;
        }
        n
    }

    #[test]
    fn only_whole_requests_count() {
        for bad in ["FLOOD", "FLOOD 5", "FLOOD 5 2", "FLOOD x 1", "FLOOD 99999999999 0", "flood 5 1"] {
            assert!(Flood::parse(bad.as_bytes(), Level::Four, u16::MAX).is_none(), "{bad}");
        }
    }

    #[test]
    fn qos_0_sends_all_by_rooms() {
        let mut f = flood("FLOOD 1500 0");
        let mut sent = 0;
        let mut out = Vec::new();
        while f.fill(&mut out, b"dev", 10_000) {
            sent += count(&out);
            out.clear();
        }
        assert_eq!((sent, f.done()), (1500, true));
    }

    #[test]
    fn qos_1_waits_for_acknowledgements() {
        let mut f = flood("FLOOD 1500 1");
        let mut out = Vec::new();
        assert!(f.fill(&mut out, b"dev", usize::MAX));
        assert_eq!(count(&out), WINDOW);
        assert!(!f.fill(&mut out, b"dev", usize::MAX));
        f.acknowledged();
        out.clear();
        assert!(f.fill(&mut out, b"dev", usize::MAX));
        assert_eq!(count(&out), 1);
        assert!(!f.done());
    }

    #[test]
    fn the_window_is_no_larger_than_the_client_takes() {
        let parsed = Flood::parse(b"FLOOD 1500 1", Level::Five, 20);
        let mut out = Vec::new();
        assert!(parsed.is_some_and(|mut f| f.fill(&mut out, b"dev", usize::MAX)));
        assert_eq!(count(&out), 20);
        let first = wire::scan(&out).ok().flatten().and_then(|packet| packet.publish(Level::Five).ok());
        assert_eq!(first.map(|p| (p.properties, p.payload.len())), Some((Some(&[][..]), PAYLOAD)));
    }
}
