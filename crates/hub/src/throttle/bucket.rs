//! One rate. It is exceeded for a while without anybody noticing; then what comes waits, so that the rate holds; then it is
//! refused.

use std::time::{Duration, Instant};

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is carried out.
    Go,
    /// It is carried out that much later, and is counted already.
    Wait(Duration),
    /// It is refused; when to try again.
    Refuse(Duration),
}

/// A token bucket that may be overdrawn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bucket {
    /// What was taken and has not come in again.
    drawn: f64,
    at: Option<Instant>,
}

/// Of a bucket.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// What comes in, in a second.
    pub per_second: f64,
    /// What may be drawn at once; at least one operation.
    pub burst: f64,
}

impl Bucket {
    /// Takes `cost`, unless it would wait for more than `patience`.
    pub fn take(&mut self, cost: f64, rate: Rate, patience: Duration, now: Instant) -> Verdict {
        self.refill(rate, now);
        let over = self.drawn + cost - rate.burst.max(cost);
        let wait = seconds(over / rate.per_second);
        if wait > patience {
            return Verdict::Refuse(wait.saturating_sub(patience));
        }
        self.drawn += cost;
        if wait.is_zero() { Verdict::Go } else { Verdict::Wait(wait) }
    }

    /// Gives back what was taken for nothing.
    pub fn give_back(&mut self, cost: f64) {
        self.drawn = (self.drawn - cost).max(0.0);
    }

    fn refill(&mut self, rate: Rate, now: Instant) {
        let since = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.drawn = (self.drawn - since.as_secs_f64() * rate.per_second).max(0.0);
        self.at = Some(self.at.map_or(now, |at| at.max(now)));
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: Rate = Rate { per_second: 100.0, burst: 500.0 };

    #[test]
    fn a_burst_goes_then_waits_then_is_refused() {
        let (mut bucket, now, patience) = (Bucket::default(), Instant::now(), Duration::from_secs(2));
        let verdicts: Vec<_> = (0..710).map(|_| bucket.take(1.0, RATE, patience, now)).collect();
        assert!(verdicts[..500].iter().all(|verdict| *verdict == Verdict::Go));
        assert_eq!(verdicts[500], Verdict::Wait(Duration::from_millis(10)));
        assert_eq!(verdicts[699], Verdict::Wait(Duration::from_secs(2)));
        assert_eq!(verdicts[700], Verdict::Refuse(Duration::from_millis(10)));
        assert_eq!(verdicts[709], verdicts[700], "what is refused counts for nothing");
        let later = now + Duration::from_secs(1);
        assert_eq!(bucket.take(1.0, RATE, patience, later), Verdict::Wait(Duration::from_millis(1010)));
    }

    #[test]
    fn what_is_larger_than_a_burst_goes_when_nothing_else_did() {
        let rate = Rate { per_second: 1.0, burst: 0.5 };
        let now = Instant::now();
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take(1.0, rate, Duration::ZERO, now), Verdict::Go);
        assert_eq!(bucket.take(1.0, rate, Duration::ZERO, now), Verdict::Refuse(Duration::from_secs(1)));
        bucket.give_back(1.0);
        assert_eq!(bucket.take(1.0, rate, Duration::ZERO, now), Verdict::Go);
    }

    proptest! {
        /// Whoever waits as told keeps to the rate, over any time, whatever comes when.
        #[test]
        fn the_rate_holds(gaps in prop::collection::vec(0_u64..50, 1..400)) {
            let start = Instant::now();
            let (mut bucket, mut now, mut done) = (Bucket::default(), start, Vec::new());
            for gap in gaps {
                now += Duration::from_millis(gap);
                match bucket.take(1.0, Rate { burst: 5.0, ..RATE }, Duration::from_secs(1), now) {
                    Verdict::Go => done.push(now),
                    Verdict::Wait(wait) => done.push(now + wait),
                    Verdict::Refuse(after) => prop_assert!(after > Duration::ZERO),
                }
            }
            prop_assert!(done.is_sorted());
            for (first, from) in done.iter().enumerate() {
                for (last, to) in done.iter().enumerate().skip(first) {
                    let most = 5.0 + (*to - *from).as_secs_f64() * RATE.per_second + 1.0;
                    let count = u32::try_from(last - first + 1).unwrap();
                    prop_assert!(f64::from(count) <= most + 1e-6);
                }
            }
        }

        /// A clock that steps back neither panics nor gives anything away.
        #[test]
        fn any_order_of_times(times in prop::collection::vec(0_u64..10_000, 1..50)) {
            let start = Instant::now();
            let mut bucket = Bucket::default();
            for time in times {
                bucket.take(1.0, RATE, Duration::from_secs(1), start + Duration::from_millis(time));
                prop_assert!(bucket.drawn >= 0.0 && bucket.drawn <= 700.0);
            }
        }
    }
}
