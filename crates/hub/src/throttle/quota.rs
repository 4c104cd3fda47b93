//! The messages of a day, which begins at 00:00 UTC.

/// What was used of a daily quota.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quota {
    day: u64,
    used: u64,
}

const DAY: u64 = 86_400;

impl Quota {
    /// Takes a message of `size` bytes, of which each `meter` counts as one; false if less than that is left of `limit`.
    /// `now` in Unix seconds.
    pub fn take(&mut self, size: usize, meter: usize, limit: u64, now: u64) -> bool {
        if now / DAY != self.day {
            *self = Self { day: now / DAY, used: 0 };
        }
        let messages = size.div_ceil(meter).max(1) as u64;
        let enough = self.used.saturating_add(messages) <= limit;
        if enough {
            self.used += messages;
        }
        enough
    }

    /// Gives back what was taken for a message of `size` that nobody was allowed to send.
    pub fn give_back(&mut self, size: usize, meter: usize) {
        self.used = self.used.saturating_sub(size.div_ceil(meter).max(1) as u64);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_day_begins_at_midnight() {
        let mut quota = Quota::default();
        let midnight = 20_000 * DAY;
        for (size, now, taken) in [
            (0, midnight, true),
            (4097, midnight + 5, true),
            (1, midnight + DAY - 1, false),
            (1, midnight + DAY, true),
            (4096 * 4, midnight + DAY, false),
        ] {
            assert_eq!(quota.take(size, 4096, 3, now), taken, "{size} at {now}");
        }
    }

    proptest! {
        #[test]
        fn no_more_than_the_limit_in_a_day(sizes in prop::collection::vec(0_usize..20_000, 0..200), limit in 0_u64..100) {
            let mut quota = Quota::default();
            let taken = sizes.iter().filter(|size| quota.take(**size, 4096, limit, 1)).map(|size| size.div_ceil(4096).max(1));
            prop_assert!(taken.sum::<usize>() as u64 <= limit);
        }
    }
}
