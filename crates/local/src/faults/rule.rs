//! A fault, whose traffic it happens to, and when.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::fault::{ServiceFault, ServiceTarget};
use super::json_fields::{FaultError, JsonFields, error};
use super::random::Random;

/// Clients that a rule with a probability counts apart. Ids that nobody has checked are counted too, so it is bounded.
const MAX_COUNTED: usize = 65_536;

/// A fault, and to whom and when it happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule<F, T> {
    /// What happens, at which moment.
    pub fault: F,
    /// Whose traffic.
    pub target: T,
    /// On which of the occasions.
    pub when: When,
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

/// A chance that falls alike in every run: the n-th occasion of a client is decided by the seed, the client and n.
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

impl<F: ServiceFault, T: ServiceTarget> Rule<F, T> {
    /// Reads a rule.
    ///
    /// # Errors
    /// It is none: names the field and what it should be.
    pub fn from_json(value: Value) -> Result<Self, FaultError> {
        let mut fields = JsonFields::of(value)?;
        let rule = Self::take(&mut fields)?;
        fields.end()?;
        Ok(rule)
    }

    pub(super) fn take(fields: &mut JsonFields) -> Result<Self, FaultError> {
        let fault = F::take(fields)?;
        let target = T::take(fields)?;
        if target != T::default() {
            fault.check_named()?;
        }
        let when = When::take(fields)?;
        Ok(Self { fault, target, when })
    }

    /// The rule as [`Self::from_json`] reads it.
    pub fn to_json(&self) -> Value {
        let mut json = self.fault.to_json();
        let Some(fields) = json.as_object_mut() else { return json };
        self.target.write(fields);
        let When { after, skip, chance, count, lasting } = self.when;
        fields.insert("count".to_owned(), json!(count));
        for (name, seconds) in [("after", Some(after).filter(|after| !after.is_zero())), ("lasting", lasting)]
        {
            if let Some(seconds) = seconds {
                fields.insert(name.to_owned(), json!(seconds.as_secs_f64()));
            }
        }
        if skip > 0 {
            fields.insert("skip".to_owned(), json!(skip));
        }
        if let Some(Chance { probability, seed }) = chance {
            fields.insert("probability".to_owned(), json!(probability));
            fields.insert("seed".to_owned(), json!(seed));
        }
        json
    }
}

impl When {
    fn take(fields: &mut JsonFields) -> Result<Self, FaultError> {
        let after = fields.seconds("after")?.unwrap_or_default();
        let skip = fields.whole("skip", u64::MAX)?.unwrap_or(0);
        let seed = fields.whole("seed", u64::MAX)?;
        let chance = match (fields.number("probability", 1.0)?, seed) {
            (Some(probability), seed) => Some(Chance { probability, seed: seed.unwrap_or(0) }),
            (None, None) => None,
            (None, Some(_)) => return error("seed needs a probability"),
        };
        let lasting = fields.seconds("lasting")?;
        // An absent count and a null one mean the same here: Python leaves out what it was not given.
        let default = if chance.is_some() || lasting.is_some() { None } else { Some(1) };
        let count = fields.whole("count", u64::MAX)?;
        if count == Some(0) {
            return error("count must be at least 1");
        }
        Ok(Self { after, skip, chance, count: count.or(default), lasting })
    }
}

/// A rule that is set, with its counts.
#[derive(Debug)]
pub struct Active<F, T> {
    /// Counts the rules of the service, from 1.
    pub id: u64,
    /// As it was set.
    pub rule: Rule<F, T>,
    /// How often it has fired.
    pub fired: u64,
    occasions: u64,
    dice: HashMap<String, Random>,
    from: Instant,
    until: Option<Instant>,
}

impl<F, T> Active<F, T> {
    /// It has had no occasion yet.
    pub fn new(id: u64, rule: Rule<F, T>, now: Instant) -> Self {
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
    pub fn fires(&mut self, whose: &str, now: Instant) -> bool {
        if now < self.from || self.is_over(now) {
            return false;
        }
        self.occasions += 1;
        if self.occasions <= self.rule.when.skip {
            return false;
        }
        let hit = match self.rule.when.chance {
            None => true,
            Some(Chance { probability, seed }) => self.roll(whose, seed) < probability,
        };
        self.fired += u64::from(hit);
        hit
    }

    fn roll(&mut self, whose: &str, seed: u64) -> f64 {
        let is_too_much = self.dice.len() >= MAX_COUNTED && !self.dice.contains_key(whose);
        let whose = if is_too_much { "" } else { whose };
        let fresh = Random::new(seed).fork(whose.as_bytes());
        self.dice.entry(whose.to_owned()).or_insert(fresh).fraction()
    }
}
