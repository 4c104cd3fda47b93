//! Whose traffic a fault happens to, and when.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::fault::Fault;
use crate::id::Id;
use azmqtt_local::faults::Random;

/// Devices that a rule with a probability counts apart. Ids of clients that are none are counted too, so it is bounded.
const MAX_COUNTED: usize = 65_536;

/// A fault, and to whom and when it happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What happens, at which moment.
    pub fault: Fault,
    /// Whose traffic.
    pub target: Target,
    /// On which of the occasions.
    pub when: When,
}

/// Whose traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Target {
    /// Every device's and module's.
    #[default]
    Everybody,
    /// A device's without its modules', or a module's.
    One {
        /// The device's id.
        device: String,
        /// The module's id, if a module is meant.
        module: Option<String>,
    },
}

impl Target {
    /// Whether `id` is meant. Nobody in particular, as at the opening of a connection, is only meant by everybody.
    pub fn includes(&self, id: Option<Id<'_>>) -> bool {
        match self {
            Self::Everybody => true,
            Self::One { device, module } => id == Some((device.as_str(), module.as_deref()).into()),
        }
    }
}

/// When a rule fires, among the occasions that are its own: the moments of its fault in its target's traffic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct When {
    /// Not before this time after it was set.
    pub after: Duration,
    /// Not on the first so many occasions.
    pub skip: u64,
    /// On each further occasion by chance.
    pub chance: Option<Chance>,
    /// At most so often; without one, as long as it is there.
    pub count: Option<u64>,
    /// For so long, counted from `after`; without one, for ever.
    pub lasting: Option<Duration>,
}

/// A chance that falls alike in every run: the n-th occasion of a device is decided by the seed, the device and n.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chance {
    /// From 0 to 1.
    pub probability: f64,
    /// Any number.
    pub seed: u64,
}

/// Once, at the first occasion.
impl Default for When {
    fn default() -> Self {
        Self { after: Duration::ZERO, skip: 0, chance: None, count: Some(1), lasting: None }
    }
}

/// A rule that is set, with its counts.
#[derive(Debug)]
pub struct Active {
    pub id: u64,
    pub rule: Rule,
    pub fired: u64,
    occasions: u64,
    dice: HashMap<String, Random>,
    from: Instant,
    until: Option<Instant>,
}

impl Active {
    pub fn new(id: u64, rule: Rule, now: Instant) -> Self {
        let from = now + rule.when.after;
        let until = rule.when.lasting.map(|lasting| from + lasting);
        Self { id, rule, fired: 0, occasions: 0, dice: HashMap::new(), from, until }
    }

    /// Whether it will never fire again.
    pub fn is_over(&self, now: Instant) -> bool {
        self.rule.when.count.is_some_and(|count| self.fired >= count)
            || self.until.is_some_and(|until| now >= until)
    }

    /// How long it lasts from `now` on; `None` without an end.
    pub fn left(&self, now: Instant) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(now))
    }

    /// One of its occasions came: whether it fires.
    pub fn fires(&mut self, id: Option<Id<'_>>, now: Instant) -> bool {
        if now < self.from || self.is_over(now) {
            return false;
        }
        self.occasions += 1;
        if self.occasions <= self.rule.when.skip {
            return false;
        }
        let hit = match self.rule.when.chance {
            None => true,
            Some(Chance { probability, seed }) => self.roll(id, seed) < probability,
        };
        self.fired += u64::from(hit);
        hit
    }

    fn roll(&mut self, id: Option<Id<'_>>, seed: u64) -> f64 {
        let name = id.map(|id| id.to_string()).unwrap_or_default();
        let known = self.dice.len();
        let name = if known >= MAX_COUNTED && !self.dice.contains_key(&name) { String::new() } else { name };
        let fresh = Random::new(seed).fork(name.as_bytes());
        self.dice.entry(name).or_insert(fresh).fraction()
    }
}
