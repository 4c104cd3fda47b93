//! Packet identifiers, and the QoS 1 messages that wait for their PUBACK.
//!
//! Identifiers are handed out in order over 1..=65535 and kept in a ring: the slot of an identifier is
//! found by subtraction, whatever order the acknowledgements come in.

use std::collections::VecDeque;

use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::Publish;

/// How many identifiers there are: 1..=65535, 0 is forbidden [MQTT-2.3.1-1].
const IDENTIFIERS: usize = 65_535;

/// The outstanding identifiers of one side of a session. `T` is what the caller wants back with the
/// acknowledgement of a message.
#[derive(Debug)]
pub struct Window<T> {
    slots: VecDeque<Slot<T>>,
    /// The identifier of `slots[0]`, or the next one to be given when there is none.
    first: u16,
    /// Messages without their PUBACK.
    in_flight: usize,
    limit: u16,
}

#[derive(Debug)]
enum Slot<T> {
    /// Given back, but an older identifier is still out.
    Free,
    /// A message that will be sent again if the connection is lost.
    Message(Publish, T),
    /// The identifier of a message that its sender gave up on; its PUBACK may still come.
    Abandoned,
    /// An identifier in use by a SUBSCRIBE, which wants this many answers, or by an UNSUBSCRIBE with none.
    Reserved { answers: usize },
}

impl<T> Window<T> {
    /// An empty window of at most `limit` (at least 1) messages in flight.
    pub fn new(limit: u16) -> Self {
        Self { slots: VecDeque::new(), first: 1, in_flight: 0, limit: limit.max(1) }
    }

    /// Whether one more message may be sent. Besides the limit, the span from the oldest identifier still
    /// out to the newest is bounded by the 65,535 there are.
    pub fn has_room(&self) -> bool {
        self.in_flight < usize::from(self.limit) && self.slots.len() < IDENTIFIERS
    }

    /// Messages without their PUBACK.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Gives `publish` the next identifier, keeps a copy until it is acknowledged, and hands it back for
    /// encoding, at QoS 1 and as a first sending whatever it was before. The copy is cheap: the payload is
    /// shared.
    ///
    /// Callers ask [`Self::has_room`] first; without room the message comes back with its token.
    pub fn insert(&mut self, mut publish: Publish, token: T) -> Result<&Publish, (Publish, T)> {
        if !self.has_room() {
            return Err((publish, token));
        }
        publish.pkid = self.next();
        publish.qos = QoS::AtLeastOnce;
        publish.dup = false;
        self.in_flight += 1;
        self.slots.push_back(Slot::Message(publish, token));
        match self.slots.back() {
            Some(Slot::Message(publish, _)) => Ok(publish),
            _ => unreachable!("the slot was just pushed"),
        }
    }

    /// Takes an identifier for a packet that is not a message and wants that many `answers` (return codes),
    /// or `None` when all are out.
    pub fn reserve(&mut self, answers: usize) -> Option<u16> {
        (self.slots.len() < IDENTIFIERS).then(|| {
            let id = self.next();
            self.slots.push_back(Slot::Reserved { answers });
            id
        })
    }

    /// The message `id` was acknowledged: its token, or `None` if no such message is out (a repeated or
    /// made-up acknowledgement, or one for a message that was given up).
    pub fn acknowledge(&mut self, id: u16) -> Option<T> {
        let slot = self.slot(id)?;
        if !matches!(slot, Slot::Message(..) | Slot::Abandoned) {
            return None;
        }
        let slot = std::mem::replace(slot, Slot::Free);
        self.advance();
        match slot {
            Slot::Message(_, token) => {
                self.in_flight -= 1;
                Some(token)
            }
            _ => None,
        }
    }

    /// The packet that reserved `id` was answered, `answers` times. False if nothing waits for this many
    /// answers under that identifier.
    pub fn release(&mut self, id: u16, answers: usize) -> bool {
        match self.slot(id) {
            Some(slot) if matches!(*slot, Slot::Reserved { answers: wanted } if wanted == answers) => {
                *slot = Slot::Free;
                self.advance();
                true
            }
            _ => false,
        }
    }

    /// Gives up on the messages that `expired` picks: they will not be sent again. Their identifiers stay
    /// out until the peer answers or the connection ends, because the answer may still come.
    pub fn abandon(&mut self, mut expired: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut tokens = Vec::new();
        for slot in &mut self.slots {
            if matches!(slot, Slot::Message(_, token) if expired(token))
                && let Slot::Message(_, token) = std::mem::replace(slot, Slot::Abandoned)
            {
                self.in_flight -= 1;
                tokens.push(token);
            }
        }
        tokens
    }

    /// The tokens of the messages in flight, oldest first.
    pub fn tokens(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Message(_, token) => Some(token),
            _ => None,
        })
    }

    /// A new connection continues the session: the identifiers of given-up messages and of other packets
    /// of the old connection come back, for no answer can come any more, and the messages are yielded, oldest first, marked as sent before [MQTT-4.4.0-1].
    pub fn resume(&mut self) -> impl Iterator<Item = &Publish> {
        for slot in &mut self.slots {
            match slot {
                Slot::Abandoned | Slot::Reserved { .. } => *slot = Slot::Free,
                Slot::Message(publish, _) => publish.dup = true,
                Slot::Free => {}
            }
        }
        self.advance();
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Message(publish, _) => Some(publish),
            _ => None,
        })
    }

    /// The peer forgot the session: takes every message out, oldest first, to be sent as new or given up.
    pub fn drain(&mut self) -> impl Iterator<Item = (Publish, T)> + use<T> {
        self.first = self.next();
        self.in_flight = 0;
        std::mem::take(&mut self.slots).into_iter().filter_map(|slot| match slot {
            Slot::Message(mut publish, token) => {
                publish.dup = false;
                publish.pkid = 0;
                Some((publish, token))
            }
            _ => None,
        })
    }

    /// The identifier after the newest one.
    fn next(&self) -> u16 {
        let index = (usize::from(self.first) - 1 + self.slots.len()) % IDENTIFIERS;
        index as u16 + 1
    }

    fn slot(&mut self, id: u16) -> Option<&mut Slot<T>> {
        let id = usize::from(id).checked_sub(1)?;
        let index = (id + IDENTIFIERS - (usize::from(self.first) - 1)) % IDENTIFIERS;
        self.slots.get_mut(index)
    }

    /// Forgets the free slots at the front.
    fn advance(&mut self) {
        while let Some(Slot::Free) = self.slots.front() {
            self.slots.pop_front();
            self.first = if usize::from(self.first) == IDENTIFIERS { 1 } else { self.first + 1 };
        }
    }
}
