//! The packets that a connection is sent, one by one: some of them come late, twice, in half or never.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::fault::SentFault;

/// What the session has written goes in, what the socket gets comes out. `K` is the kind of a packet, as a service tells
/// them apart.
#[derive(Debug)]
pub struct Filter<K> {
    /// For the socket.
    pub ready: BytesMut,
    /// Packets that wait, in the order in which they were written.
    late: VecDeque<Late<K>>,
    /// Their bytes: they are asked for with every packet that comes in.
    late_bytes: usize,
    /// After what is ready, the connection closes.
    pub ends: bool,
}

#[derive(Debug)]
struct Late<K> {
    /// When it goes out; one without a time of its own waits for those before it.
    due: Option<Instant>,
    /// Whether everything behind it waits.
    holds_all: bool,
    kind: K,
    packet: Bytes,
}

impl<K: Copy + PartialEq> Late<K> {
    /// Whether a packet of that kind behind it waits for it.
    fn holds(&self, kind: K) -> bool {
        self.holds_all || self.kind == kind
    }
}

impl<K: Copy + PartialEq> Filter<K> {
    /// The rest of what was under way before there was a filter: it may begin in the middle of a packet.
    pub fn new(under_way: BytesMut) -> Self {
        Self { ready: under_way, late: VecDeque::new(), late_bytes: 0, ends: false }
    }

    /// Takes whole packets out of `output`. `kind` tells a packet by its type (§2.2.1) and body; `fault` says what becomes of
    /// one, and whether that is so for all packets.
    pub fn take(
        &mut self,
        output: &mut BytesMut,
        now: Instant,
        kind: impl Fn(u8, &[u8]) -> K,
        fault: impl Fn(K) -> Option<(SentFault, bool)>,
    ) {
        while let Some((header, length)) = first_packet(output) {
            let packet = output.split_to(length).freeze();
            if self.ends {
                continue;
            }
            let kind = kind(packet[0] >> 4, &packet[header..]);
            match fault(kind) {
                None => self.pass(kind, packet),
                Some((fault, all)) => self.disturb(fault, all, kind, packet, now),
            }
        }
        // Nothing else can be in there; if it were, it would not be held back.
        self.ready.unsplit(output.split());
    }

    /// Bytes that are no packet, behind whole packets, or what is left of one.
    pub fn corrupt(&mut self) {
        corrupt(&mut self.ready);
    }

    fn disturb(&mut self, fault: SentFault, all: bool, kind: K, packet: Bytes, now: Instant) {
        match fault {
            SentFault::Lose => {}
            SentFault::Drop => self.ends = true,
            SentFault::Delay(time) => {
                // Not before those that it waits for: a time that is over would be looked at again and again.
                let before =
                    self.late.iter().filter(|late| late.holds(kind)).filter_map(|late| late.due).max();
                let due = before.map_or(now + time, |before| before.max(now + time));
                self.put_off(Late { due: Some(due), holds_all: all, kind, packet });
            }
            SentFault::Duplicate => {
                self.pass(kind, packet.clone());
                self.pass(kind, again(&packet));
            }
            SentFault::Cut => {
                self.ready.put_slice(&packet[..packet.len().div_ceil(2).min(packet.len() - 1)]);
                self.ends = true;
            }
            SentFault::Corrupt => {
                // Of the same length, so that nobody waits for more of it.
                self.ready.put_u8(NO_PACKET);
                self.ready.put_slice(&packet[1..]);
            }
        }
    }

    /// Sends a packet behind those that it may not overtake.
    fn pass(&mut self, kind: K, packet: Bytes) {
        if self.late.iter().any(|late| late.holds(kind)) {
            self.put_off(Late { due: None, holds_all: false, kind, packet });
        } else {
            self.ready.put_slice(&packet);
        }
    }

    fn put_off(&mut self, late: Late<K>) {
        self.late_bytes += late.packet.len();
        self.late.push_back(late);
    }

    /// Lets go what is due.
    pub fn release(&mut self, now: Instant) {
        let mut kept: VecDeque<Late<K>> = VecDeque::new();
        for late in self.late.drain(..) {
            let waits = kept.iter().any(|before| before.holds(late.kind));
            if waits || late.due.is_some_and(|due| now < due) {
                kept.push_back(late);
            } else {
                self.late_bytes -= late.packet.len();
                self.ready.put_slice(&late.packet);
            }
        }
        self.late = kept;
    }

    /// When the next packet is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.late.iter().filter_map(|late| late.due).min()
    }

    /// Bytes that wait here.
    pub fn held(&self) -> usize {
        self.ready.len() + self.late_bytes
    }

    /// Whether nothing is in here.
    pub fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.late.is_empty() && !self.ends
    }
}

/// The first packet in `output`, if it is whole: the lengths of its header and of all of it (§2.2).
fn first_packet(output: &[u8]) -> Option<(usize, usize)> {
    let mut rest = output;
    rest.try_get_u8().ok()?;
    let mut remaining = 0_usize;
    for shift in [0, 7, 14, 21] {
        let byte = rest.try_get_u8().ok()?;
        remaining |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let header = output.len() - rest.len();
    (rest.len() >= remaining).then_some((header, header + remaining))
}

/// Adds bytes that are no packet.
pub fn corrupt(output: &mut BytesMut) {
    output.put_slice(&[NO_PACKET, 0]);
}

/// The same packet, as it is sent a second time: a message at QoS 1 is marked DUP [MQTT-3.3.1-1].
fn again(packet: &Bytes) -> Bytes {
    if packet[0] & 0b1111_0110 != 0b0011_0010 {
        return packet.clone();
    }
    let mut marked = BytesMut::from(&packet[..]);
    marked[0] |= 0b1000;
    marked.freeze()
}

/// The first byte of what is not a packet: type 15 is reserved (MQTT 3.1.1 §2.2.1).
const NO_PACKET: u8 = 0xf5;
