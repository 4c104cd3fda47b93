//! Times as text.

use std::time::{SystemTime, UNIX_EPOCH};

use azmqtt_net::certificate::in_utc;

const SECONDS_PER_DAY: u64 = 86_400;

/// 9999-12-31, the last day with a year of four digits, in days since 1970.
const LAST_DAY: u64 = 2_932_896;

/// `2026-11-30T10:18:09.123456Z` (RFC 3339). A time before 1970 is written as 1970-01-01, one after the year 9999 as its last day.
pub fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, of_day) = (since.as_secs() / SECONDS_PER_DAY, since.as_secs() % SECONDS_PER_DAY);
    let mut text = in_utc(days.min(LAST_DAY) * SECONDS_PER_DAY + of_day);
    // In front of the Z.
    text.insert_str(text.len().saturating_sub(1), &format!(".{:06}", since.subsec_micros()));
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_written_to_the_microsecond() {
        let written = |millis: u64| rfc3339(UNIX_EPOCH + Duration::from_millis(millis));
        assert_eq!(written(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(written(951_782_400_007), "2000-02-29T00:00:00.007000Z");
        assert_eq!(written(1_709_251_199_999), "2024-02-29T23:59:59.999000Z");
        assert_eq!(written(1_709_251_200_000), "2024-03-01T00:00:00.000000Z");
        assert_eq!(written(4_107_542_400_000), "2100-03-01T00:00:00.000000Z");
        assert_eq!(written(253_402_300_799_999), "9999-12-31T23:59:59.999000Z");
        assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_nanos(1_999)), "1970-01-01T00:00:00.000001Z");
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00.000000Z");
    }
}
