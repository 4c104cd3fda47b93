//! The bounds of waits and of what waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::{OutboxLimits, RetryPolicy};
use azmqtt_client::backoff::Backoff;
use azmqtt_client::budget::{Budget, Full};
use azmqtt_net::deadlines::later;

proptest! {
    #[test]
    fn waits_stay_within_their_bounds(base in 1..5_000u64, max in 1..100_000u64, draws in prop::collection::vec(any::<u32>(), 1..60)) {
        let (base, max) = (Duration::from_millis(base), Duration::from_millis(max));
        let mut backoff = Backoff::new(RetryPolicy { base, max, first_connect: false });
        for (attempt, random) in draws.into_iter().enumerate() {
            let bound = base.saturating_mul(2u32.saturating_pow(attempt as u32)).min(max);
            let wait = backoff.next(random);
            prop_assert!(wait <= bound, "attempt {attempt}: {wait:?} > {bound:?}");
            let share = f64::from(random) / f64::from(u32::MAX);
            prop_assert!((wait.as_secs_f64() - bound.as_secs_f64() * share).abs() < 1e-6);
        }
    }

    #[test]
    fn the_budget_counts_what_it_gave_out(sizes in prop::collection::vec(0..100usize, 0..50)) {
        let limits = OutboxLimits { messages: 10, bytes: 300 };
        let budget = Budget::new(limits);
        let mut taken: Vec<usize> = Vec::new();
        for size in sizes {
            let (messages, bytes) = (taken.len(), taken.iter().sum::<usize>());
            let fits = messages < limits.messages && bytes + size <= limits.bytes;
            match budget.take(size) {
                Ok(()) => { prop_assert!(fits); taken.push(size); }
                Err(error) => {
                    prop_assert!(!fits);
                    prop_assert_eq!(error, Full { messages, bytes });
                    budget.give_back(taken.remove(0));
                }
            }
            prop_assert_eq!(budget.used(), (taken.len(), taken.iter().sum::<usize>()));
        }
    }
}

#[test]
fn a_short_life_does_not_reset_the_waits_and_a_long_one_does() {
    let policy =
        RetryPolicy { base: Duration::from_secs(1), max: Duration::from_secs(64), first_connect: true };
    let mut backoff = Backoff::new(policy);
    let now = Instant::now();
    let waits: Vec<u64> = (0..8)
        .map(|_| {
            backoff.connection_ended(now, now + Duration::from_secs(1));
            backoff.next(u32::MAX).as_secs()
        })
        .collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 64]);
    backoff.connection_ended(now, now + Duration::from_secs(11));
    assert_eq!(backoff.next(u32::MAX), Duration::from_secs(1));
    assert_eq!(backoff.next(0), Duration::ZERO);
}

#[test]
fn extreme_policies_do_not_overflow() {
    let policy = RetryPolicy { base: Duration::MAX, max: Duration::MAX, first_connect: true };
    let mut backoff = Backoff::new(policy);
    for _ in 0..100 {
        assert!(backoff.next(u32::MAX / 2) < Duration::MAX);
    }
    assert!(later(Instant::now(), Duration::MAX) > Instant::now() + Duration::from_secs(1_000_000));
}

#[test]
fn an_empty_outbox_takes_a_message_of_any_size() {
    let budget = Budget::new(OutboxLimits { messages: 10, bytes: 10 });
    assert_eq!(budget.take(1000), Ok(()));
    assert_eq!(budget.take(1), Err(Full { messages: 1, bytes: 1000 }));
    budget.give_back(1000);
    assert_eq!(budget.used(), (0, 0));
}

#[test]
fn threads_never_take_more_than_there_is() {
    let budget = Arc::new(Budget::new(OutboxLimits { messages: 7, bytes: 1000 }));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    if budget.take(10).is_ok() {
                        budget.give_back(10);
                    }
                }
            });
        }
    });
    assert_eq!(budget.used(), (0, 0));
}
