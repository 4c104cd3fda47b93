//! Seeded schedules of a hub's faults.

use super::fault::Fault;
use super::rule::Target;

/// A schedule: which faults, how often, for how long.
pub type Schedule = azmqtt_local::faults::Schedule<Fault, Target>;

/// A fault of a plan.
pub type Planned = azmqtt_local::faults::Planned<Fault, Target>;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::faults::rule::{Chance, Rule};
    use azmqtt_local::faults::ServiceFault;

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
