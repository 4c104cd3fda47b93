//! Topic names and topic filters (MQTT §4.7), within a namespace's limits.

use std::fmt;

use azmqtt_mqtt::codec::{is_valid_filter, is_valid_share};

use crate::limits::{MAX_TOPIC_BYTES, MAX_TOPIC_LEVELS};

/// Why a topic name or filter is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidTopic {
    /// It has more than 256 bytes.
    TooLong,
    /// It has more than 15 levels.
    TooDeep,
    /// It breaks a rule of §4.7.
    Malformed,
}

impl fmt::Display for InvalidTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "a topic has at most {MAX_TOPIC_BYTES} bytes"),
            Self::TooDeep => write!(f, "a topic has at most {MAX_TOPIC_LEVELS} levels"),
            Self::Malformed => f.write_str("a wildcard must be alone in its level, and # in the last level"),
        }
    }
}

impl std::error::Error for InvalidTopic {}

/// The levels of a topic name or filter that is within the limits.
#[derive(Debug, Clone, Copy)]
pub struct Levels<'a> {
    all: [&'a str; MAX_TOPIC_LEVELS],
    count: usize,
}

impl<'a> Levels<'a> {
    /// The levels of `text`, whose wildcards are not looked at.
    pub fn of(text: &'a str) -> Result<Self, InvalidTopic> {
        if text.len() > MAX_TOPIC_BYTES {
            return Err(InvalidTopic::TooLong);
        }
        let mut levels = Self { all: [""; MAX_TOPIC_LEVELS], count: 0 };
        let mut start = 0;
        // Faster than `split` for texts as short as topics are.
        for (at, byte) in text.bytes().chain([b'/']).enumerate() {
            if byte == b'/' {
                *levels.all.get_mut(levels.count).ok_or(InvalidTopic::TooDeep)? = &text[start..at];
                levels.count += 1;
                start = at + 1;
            }
        }
        Ok(levels)
    }

    /// The same, of a filter that §4.7 allows.
    pub fn of_filter(text: &'a str) -> Result<Self, InvalidTopic> {
        let levels = Self::of(text)?;
        if is_valid_filter(text) { Ok(levels) } else { Err(InvalidTopic::Malformed) }
    }

    /// Front first; at least one.
    pub fn as_slice(&self) -> &[&'a str] {
        &self.all[..self.count]
    }
}

/// A filter as it is subscribed: `$share/GROUP/FILTER`, or the filter alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestedFilter<'a> {
    /// The name of the shared group (MQTT 5 §4.8.2).
    pub share: Option<&'a str>,
    /// What topics are compared with.
    pub filter: &'a str,
}

impl<'a> RequestedFilter<'a> {
    /// Reads what a SUBSCRIBE asks for.
    pub fn parse(text: &'a str) -> Result<Self, InvalidTopic> {
        if !is_valid_share(text) {
            return Err(InvalidTopic::Malformed);
        }
        let Some(rest) = text.strip_prefix("$share/") else { return Ok(Self { share: None, filter: text }) };
        let (share, filter) = rest.split_once('/').ok_or(InvalidTopic::Malformed)?;
        Ok(Self { share: Some(share), filter })
    }
}

/// Whether a wildcard in the first level stands for this one: not for `$SYS` and its like [MQTT-4.7.2-1].
pub fn is_hidden(first_level: &str) -> bool {
    first_level.starts_with('$')
}

/// Whether a topic name is one of those that the filter stands for (§4.7.1). Both are split into their levels.
pub fn matches(filter: &[&str], topic: &[&str]) -> bool {
    let hidden = topic.first().is_some_and(|first| is_hidden(first));
    for (index, level) in filter.iter().enumerate() {
        match (*level, topic.get(index)) {
            ("#", _) => return !(hidden && index == 0),
            ("+", Some(_)) if hidden && index == 0 => return false,
            ("+", Some(_)) => {}
            (level, Some(name)) if level == *name => {}
            (_, _) => return false,
        }
    }
    topic.len() == filter.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_bounded() {
        assert!(Levels::of(&"a".repeat(256)).is_ok());
        assert_eq!(Levels::of(&"a".repeat(257)).unwrap_err(), InvalidTopic::TooLong);
        let deep = |levels| vec!["a"; levels].join("/");
        assert_eq!(Levels::of(&deep(15)).unwrap().as_slice().len(), 15);
        assert_eq!(Levels::of(&deep(16)).unwrap_err(), InvalidTopic::TooDeep);
        assert_eq!(Levels::of_filter("a/#/b").unwrap_err(), InvalidTopic::Malformed);
        assert_eq!(Levels::of("").unwrap().as_slice(), [""]);
    }

    #[test]
    fn filters_match_as_the_standard_says() {
        let fits = |filter: &str, topic: &str| {
            matches(Levels::of(filter).unwrap().as_slice(), Levels::of(topic).unwrap().as_slice())
        };
        for (filter, topic) in [
            ("a/b", "a/b"),
            ("a/+", "a/"),
            ("a/#", "a"),
            ("a/#", "a/b/c"),
            ("#", "/"),
            ("+/+", "/a"),
            ("$SYS/#", "$SYS/x"),
            ("a/$b", "a/$b"),
            ("a/+", "a/$b"),
        ] {
            assert!(fits(filter, topic), "{filter} {topic}");
        }
        for (filter, topic) in [
            ("a/b", "a/B"),
            ("a/+", "a"),
            ("a/+", "a/b/c"),
            ("+", "/a"),
            ("#", "$SYS/x"),
            ("+/x", "$SYS/x"),
            ("a/b/#", "a"),
        ] {
            assert!(!fits(filter, topic), "{filter} {topic}");
        }
    }

    #[test]
    fn a_share_is_told_from_its_filter() {
        let shared = RequestedFilter { share: Some("g"), filter: "a/+" };
        assert_eq!(RequestedFilter::parse("$share/g/a/+"), Ok(shared));
        let plain = RequestedFilter { share: None, filter: "$shared/g" };
        assert_eq!(RequestedFilter::parse("$shared/g"), Ok(plain));
        for text in ["$share/g", "$share//a", "$share/+/a", "$share/g/"] {
            assert!(RequestedFilter::parse(text).is_err(), "{text}");
        }
    }
}
