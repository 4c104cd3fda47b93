//! How long round trips took: a histogram that costs a few nanoseconds a value.
//!
//! Log-linear: each power of two of microseconds is cut into four, so that a percentile is off by at most an eighth,
//! whatever its size. One thread writes, any may read.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::counter::Counter;

/// Buckets within one power of two.
const PARTS: usize = 4;
/// 0 to 3 µs exactly, then up to 2²⁷ µs, which is over two minutes; longer ones count as that.
const BUCKETS: usize = 26 * PARTS;

/// Round trips since the client was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundTrips {
    /// How many there were.
    pub count: u64,
    /// Half of them took no longer. Percentiles are off by an eighth at most, and cover two minutes.
    pub p50: Duration,
    /// Nine in ten took no longer.
    pub p90: Duration,
    /// 99 in a hundred took no longer.
    pub p99: Duration,
    /// The longest, exactly.
    pub max: Duration,
}

/// A clock for times that are kept by the thousand: microseconds in 32 bits, which is right for spans of up to 71
/// minutes.
#[derive(Debug)]
pub struct Ticks(Instant);

impl Ticks {
    /// That reads 0 at `start`.
    pub fn new(start: Instant) -> Self {
        Self(start)
    }

    /// The reading at `now`.
    pub fn at(&self, now: Instant) -> u32 {
        now.saturating_duration_since(self.0).as_micros() as u32
    }
}

/// A histogram that takes no room before its first value.
#[derive(Debug, Default)]
pub struct Histogram(OnceLock<Box<Buckets>>);

#[derive(Debug)]
struct Buckets {
    counts: [Counter; BUCKETS],
    /// In microseconds.
    max: AtomicU64,
}

impl Histogram {
    /// Counts one round trip. To be called from one thread only.
    pub fn record(&self, span: Duration) {
        self.record_micros(u64::try_from(span.as_micros()).unwrap_or(u64::MAX));
    }

    /// The same in microseconds.
    pub fn record_micros(&self, micros: u64) {
        let buckets = self.0.get_or_init(|| {
            let counts = std::array::from_fn(|_| Counter::default());
            Box::new(Buckets { counts, max: AtomicU64::new(0) })
        });
        buckets.counts[bucket_of(micros)].add(1);
        if micros > buckets.max.load(Ordering::Relaxed) {
            buckets.max.store(micros, Ordering::Relaxed);
        }
    }

    /// What was counted; `None` before the first.
    pub fn read(&self) -> Option<RoundTrips> {
        let buckets = self.0.get()?;
        // Read once, so that the percentiles are of one and the same set.
        let counts: [u64; BUCKETS] = std::array::from_fn(|bucket| buckets.counts[bucket].get());
        let count: u64 = counts.iter().sum();
        // The writer counts first and notes the maximum then: that may be an older one.
        let max = buckets.max.load(Ordering::Relaxed);
        let percentile = |percent: u64| {
            let rank = (count * percent).div_ceil(100).max(1);
            let mut seen = 0;
            let bucket = counts.iter().position(|count| {
                seen += count;
                seen >= rank
            });
            Duration::from_micros(bucket.map_or(max, middle).min(max))
        };
        (count > 0).then(|| RoundTrips {
            count,
            p50: percentile(50),
            p90: percentile(90),
            p99: percentile(99),
            max: Duration::from_micros(max),
        })
    }
}

fn bucket_of(micros: u64) -> usize {
    if micros < PARTS as u64 {
        return micros as usize;
    }
    let power = micros.ilog2();
    let part = (micros >> (power - PARTS.ilog2())) as usize % PARTS;
    ((power as usize - 1) * PARTS + part).min(BUCKETS - 1)
}

/// The value in the middle of a bucket, in microseconds.
fn middle(bucket: usize) -> u64 {
    if bucket < PARTS {
        return bucket as u64;
    }
    let width = 1u64 << (bucket / PARTS - 1);
    width * (PARTS + bucket % PARTS) as u64 + width / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn micros(values: &[u64]) -> RoundTrips {
        let histogram = Histogram::default();
        for value in values {
            histogram.record(Duration::from_micros(*value));
        }
        histogram.read().unwrap()
    }

    #[test]
    fn nothing_was_counted_yet() {
        assert_eq!(Histogram::default().read(), None);
    }

    #[test]
    fn percentiles_of_a_hundred() {
        let values: Vec<u64> = (1..=100).map(|value| value * 1000).collect();
        let read = micros(&values);
        assert_eq!((read.count, read.max), (100, Duration::from_millis(100)));
        for (percentile, exact) in [(read.p50, 50_000), (read.p90, 90_000), (read.p99, 99_000)] {
            assert!(percentile.as_micros().abs_diff(exact) <= exact / 8, "{percentile:?} for {exact}");
        }
    }

    #[test]
    fn what_is_longer_than_the_scale_is_its_end() {
        let read = micros(&[u64::MAX, 1 << 40]);
        assert_eq!((read.count, read.max), (2, Duration::from_micros(u64::MAX)));
        assert!(read.p50 > Duration::from_secs(100));
    }

    #[test]
    fn buckets_follow_each_other() {
        let mut last = 0;
        for value in 0..(1u64 << 20) {
            let bucket = bucket_of(value);
            assert!(bucket == last || bucket == last + 1, "{value}");
            last = bucket;
        }
        assert_eq!(bucket_of((1 << 27) - 1), BUCKETS - 1);
    }

    proptest! {
        #[test]
        fn a_single_value_is_off_by_an_eighth_at_most(value in 0u64..(1 << 27)) {
            let read = micros(&[value]);
            let off = read.p50.as_micros().abs_diff(u128::from(value));
            prop_assert!(off * 8 <= u128::from(value), "{value} as {:?}", read.p50);
        }

        #[test]
        fn percentiles_are_in_order(values in prop::collection::vec(any::<u64>(), 1..200)) {
            let read = micros(&values);
            prop_assert!(read.p50 <= read.p90 && read.p90 <= read.p99 && read.p99 <= read.max);
            prop_assert_eq!(read.count, values.len() as u64);
        }
    }
}
