//! How wrong this machine's clock is, by the `Date` of an HTTP answer (RFC 9110 §6.6.1).

use std::time::SystemTime;

/// How far this machine's clock is from a server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockOffset {
    /// What must be added to this machine's clock, in seconds.
    seconds: i64,
}

/// Less than this is the way of the answer, or a server that is not exact itself.
const NOTABLE: u64 = 60;

impl ClockOffset {
    /// From the `Date` of an answer that came at `now`; `None` if it is not a date.
    pub(crate) fn from_date(date: &[u8], now: SystemTime) -> Option<Self> {
        let date = httpdate::parse_http_date(str::from_utf8(date).ok()?).ok()?;
        let seconds = match date.duration_since(now) {
            Ok(ahead) => i64::try_from(ahead.as_secs()).ok()?,
            Err(behind) => -i64::try_from(behind.duration().as_secs()).ok()?,
        };
        Some(Self { seconds })
    }

    /// Whether it is so large that tokens and certificates may be refused for it.
    pub fn is_notable(self) -> bool {
        self.seconds.unsigned_abs() >= NOTABLE
    }

    /// For an error: "this machine's clock is 1 h 0 min slow, by the date of the answer".
    pub fn in_words(self) -> String {
        if !self.is_notable() {
            return "this machine's clock agrees with the date of the last HTTP answer".to_owned();
        }
        let minutes = self.seconds.unsigned_abs() / 60;
        let (days, hours, minutes) = (minutes / (24 * 60), minutes / 60 % 24, minutes % 60);
        let span = match (days, hours) {
            (0, 0) => format!("{minutes} min"),
            (0, _) => format!("{hours} h {minutes} min"),
            _ => format!("{days} d {hours} h"),
        };
        let direction = if self.seconds > 0 { "slow" } else { "fast" };
        format!("this machine's clock is {span} {direction}, by the date of the last HTTP answer")
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn words(date: &str, now: u64) -> Option<String> {
        let now = UNIX_EPOCH + Duration::from_secs(now);
        ClockOffset::from_date(date.as_bytes(), now).map(ClockOffset::in_words)
    }

    #[test]
    fn says_how_much_and_which_way() {
        // The RFC's example is 784,111,777 s after the epoch.
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (now, expected) in [
            (784_111_777, "agrees"),
            (784_111_777 + 59, "agrees"),
            (784_111_777 - 60, "1 min slow"),
            (784_111_777 + 3600, "1 h 0 min fast"),
            (784_111_777 - 5430, "1 h 30 min slow"),
            (0, "9075 d 8 h slow"),
        ] {
            let words = words(date, now).unwrap();
            assert!(words.contains(expected), "{words}");
        }
    }

    #[test]
    fn rubbish_is_no_date() {
        for date in ["", "yesterday", "Sun, 06 Nov 99999 08:49:37 GMT"] {
            assert_eq!(words(date, 0), None);
        }
        assert_eq!(ClockOffset::from_date(b"\xff\xff", UNIX_EPOCH), None);
    }
}
