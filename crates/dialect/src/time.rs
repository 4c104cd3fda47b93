//! ISO 8601 in UTC to and from Unix seconds.

use std::fmt::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// What the service writes for "never": the start of its calendar.
pub const NEVER: &str = "0001-01-01T00:00:00Z";

/// 9999-12-31T23:59:59Z, the last second with a four-digit year.
const LAST_SECOND: u64 = 253_402_300_799;

const SECONDS_PER_DAY: u64 = 86_400;

/// `2026-11-22T10:18:09Z`. Later than the year 9999 is written as the last second of it.
pub fn format_utc(unix_seconds: u64) -> String {
    let seconds = unix_seconds.min(LAST_SECOND);
    let (year, month, day) = date_from_days(seconds / SECONDS_PER_DAY);
    let of_day = seconds % SECONDS_PER_DAY;
    let mut out = String::with_capacity(20);
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    );
    out
}

/// Reads `YYYY-MM-DDTHH:MM:SS[.fraction](Z|+00:00)`, from 1970 on; a missing zone is taken as UTC and a fraction is
/// dropped. `None` for anything else, an offset other than zero included.
pub fn parse_utc(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if separators.iter().any(|&(at, byte)| bytes.get(at) != Some(&byte))
        || !matches!(bytes.get(10), Some(b'T' | b't' | b' '))
    {
        return None;
    }
    let (year, month, day) = (digits(bytes, 0, 4)?, digits(bytes, 5, 2)?, digits(bytes, 8, 2)?);
    let (hour, minute, second) = (digits(bytes, 11, 2)?, digits(bytes, 14, 2)?, digits(bytes, 17, 2)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    // A leap second is written 60; it is the next second to Unix.
    if hour > 23 || minute > 59 || second > 60 || !is_utc_tail(bytes.get(19..)?) {
        return None;
    }
    let days = days_from_date(year, month, day)?;
    Some(days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second)
}

/// A point in time to the service's precision, 100 ns, in text `2026-11-22T10:18:09.1234567Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(u64);

impl Timestamp {
    const PER_SECOND: u64 = 10_000_000;

    /// From the system's time; before 1970 counts as 1970.
    pub fn of(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_nanos() / 100).unwrap_or(u64::MAX))
    }

    /// Of this moment, by the system's clock.
    pub fn now() -> Self {
        Self::of(SystemTime::now())
    }

    /// `at` as the service writes it, [`NEVER`] for none.
    pub fn or_never(at: Option<Self>) -> String {
        at.map_or_else(|| NEVER.to_owned(), |at| at.to_string())
    }

    /// From whole Unix seconds.
    pub const fn of_seconds(unix_seconds: u64) -> Self {
        Self(unix_seconds.saturating_mul(Self::PER_SECOND))
    }

    /// From units of 100 ns since 1970.
    #[cfg(test)]
    pub const fn of_ticks(ticks: u64) -> Self {
        Self(ticks)
    }

    /// In Unix seconds.
    pub fn seconds(self) -> u64 {
        self.0 / Self::PER_SECOND
    }

    /// Reads a stored time: text, or Unix seconds as earlier versions wrote them.
    pub fn from_state(stored: &Value) -> Option<Self> {
        match stored {
            Value::Number(seconds) => seconds.as_u64().map(Self::of_seconds),
            Value::String(text) => Self::parse(text),
            _ => None,
        }
    }

    /// Reads what [`parse_utc`] reads, with the first seven digits of the fraction.
    pub fn parse(text: &str) -> Option<Self> {
        let whole = Self::of_seconds(parse_utc(text)?);
        let fraction = text.get(19..).and_then(|tail| tail.strip_prefix('.')).unwrap_or_default();
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).chain(std::iter::repeat(b'0')).take(7);
        let units = digits.fold(0, |units, digit| units * 10 + u64::from(digit - b'0'));
        Some(Self(whole.0.saturating_add(units)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = format_utc(self.seconds());
        write!(f, "{}.{:07}Z", whole.trim_end_matches('Z'), self.0 % Self::PER_SECOND)
    }
}

