//! Seeded schedules: faults by chance, the same ones for the same seed.
//!
//! A fault comes either by time, `every` so many seconds on average, or by packet, with a `probability` at each occasion.
//! Both are decided by the seed alone: by time the whole plan is made at the start, by packet the n-th occasion of a client
//! falls alike in every run.

use std::time::Duration;

use serde_json::{Value, json};

use super::fault::{ServiceFault, ServiceTarget};
use super::json_fields::{FaultError, JsonFields};
use super::random::Random;
use super::rule::{Rule, When};

/// Faults in one plan.
const MAX_PLANNED: usize = 10_000;

/// What the faults of one plan may carry together, in bytes: each planned fault has its own copy.
const MAX_CARRIED: usize = 4 << 20;

/// Kinds of faults in one schedule.
const MAX_ENTRIES: usize = 100;

/// A schedule: which faults, how often, for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule<F, T> {
    /// The same one gives the same faults.
    pub seed: u64,
    /// How long there are faults.
    pub duration: Duration,
    /// Which, and how often.
    pub entries: Vec<Entry<F, T>>,
}

/// One kind of fault in a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<F, T> {
    /// What happens, and whose traffic it happens to.
    pub rule: Rule<F, T>,
    /// The mean time from one to the next; without one it is the rule's own chance that decides.
    pub every: Option<Duration>,
}

/// A fault of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned<F, T> {
    /// From the start of the schedule.
    pub at: Duration,
    /// What is set then, or happens then.
    pub rule: Rule<F, T>,
}

impl<F: ServiceFault, T: ServiceTarget> Schedule<F, T> {
    /// Reads `{"seed", "duration", "faults": [{…a rule…, "every" or "probability"}]}`.
    pub fn from_json(value: Value) -> Result<Self, FaultError> {
        let mut fields = JsonFields::of(value)?;
        let seed = fields.whole("seed", u64::MAX)?.unwrap_or(0);
        let duration = fields.seconds("duration")?;
        let duration = duration.ok_or_else(|| FaultError("duration is missing, in seconds".to_owned()))?;
        let entries = fields.list("faults", MAX_ENTRIES)?.into_iter().map(Entry::from_json);
        let entries = entries.collect::<Result<_, _>>()?;
        fields.end()?;
        Ok(Self { seed, duration, entries })
    }

    /// What it does, in order. The same for every call.
    ///
    /// # Errors
    /// It would be more than 10,000 faults.
    pub fn plan(&self) -> Result<Vec<Planned<F, T>>, FaultError> {
        let (mut plan, mut carried) = (Vec::new(), 0);
        let seed = Random::new(self.seed);
        for (number, Entry { rule, every }) in (0_u64..).zip(&self.entries) {
            // Of one width on every machine.
            let size = rule.fault.carried();
            let mut random = seed.fork(&number.to_le_bytes());
            let Some(mean) = every else {
                let mut rule = rule.clone();
                if let Some(chance) = &mut rule.when.chance {
                    chance.seed = random.next_u64();
                }
                rule.when.lasting = Some(within(rule.when.lasting, self.duration));
                plan.push(Planned { at: Duration::ZERO, rule });
                continue;
            };
            let mut at = random.wait(*mean);
            while at < self.duration {
                let left = self.duration.saturating_sub(at);
                let when = When { lasting: Some(within(rule.when.lasting, left)), ..rule.when };
                plan.push(Planned { at, rule: Rule { when, ..rule.clone() } });
                if plan.len() > MAX_PLANNED {
                    return Err(FaultError(format!("the schedule has more than {MAX_PLANNED} faults")));
                }
                carried += size;
                if carried > MAX_CARRIED {
                    let message = format!("the schedule's faults carry more than {MAX_CARRIED} bytes");
                    return Err(FaultError(message));
                }
                at += random.wait(*mean);
            }
        }
        plan.sort_by_key(|planned| planned.at);
        Ok(plan)
    }
}

/// How long a rule lasts of which the schedule is `left`.
fn within(lasting: Option<Duration>, left: Duration) -> Duration {
    lasting.map_or(left, |lasting| lasting.min(left))
}

impl<F: ServiceFault, T: ServiceTarget> Entry<F, T> {
    fn from_json(value: Value) -> Result<Self, FaultError> {
        let mut fields = JsonFields::of(value)?;
        let every = fields.seconds("every")?.filter(|every| !every.is_zero());
        let rule = Rule::<F, T>::take(&mut fields)?;
        fields.end()?;
        let by_packet = rule.when.chance.is_some();
        let at_once = rule.fault.on() == "now";
        match (every.is_some(), by_packet) {
            (true, false) => Ok(Self { rule, every }),
            (false, true) if !at_once => Ok(Self { rule, every }),
            _ => Err(FaultError(format!(
                "{} needs {}",
                rule.fault,
                if at_once { "every, a number of seconds" } else { "either every or a probability" }
            ))),
        }
    }
}

impl<F: ServiceFault, T: ServiceTarget> Planned<F, T> {
    /// `{"at": seconds, …the rule…}`
    pub fn to_json(&self) -> Value {
        let mut json = self.rule.to_json();
        json["at"] = json!(self.at.as_secs_f64());
        json
    }
}
