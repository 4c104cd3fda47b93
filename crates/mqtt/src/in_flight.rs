//! Packet identifiers, and the QoS 1 messages that wait for their PUBACK.
//!
//! Identifiers are handed out in order over 1..=65535 and kept in a ring: the slot of an identifier is
//! found by subtraction, whatever order the acknowledgements come in. An identifier whose answer does not
//! come while many later ones do is set aside, so that it neither stretches the ring nor stops the others.

use std::collections::{HashMap, VecDeque};

use crate::packets::{Publish, QoS};

/// How many identifiers there are: 1..=65535, 0 is forbidden [MQTT-2.3.1-1].
const IDENTIFIERS: usize = 65_535;

/// The outstanding identifiers of one side of a session. `T` is what the caller wants back with the
/// acknowledgement of a message.
#[derive(Debug)]
pub struct InFlight<T> {
    /// The front is never free.
    slots: VecDeque<Slot<T>>,
    /// The identifier of `slots[0]`, or the next one to be given when there is none.
    first: u16,
    /// The identifiers that were overtaken by a whole [`Self::span`], each with the count of those before
    /// it. All are older than the ring's; none is free.
    aside: HashMap<u16, (u64, Slot<T>)>,
    set_aside: u64,
    /// Identifiers that may not be given, of messages and otherwise.
    out: usize,
    /// Messages without their PUBACK.
    messages: usize,
    limit: u16,
}

/// A message that was acknowledged.
#[derive(Debug)]
pub struct Acknowledged<T> {
    publish: Publish,
    /// What its sender wants back.
    pub token: T,
    /// Among those that stood aside.
    age: Option<u64>,
}

impl<T> Acknowledged<T> {
    /// The same message with another token, and its own.
    pub fn swap<U>(self, token: U) -> (Acknowledged<U>, T) {
        (Acknowledged { publish: self.publish, token, age: self.age }, self.token)
    }
}

#[derive(Debug)]
enum Slot<T> {
    /// Given back, but an older identifier is still out; or set aside.
    Free,
    /// A message that will be sent again if the connection is lost.
    Message(Publish, T),
    /// The identifier of a message that its sender gave up on; its PUBACK may still come.
    Abandoned,
    /// An identifier in use by a SUBSCRIBE, which wants this many answers, or by an UNSUBSCRIBE with none.
    Reserved { answers: usize },
}

impl<T> InFlight<T> {
    /// Nothing yet, and at most `limit` (at least 1) messages in flight.
    pub fn new(limit: u16) -> Self {
        Self {
            slots: VecDeque::new(),
            first: 1,
            aside: HashMap::new(),
            set_aside: 0,
            out: 0,
            messages: 0,
            limit: limit.max(1),
        }
    }

    /// Changes how many messages (at least 1) may be in flight; more that are stay.
    pub fn set_limit(&mut self, limit: u16) {
        self.limit = limit.max(1);
    }

    /// Whether one more message may be sent.
    pub fn has_room(&self) -> bool {
        self.messages < usize::from(self.limit) && self.out < IDENTIFIERS
    }

    /// Messages without their PUBACK.
    pub fn count(&self) -> usize {
        self.messages
    }

    /// Gives `publish` the next identifier, keeps a copy until it is acknowledged, and hands it back for
    /// encoding, at QoS 1 and as a first sending whatever it was before.
    ///
    /// Callers ask [`Self::has_room`] first; without room the message comes back with its token.
    pub fn insert(&mut self, mut publish: Publish, token: T) -> Result<&Publish, (Publish, T)> {
        if !self.has_room() {
            return Err((publish, token));
        }
        let Some(id) = self.next_free() else { return Err((publish, token)) };
        publish.packet_id = id;
        publish.qos = QoS::AtLeastOnce;
        publish.dup = false;
        self.messages += 1;
        self.out += 1;
        self.slots.push_back(Slot::Message(publish, token));
        match self.slots.back() {
            Some(Slot::Message(publish, _)) => Ok(publish),
            _ => unreachable!("the slot was just pushed"),
        }
    }

    /// Takes an identifier for a packet that is not a message and wants that many `answers` (return codes),
    /// or `None` when all are out.
    pub fn reserve(&mut self, answers: usize) -> Option<u16> {
        let id = self.next_free()?;
        self.out += 1;
        self.slots.push_back(Slot::Reserved { answers });
        Some(id)
    }

    /// The message `id` was acknowledged: what it was, or `None` if no such message is out (a repeated or made-up
    /// acknowledgement, or one for a message that was given up).
    pub fn acknowledge(&mut self, id: u16) -> Option<Acknowledged<T>> {
        let (slot, age) = self.take(id, |slot| matches!(slot, Slot::Message(..) | Slot::Abandoned))?;
        let Slot::Message(publish, token) = slot else { return None };
        self.messages -= 1;
        Some(Acknowledged { publish, token, age })
    }

    /// The acknowledgement that came last does not count: its message is in flight as before, under its identifier. False
    /// if that was given to another one since.
    pub fn restore(&mut self, acknowledged: Acknowledged<T>) -> bool {
        let Acknowledged { publish, token, age } = acknowledged;
        let id = publish.packet_id;
        if id == 0 || self.aside.contains_key(&id) {
            return false;
        }
        let index = (usize::from(id) + IDENTIFIERS - usize::from(self.first)) % IDENTIFIERS;
        match self.slots.get_mut(index).filter(|_| age.is_none()) {
            Some(slot @ Slot::Free) => *slot = Slot::Message(publish, token),
            Some(_) => return false,
            // It stood aside, or was the oldest of the ring and is older than what is left of it.
            None => {
                let age = age.unwrap_or(self.set_aside);
                self.set_aside = self.set_aside.max(age + 1);
                self.aside.insert(id, (age, Slot::Message(publish, token)));
            }
        }
        self.messages += 1;
        self.out += 1;
        true
    }

