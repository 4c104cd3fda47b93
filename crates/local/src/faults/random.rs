//! Numbers that are the same in every run: `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number
//! generators", 2014). Not for secrets.

use std::time::Duration;

/// A generator with its state.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator that begins with `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another generator, that of `name`: independent of how often this one is used.
    #[must_use]
    pub fn fork(&self, name: &[u8]) -> Self {
        // FNV-1a.
        let hash = name.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut mixed = Self(self.0 ^ hash);
        Self(mixed.next_u64())
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to 1, without 1.
    pub fn fraction(&mut self) -> f64 {
        // 53 bits are a double's precision; both casts are exact.
        #[expect(clippy::cast_precision_loss, reason = "of 53 bits nothing is lost")]
        let (bits, scale) = ((self.next_u64() >> 11) as f64, (1_u64 << 53) as f64);
        bits / scale
    }

    /// A wait whose mean is `mean`, as between independent events, in whole milliseconds so that it is the same on every
    /// machine.
    pub fn wait(&mut self, mean: Duration) -> Duration {
        let wait = mean.as_secs_f64() * -(1.0 - self.fraction()).ln();
        let millis = Duration::try_from_secs_f64(wait).unwrap_or(mean).as_millis();
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX).max(1))
    }
}
