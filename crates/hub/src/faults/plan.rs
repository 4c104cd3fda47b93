//! Seeded schedules: faults by chance, the same ones for the same seed.
//!
//! A fault comes either by time, `every` so many seconds on average, or by packet, with a `probability` at each occasion.
//! Both are decided by the seed alone: by time the whole plan is made at the start, by packet the n-th occasion of a device
//! falls alike in every run.

use std::time::Duration;

use serde_json::{Value, json};

use super::fault::{Change, Fault, ReceivedFault};
use super::rule::{Rule, When};
use azmqtt_local::faults::{FaultError, JsonFields, Random};

/// Faults in one plan.
const MAX_PLANNED: usize = 10_000;

/// What the changes of twins of one plan may have together, in bytes: each planned fault has its own copy.
const MAX_CHANGES: usize = 4 << 20;

/// Kinds of faults in one schedule.
const MAX_ENTRIES: usize = 100;

/// A schedule: which faults, how often, for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The same one gives the same faults.
    pub seed: u64,
    /// How long there are faults.
    pub duration: Duration,
    /// Which, and how often.
    pub entries: Vec<Entry>,
}

/// One kind of fault in a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What happens, and whose traffic it happens to.
    pub rule: Rule,
    /// The mean time from one to the next; without one it is the rule's own chance that decides.
    pub every: Option<Duration>,
}

/// A fault of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// From the start of the schedule.
    pub at: Duration,
    /// What is set then, or happens then.
    pub rule: Rule,
}

impl Schedule {
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
    pub fn plan(&self) -> Result<Vec<Planned>, FaultError> {
        let (mut plan, mut changes) = (Vec::new(), 0);
        let seed = Random::new(self.seed);
        for (number, Entry { rule, every }) in (0_u64..).zip(&self.entries) {
            // Of one width on every machine.
            let size = changed_bytes(&rule.fault);
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
                changes += size;
                if changes > MAX_CHANGES {
                    let message =
                        format!("the schedule's changes of twins have more than {MAX_CHANGES} bytes");
                    return Err(FaultError(message));
                }
                at += random.wait(*mean);
            }
        }
        plan.sort_by_key(|planned| planned.at);
        Ok(plan)
    }
}

/// The size of the patches that a fault has.
fn changed_bytes(fault: &Fault) -> usize {
    let Fault::Received(_, ReceivedFault::ChangeTwin(Change { desired, reported })) = fault else { return 0 };
    desired.iter().chain(reported).map(|patch| patch.to_string().len()).sum()
}

/// How long a rule lasts of which the schedule is `left`.
fn within(lasting: Option<Duration>, left: Duration) -> Duration {
    lasting.map_or(left, |lasting| lasting.min(left))
}

impl Entry {
    fn from_json(value: Value) -> Result<Self, FaultError> {
        let mut fields = JsonFields::of(value)?;
        let every = fields.seconds("every")?.filter(|every| !every.is_zero());
        let rule = Rule::take(&mut fields)?;
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

impl Planned {
    /// `{"at": seconds, …the rule…}`
    pub fn to_json(&self) -> Value {
        let mut json = self.rule.to_json();
        json["at"] = json!(self.at.as_secs_f64());
        json
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::faults::rule::Chance;

    fn schedule(seed: u64, duration: f64, mean: f64) -> Schedule {
        Schedule::from_json(json!({"seed": seed, "duration": duration, "faults": [
            {"fault": "drop", "every": mean},
            {"fault": "lose", "on": "puback", "device_id": "dev1", "probability": 0.25},
            {"fault": "cut", "on": "twin_answer", "every": mean * 2.0},
        ]}))
        .unwrap()
    }

    proptest! {
        #[test]
        fn the_same_seed_gives_the_same_plan(seed: u64, duration in 0.0..60.0_f64, mean in 0.05..10.0_f64) {
            let plan = schedule(seed, duration, mean).plan().unwrap();
            prop_assert_eq!(&plan, &schedule(seed, duration, mean).plan().unwrap());
            prop_assert!(plan.is_sorted_by_key(|planned| planned.at));
            prop_assert!(plan.iter().all(|planned| planned.at.as_secs_f64() <= duration));
            // What is planned reads back as a rule.
            for planned in plan {
                prop_assert_eq!(Rule::from_json(planned.rule.to_json()).unwrap().fault, planned.rule.fault);
            }
        }
    }

    #[test]
    fn another_seed_gives_another_plan_of_the_same_rate() {
        let plans: Vec<_> = (0..50).map(|seed| schedule(seed, 60.0, 1.0).plan().unwrap()).collect();
        assert!(plans.windows(2).all(|pair| pair[0] != pair[1]));
        let drops: usize = plans.iter().flatten().filter(|planned| planned.rule.fault.on() == "now").count();
        assert!((2700..3300).contains(&drops), "{drops} in 50 minutes, one a second on average");
    }

    #[test]
    fn a_fault_lasts_as_long_as_it_says_and_no_longer_than_the_schedule() {
        let json = json!({"seed": 3, "duration": 10, "faults": [
            {"fault": "throttle", "every": 1, "lasting": 0.5},
            {"fault": "lose", "on": "puback", "probability": 0.5, "lasting": 2},
        ]});
        let plan = Schedule::from_json(json).unwrap().plan().unwrap();
        for planned in &plan {
            let most = Duration::from_secs_f64(if planned.rule.fault.on() == "now" { 0.5 } else { 2.0 });
            let left = Duration::from_secs(10).saturating_sub(planned.at);
            assert_eq!(planned.rule.when.lasting, Some(most.min(left)));
        }
        assert!(plan.len() > 3);
    }

    #[test]
    fn nobody_plans_without_bounds() {
        let often = schedule(1, 86_400.0, 0.001).plan().unwrap_err();
        assert_eq!(often.to_string(), "the schedule has more than 10000 faults");
        let neither = json!({"duration": 1, "faults": [{"fault": "drop"}]});
        let neither = Schedule::from_json(neither).unwrap_err();
        assert_eq!(neither.to_string(), "drop needs every, a number of seconds");
    }

    #[test]
    fn a_chance_by_packet_is_decided_by_the_seed() {
        let Chance { seed, .. } = schedule(7, 1.0, 10.0).plan().unwrap()[0].rule.when.chance.unwrap();
        let Chance { seed: again, .. } = schedule(7, 1.0, 10.0).plan().unwrap()[0].rule.when.chance.unwrap();
        let Chance { seed: other, .. } = schedule(8, 1.0, 10.0).plan().unwrap()[0].rule.when.chance.unwrap();
        assert_eq!(seed, again);
        assert_ne!(seed, other);
    }
}
