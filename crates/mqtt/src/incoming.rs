//! The messages at QoS 1 and 2 that the peer has sent, until this side has answered for them.
//!
//! A message at QoS 2 is handed over once, when its PUBLISH comes for the first time. Its identifier is kept until PUBREL,
//! across connections, so that a copy is told apart from the next message (§4.3.3).

use std::collections::HashMap;

use crate::packets::QoS;

/// What came in and is not done with.
#[derive(Debug)]
pub struct Incoming {
    /// Messages at QoS 2 between PUBLISH and PUBREL.
    exactly_once: HashMap<u16, Held>,
    /// Messages that came on this connection and were not answered for the last time.
    open: usize,
    /// How many of them this side takes: its Receive Maximum.
    maximum: usize,
}

/// A message at QoS 2 that was handed over.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    /// PUBREC is due or out; before that, the application has the message in its hands.
    is_acknowledged: bool,
    /// Whether it counts among those of this connection.
    is_counted: bool,
    /// PUBREL came before PUBREC: the sender has given up on the message. PUBREC is not wanted any more.
    is_released: bool,
}

/// What a PUBLISH is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// To be handed over.
    New,
    /// A copy of a message at QoS 2 that was handed over and is not acknowledged yet.
    Copy,
    /// A copy of one that is: PUBREC is due again.
    CopyOfAcknowledged,
}

/// Which packet acknowledges a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledgement {
    PubAck,
    PubRec,
}

/// Why a PUBLISH may not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offence {
    /// More messages at a time than the Receive Maximum.
    Exceeded,
    /// Its identifier belongs to a message at QoS 2.
    IdentifierInUse,
}

impl Default for Incoming {
    fn default() -> Self {
        Self { exactly_once: HashMap::new(), open: 0, maximum: usize::MAX }
    }
}

impl Incoming {
    /// A new connection continues the session, with this Receive Maximum; without one it is not counted.
    pub fn resume(&mut self, maximum: Option<u16>) {
        self.open = 0;
        self.maximum = maximum.map_or(usize::MAX, usize::from);
        self.exactly_once.values_mut().for_each(|held| held.is_counted = false);
    }

    /// The peer forgot the session.
    pub fn clear(&mut self) {
        self.exactly_once.clear();
        self.open = 0;
    }

    /// A PUBLISH at QoS 1 or 2 came.
    pub fn arrived(&mut self, qos: QoS, id: u16) -> Result<Arrival, Offence> {
        if qos == QoS::ExactlyOnce {
            return self.arrived_exactly_once(id);
        }
        if !self.exactly_once.is_empty() && self.exactly_once.contains_key(&id) {
            return Err(Offence::IdentifierInUse);
        }
        self.count()?;
        Ok(Arrival::New)
    }

    fn arrived_exactly_once(&mut self, id: u16) -> Result<Arrival, Offence> {
        let held = self.exactly_once.get(&id).copied().filter(|held| !held.is_released);
        if !held.is_some_and(|held| held.is_counted) {
            self.count()?;
        }
        let held_now = Held { is_counted: true, ..held.unwrap_or_default() };
        self.exactly_once.insert(id, held_now);
        Ok(match held {
            None => Arrival::New,
            Some(Held { is_acknowledged: true, .. }) => Arrival::CopyOfAcknowledged,
            Some(_) => Arrival::Copy,
        })
    }

    fn count(&mut self) -> Result<(), Offence> {
        if self.open >= self.maximum {
            return Err(Offence::Exceeded);
        }
        self.open += 1;
        Ok(())
    }

    /// The application has the message, or refuses it: what is to be sent, if there is such a message.
    pub fn acknowledge(&mut self, id: u16, is_refused: bool) -> Option<Acknowledgement> {
        if id == 0 {
            return None;
        }
        let Some(held) = self.exactly_once.get_mut(&id) else {
            self.open = self.open.saturating_sub(1);
            return Some(Acknowledgement::PubAck);
        };
        if held.is_released {
            self.exactly_once.remove(&id);
            return None;
        }
        if held.is_acknowledged {
            return None;
        }
        held.is_acknowledged = true;
        if is_refused {
            self.released(id);
        }
        Some(Acknowledgement::PubRec)
    }

    /// PUBREL came: whether its message was known.
    pub fn released(&mut self, id: u16) -> bool {
        let Some(held) = self.exactly_once.get_mut(&id).filter(|held| !held.is_released) else {
            return false;
        };
        self.open = self.open.saturating_sub(usize::from(held.is_counted));
        if held.is_acknowledged {
            self.exactly_once.remove(&id);
        } else {
            held.is_released = true;
        }
        true
    }
}
