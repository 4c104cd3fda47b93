//! Topic filters (§4.7).

use super::error::Error;
use azmqtt_mqtt::codec::is_valid_filter;

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
    let shared = filter.strip_prefix("$share/");
    let bad_share = shared.is_some_and(|rest| {
        // A group is a level without wildcards, and a filter follows [MQTT-4.8.2-1, MQTT-4.8.2-2].
        rest.split_once('/').is_none_or(|(group, filter)| {
            group.is_empty() || group.contains(['+', '#']) || !is_valid_filter(filter)
        })
    });
    let problem = if filter.is_empty() {
        "it is empty"
    } else if filter.len() > usize::from(u16::MAX) {
        "it is longer than 65,535 bytes"
    } else if filter.contains('\0') {
        "it holds U+0000"
    } else if !is_valid_filter(filter) {
        "a wildcard takes a whole level, and # the last one"
    } else if bad_share {
        "a shared subscription is $share/GROUP/FILTER"
    } else {
        return Ok(());
    };
    Err(Error::Invalid { reason: format!("the topic filter {:?} is invalid: {problem}", shorten(filter)) })
}

/// Says what is wrong with the name of a topic.
pub(super) fn check_topic(topic: &str) -> Result<(), Error> {
    let problem = if topic.is_empty() {
        "it is empty"
    } else if topic.len() > usize::from(u16::MAX) {
        "it is longer than 65,535 bytes"
    } else if topic.contains('\0') {
        "it holds U+0000"
    } else if topic.contains(['+', '#']) {
        "wildcards are for filters"
    } else {
        return Ok(());
    };
    Err(Error::Invalid { reason: format!("the topic {:?} is invalid: {problem}", shorten(topic)) })
}

/// As much of it as an error should hold.
fn shorten(text: &str) -> &str {
    text.char_indices().nth(100).map_or(text, |(end, _)| &text[..end])
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