    /// The packet that reserved `id` was answered, `answers` times. False if nothing waits for this many
    /// answers under that identifier.
    pub fn release(&mut self, id: u16, answers: usize) -> bool {
        self.take(id, |slot| matches!(*slot, Slot::Reserved { answers: wanted } if wanted == answers))
            .is_some()
    }

    /// Gives up on the messages that `expired` picks: they will not be sent again. Their identifiers stay
    /// out until the peer answers or the connection ends, because the answer may still come.
    pub fn abandon(&mut self, mut expired: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut tokens = Vec::new();
        for slot in self.by_age_mut() {
            if matches!(slot, Slot::Message(_, token) if expired(token))
                && let Slot::Message(_, token) = std::mem::replace(slot, Slot::Abandoned)
            {
                tokens.push(token);
            }
        }
        self.messages -= tokens.len();
        tokens
    }

    /// The tokens of the messages in flight, oldest first.
    pub fn tokens(&self) -> impl Iterator<Item = &T> {
        self.messages().map(|(_, token)| token)
    }

    /// A new connection continues the session: the identifiers of given-up messages and of other packets
    /// of the old connection come back, for no answer can come any more, and the messages are yielded,
    /// oldest first, marked as sent before [MQTT-4.4.0-1].
    pub fn resume(&mut self) -> impl Iterator<Item = &Publish> {
        for slot in self.by_age_mut() {
            match slot {
                Slot::Abandoned | Slot::Reserved { .. } => *slot = Slot::Free,
                Slot::Message(publish, _) => publish.dup = true,
                Slot::Free => {}
            }
        }
        self.aside.retain(|_, (_, slot)| !matches!(slot, Slot::Free));
        self.out = self.messages;
        self.advance();
        self.messages().map(|(publish, _)| publish)
    }

    /// The peer forgot the session: takes every message out, oldest first, to be sent as new or given up.
    pub fn drain(&mut self) -> impl Iterator<Item = (Publish, T)> + use<T> {
        self.first = self.next();
        (self.out, self.messages) = (0, 0);
        let mut aside: Vec<_> = std::mem::take(&mut self.aside).into_values().collect();
        aside.sort_unstable_by_key(|(age, _)| *age);
        let slots = aside.into_iter().map(|(_, slot)| slot).chain(std::mem::take(&mut self.slots));
        slots.filter_map(|slot| match slot {
            Slot::Message(mut publish, token) => {
                publish.dup = false;
                publish.packet_id = 0;
                Some((publish, token))
            }
            _ => None,
        })
    }

    /// How long the ring may be. The limit alone seldom fills a quarter of it, so a front that is still out
    /// then is late.
    fn span(&self) -> usize {
        (1024 + 4 * usize::from(self.limit)).min(IDENTIFIERS)
    }

    /// The identifier that the next slot pushed will have, or `None` when all are out.
    fn next_free(&mut self) -> Option<u16> {
        if self.out == IDENTIFIERS {
            return None;
        }
        loop {
            while self.slots.len() >= self.span() {
                self.set_front_aside();
            }
            let id = self.next();
            if !self.aside.contains_key(&id) {
                return Some(id);
            }
            self.slots.push_back(Slot::Free);
            self.advance();
        }
    }

    fn set_front_aside(&mut self) {
        if let Some(slot) = self.slots.pop_front() {
            self.aside.insert(self.first, (self.set_aside, slot));
            self.set_aside += 1;
            self.first = successor(self.first);
            self.advance();
        }
    }

    /// The identifier after the newest one.
    fn next(&self) -> u16 {
        let index = (usize::from(self.first) - 1 + self.slots.len()) % IDENTIFIERS;
        index as u16 + 1
    }

    /// Frees `id` if it is out for what `wanted` says. What it was, with its age if it stood aside.
    fn take(&mut self, id: u16, wanted: impl Fn(&Slot<T>) -> bool) -> Option<(Slot<T>, Option<u64>)> {
        let index = usize::from(id).checked_sub(1)?;
        let index = (index + IDENTIFIERS - (usize::from(self.first) - 1)) % IDENTIFIERS;
        let taken = match self.slots.get_mut(index) {
            Some(Slot::Free) | None => {
                self.aside.get(&id).filter(|(_, slot)| wanted(slot))?;
                let (age, slot) = self.aside.remove(&id)?;
                (slot, Some(age))
            }
            Some(slot) if wanted(slot) => (std::mem::replace(slot, Slot::Free), None),
            Some(_) => return None,
        };
        self.out -= 1;
        self.advance();
        Some(taken)
    }

    /// Forgets the free slots at the front.
    fn advance(&mut self) {
        while let Some(Slot::Free) = self.slots.front() {
            self.slots.pop_front();
            self.first = successor(self.first);
        }
    }

    fn messages(&self) -> impl Iterator<Item = (&Publish, &T)> {
        let mut aside: Vec<_> = self.aside.values().collect();
        aside.sort_unstable_by_key(|(age, _)| *age);
        aside.into_iter().map(|(_, slot)| slot).chain(&self.slots).filter_map(|slot| match slot {
            Slot::Message(publish, token) => Some((publish, token)),
            _ => None,
        })
    }

    fn by_age_mut(&mut self) -> impl Iterator<Item = &mut Slot<T>> {
        let mut aside: Vec<_> = self.aside.values_mut().collect();
        aside.sort_unstable_by_key(|(age, _)| *age);
        aside.into_iter().map(|(_, slot)| slot).chain(&mut self.slots)
    }
}

/// The identifier after `id`.
fn successor(id: u16) -> u16 {
    if usize::from(id) == IDENTIFIERS { 1 } else { id + 1 }
}
