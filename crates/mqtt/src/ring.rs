//! Packet identifiers (§2.2.1), and what each of them is out for.
//!
//! Identifiers are handed out in order over 1..=65535 and kept in a ring: the slot of an identifier is
//! found by subtraction, whatever order the answers come in. An identifier whose answer does not
//! come while many later ones do is set aside, so that it neither stretches the ring nor stops the others.

use std::collections::{HashMap, VecDeque};

/// How many identifiers there are: 1..=65535, 0 is forbidden [MQTT-2.3.1-1].
const IDENTIFIERS: usize = 65_535;

/// The identifiers that are out, by age.
#[derive(Debug)]
pub struct Ring<V> {
    /// The front is never free. `None` is one that was given back, but an older one is still out; or that stands aside.
    slots: VecDeque<Option<V>>,
    /// The identifier of `slots[0]`, or the next one to be given when there is none.
    first: u16,
    /// The identifiers that were overtaken by a whole span, each with the count of those before it. All are older than
    /// those of `slots`.
    aside: HashMap<u16, (u64, V)>,
    set_aside: u64,
    /// How many are out.
    out: usize,
    /// How many slots there may be: a front that is still out then is late.
    span: usize,
}

/// Where an identifier was that was taken back.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    id: u16,
    /// Among those that stood aside.
    age: Option<u64>,
}

impl<V> Ring<V> {
    /// Nothing is out, and at most about `in_use` will be at a time.
    pub fn new(in_use: u16) -> Self {
        let mut ring = Self {
            slots: VecDeque::new(),
            first: 1,
            aside: HashMap::new(),
            set_aside: 0,
            out: 0,
            span: IDENTIFIERS,
        };
        ring.expect(in_use);
        ring
    }

    /// The same, where these are out, oldest first, each other than all before it. 0 is none.
    pub fn with_out(mut self, out: impl IntoIterator<Item = (u16, V)>) -> Self {
        for (id, value) in out {
            if id == 0 || self.aside.contains_key(&id) {
                continue;
            }
            self.aside.insert(id, (self.set_aside, value));
            self.set_aside += 1;
            self.out += 1;
            self.first = successor(id);
        }
        self
    }

    /// At most about `in_use` will be out at a time: they seldom fill a quarter of the span.
    pub fn expect(&mut self, in_use: u16) {
        self.span = (1024 + 4 * usize::from(in_use)).min(IDENTIFIERS);
    }

    /// Whether no identifier is left.
    pub fn is_exhausted(&self) -> bool {
        self.out == IDENTIFIERS
    }

    /// The identifier that [`Self::push`] gives, or `None` when all are out.
    #[inline]
    pub fn next(&mut self) -> Option<u16> {
        if self.is_exhausted() {
            return None;
        }
        loop {
            while self.slots.len() >= self.span {
                self.set_front_aside();
            }
            let id = self.newest();
            if self.aside.is_empty() || !self.aside.contains_key(&id) {
                return Some(id);
            }
            self.slots.push_back(None);
            self.advance();
        }
    }

    /// Gives the identifier that [`Self::next`] has just named.
    #[inline]
    pub fn push(&mut self, value: V) {
        self.slots.push_back(Some(value));
        self.out += 1;
    }

    /// What `id` is out for.
    pub fn get_mut(&mut self, id: u16) -> Option<&mut V> {
        let index = self.index(id)?;
        match self.slots.get_mut(index) {
            Some(Some(value)) => Some(value),
            Some(None) | None => self.aside.get_mut(&id).map(|(_, value)| value),
        }
    }

    /// Takes `id` back if it is out for what `wanted` says.
    #[inline]
    pub fn take(&mut self, id: u16, wanted: impl Fn(&V) -> bool) -> Option<(V, Place)> {
        let index = self.index(id)?;
        let taken = if let Some(slot @ Some(_)) = self.slots.get_mut(index) {
            (slot.take_if(|value| wanted(value))?, Place { id, age: None })
        } else {
            self.aside.get(&id).filter(|(_, value)| wanted(value))?;
            let (age, value) = self.aside.remove(&id)?;
            (value, Place { id, age: Some(age) })
        };
        self.out -= 1;
        self.advance();
        Some(taken)
    }