fn is_utc_tail(mut tail: &[u8]) -> bool {
    if let [b'.', fraction @ ..] = tail {
        let length = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        if length == 0 {
            return false;
        }
        tail = &fraction[length..];
    }
    matches!(tail, b"" | b"Z" | b"z" | b"+00:00" | b"-00:00")
}

fn digits(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    bytes
        .get(at..at + length)?
        .iter()
        .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u64::from(byte - b'0')))
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days in the years before `year`, counted from year 1.
fn days_before_year(year: u64) -> u64 {
    let past = year - 1;
    past * 365 + past / 4 - past / 100 + past / 400
}

/// Days since 1970-01-01; `None` before it.
fn days_from_date(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 {
        return None;
    }
    let months: u64 = (1..month).map(|month| days_in_month(year, month)).sum();
    Some(days_before_year(year) - days_before_year(1970) + months + day - 1)
}

fn date_from_days(days: u64) -> (u64, u64, u64) {
    // A year is at least 365 days, so this guess is never too early, and at most a few years too late.
    let mut year = 1970 + days / 365;
    while days_before_year(year) - days_before_year(1970) > days {
        year -= 1;
    }
    let mut rest = days - (days_before_year(year) - days_before_year(1970));
    let mut month = 1;
    while rest >= days_in_month(year, month) {
        rest -= days_in_month(year, month);
        month += 1;
    }
    (year, month, rest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_instants() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (LAST_SECOND, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(format_utc(seconds), text);
            assert_eq!(parse_utc(text), Some(seconds));
        }
        assert_eq!(format_utc(u64::MAX), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn spellings() {
        for text in ["2023-11-14T22:13:20", "2023-11-14T22:13:20.1234567Z", "2023-11-14 22:13:20+00:00"] {
            assert_eq!(parse_utc(text), Some(1_700_000_000), "{text}");
        }
        let bad = ["", "2023-11-14", "2023-02-29T00:00:00Z", "2023-13-01T00:00:00Z", "2023-11-14T24:00:00Z"];
        for text in bad.into_iter().chain(["2023-11-14T22:13:20.Z", "2023-11-14T22:13:20+01:00", NEVER]) {
            assert_eq!(parse_utc(text), None, "{text}");
        }
    }

    #[test]
    fn timestamps_have_seven_digits() {
        let time = UNIX_EPOCH + std::time::Duration::new(1_700_000_000, 12_345_678);
        assert_eq!(Timestamp::of(time).to_string(), "2023-11-14T22:13:20.0123456Z");
        assert_eq!(Timestamp::of_seconds(0).to_string(), "1970-01-01T00:00:00.0000000Z");
        for (text, read) in [
            ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20.0000000Z"),
            ("2023-11-14T22:13:20.5", "2023-11-14T22:13:20.5000000Z"),
            ("2023-11-14T22:13:20.123456789+00:00", "2023-11-14T22:13:20.1234567Z"),
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), read);
        }
        assert_eq!(Timestamp::parse("2023-11-14T22:13:20.Z"), None);
        assert_eq!(Timestamp::or_never(Some(Timestamp::of(time))), "2023-11-14T22:13:20.0123456Z");
        assert_eq!(Timestamp::or_never(None), NEVER);
    }

    proptest! {
        #[test]
        fn timestamps_come_back(units in 0..=LAST_SECOND * Timestamp::PER_SECOND) {
            let time = Timestamp(units);
            prop_assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        }

        #[test]
        fn round_trip(seconds in 0..=LAST_SECOND) {
            prop_assert_eq!(parse_utc(&format_utc(seconds)), Some(seconds));
        }

        #[test]
        fn parse_is_total(text in any::<String>()) {
            let _ = (parse_utc(&text), Timestamp::parse(&text));
        }

        #[test]
        fn parse_is_total_near_the_form(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}[.0-9Z+:é]{0,6}") {
            let _ = (parse_utc(&text), Timestamp::parse(&text));
        }
    }
}
