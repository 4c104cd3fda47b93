//! Topic filters (§4.7).

use super::error::Error;
use azmqtt_mqtt::codec::{is_valid_filter, is_valid_share};

/// A topic filter that selects what a receiver gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter(String);

impl Filter {
    /// The filter of a text. That of a shared subscription is what stands behind the group (MQTT 5 §4.8.2).
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        check(text)?;
        let shared = text.strip_prefix("$share/").and_then(|rest| rest.split_once('/'));
        Ok(Self(shared.map_or(text, |(_, filter)| filter).to_owned()))
    }

    /// Whether a topic name matches. Wildcards at the first level leave topics that begin with `$` out [MQTT-4.7.2-1].
    pub(super) fn matches(&self, topic: &str) -> bool {
        if topic.starts_with('$') && self.0.starts_with(['+', '#']) {
            return false;
        }
        let (mut filter, mut topic) = (self.0.split('/'), topic.split('/'));
        loop {
            match (filter.next(), topic.next()) {
                // `a/#` matches `a` too (§4.7.1.2).
                (Some("#"), _) | (None, None) => return true,
                (Some("+"), Some(_)) => {}
                (Some(level), Some(name)) if level == name => {}
                (Some(_) | None, _) => return false,
            }
        }
    }
}

/// Says what is wrong with a filter.
pub(super) fn check(filter: &str) -> Result<(), Error> {
    let broken = unwritable(filter).or_else(|| {
        if !is_valid_filter(filter) {
            Some("a wildcard takes a whole level, and # the last one")
        } else if !is_valid_share(filter) {
            Some("a shared subscription is $share/GROUP/FILTER")
        } else {
            None
        }
    });
    broken.map_or(Ok(()), |problem| Err(invalid("topic filter", filter, problem)))
}

/// Says what is wrong with the name of a topic.
pub(super) fn check_topic(topic: &str) -> Result<(), Error> {
    let broken =
        unwritable(topic).or_else(|| topic.contains(['+', '#']).then_some("wildcards are for filters"));
    broken.map_or(Ok(()), |problem| Err(invalid("topic", topic, problem)))
}

/// Why no topic name or filter can be this text (§4.7.3).
fn unwritable(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("it is empty")
    } else if text.len() > usize::from(u16::MAX) {
        Some("it is longer than 65,535 bytes")
    } else if text.contains('\0') {
        Some("it contains U+0000")
    } else {
        None
    }
}

/// Shows as much of the text as an error should hold.
fn invalid(what: &str, text: &str, problem: &str) -> Error {
    let shown = text.char_indices().nth(100).map_or(text, |(end, _)| &text[..end]);
    Error::Invalid { reason: format!("the {what} {shown:?} is invalid: {problem}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(filter: &str, topic: &str) -> bool {
        Filter::parse(filter).unwrap().matches(topic)
    }

    #[test]
    fn the_examples_of_the_standard() {
        for (filter, topic) in [
            ("sport/tennis/player1/#", "sport/tennis/player1"),
            ("sport/tennis/player1/#", "sport/tennis/player1/ranking"),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"),
            ("sport/#", "sport"),
            ("#", "a/b/c"),
            ("sport/tennis/+", "sport/tennis/player1"),
            ("sport/+", "sport/"),
            ("+/+", "/finance"),
            ("/+", "/finance"),
            ("+/tennis/#", "sport/tennis"),
            ("$SYS/#", "$SYS/monitor"),
            ("$SYS/monitor/+", "$SYS/monitor/Clients"),
            ("$share/consumers/sport/+", "sport/x"),
            ("a//b", "a//b"),
        ] {
            assert!(matches(filter, topic), "{filter} {topic}");
        }
        for (filter, topic) in [
            ("sport/tennis/+", "sport/tennis/player1/ranking"),
            ("sport/+", "sport"),
            ("+", "/finance"),
            ("#", "$SYS/monitor"),
            ("+/monitor/Clients", "$SYS/monitor/Clients"),
            ("a/b", "a/b/c"),
            ("a/b/c", "a/b"),
            ("A", "a"),
        ] {
            assert!(!matches(filter, topic), "{filter} {topic}");
        }
    }

    #[test]
    fn what_is_no_filter_is_told_why() {
        for (filter, why) in [
            ("", "empty"),
            ("a/#/b", "wildcard"),
            ("a+", "wildcard"),
            ("a\0", "U+0000"),
            ("$share/g", "$share"),
            ("$share//f", "$share"),
            ("$share/g/", "$share"),
            ("$share/+/f", "$share"),
        ] {
            let Err(Error::Invalid { reason }) = Filter::parse(filter) else { panic!("{filter} is taken") };
            assert!(reason.contains(why), "{reason}");
        }
        assert!(check(&"x".repeat(70_000)).is_err());
        assert!(check_topic("a/+").is_err() && check_topic("").is_err() && check_topic("a/b").is_ok());
    }
}