    /// Undoes the last [`Self::take`]. False if the identifier was given again since.
    pub fn restore(&mut self, place: Place, value: V) -> bool {
        let Place { id, age } = place;
        let Some(index) = self.index(id).filter(|_| !self.aside.contains_key(&id)) else { return false };
        match self.slots.get_mut(index).filter(|_| age.is_none()) {
            Some(slot @ None) => *slot = Some(value),
            Some(Some(_)) => return false,
            // It stood aside, or was the oldest of the ring and is older than what is left of it.
            None => {
                let age = age.unwrap_or(self.set_aside);
                self.set_aside = self.set_aside.max(age + 1);
                self.aside.insert(id, (age, value));
            }
        }
        self.out += 1;
        true
    }

    /// Takes back the identifiers that `keep` does not want, oldest first.
    pub fn retain(&mut self, mut keep: impl FnMut(u16, &mut V) -> bool) {
        let mut aside: Vec<_> = self.aside.iter_mut().map(|(id, (age, value))| (*age, *id, value)).collect();
        aside.sort_unstable_by_key(|(age, ..)| *age);
        let unwanted: Vec<u16> =
            aside.into_iter().filter_map(|(_, id, value)| (!keep(id, value)).then_some(id)).collect();
        for id in &unwanted {
            self.aside.remove(id);
        }
        self.out -= unwanted.len();
        let mut id = self.first;
        for slot in &mut self.slots {
            if slot.take_if(|value| !keep(id, value)).is_some() {
                self.out -= 1;
            }
            id = successor(id);
        }
        self.advance();
    }

    /// What is out, oldest first.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        let mut aside: Vec<_> = self.aside.values().collect();
        aside.sort_unstable_by_key(|(age, _)| *age);
        aside.into_iter().map(|(_, value)| value).chain(self.slots.iter().flatten())
    }

    /// The same, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        let mut aside: Vec<_> = self.aside.values_mut().collect();
        aside.sort_unstable_by_key(|(age, _)| *age);
        aside.into_iter().map(|(_, value)| value).chain(self.slots.iter_mut().flatten())
    }

    /// Takes everything back. The numbers go on.
    pub fn clear(&mut self) {
        self.first = self.newest();
        self.out = 0;
        self.aside.clear();
        self.slots = VecDeque::new();
    }

    /// The identifier after the newest slot's.
    fn newest(&self) -> u16 {
        let index = (usize::from(self.first) - 1 + self.slots.len()) % IDENTIFIERS;
        index as u16 + 1
    }

    /// Where the slot of `id` is, if it is in the ring; `None` for 0.
    fn index(&self, id: u16) -> Option<usize> {
        let index = usize::from(id).checked_sub(1)?;
        Some((index + IDENTIFIERS - (usize::from(self.first) - 1)) % IDENTIFIERS)
    }

    fn set_front_aside(&mut self) {
        if let Some(slot) = self.slots.pop_front() {
            if let Some(value) = slot {
                self.aside.insert(self.first, (self.set_aside, value));
                self.set_aside += 1;
            }
            self.first = successor(self.first);
            self.advance();
        }
    }

    /// Forgets the free slots at the front.
    #[inline]
    fn advance(&mut self) {
        while let Some(None) = self.slots.front() {
            // It is None: without a drop, nothing of it is copied.
            std::mem::forget(self.slots.pop_front());
            self.first = successor(self.first);
        }
    }
}

/// The identifier after `id`.
fn successor(id: u16) -> u16 {
    if usize::from(id) == IDENTIFIERS { 1 } else { id + 1 }
}
