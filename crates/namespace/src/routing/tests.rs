use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use azmqtt_mqtt::{Publish, QoS};
use proptest::prelude::*;

use super::*;
use crate::limits::QueueLimit;
use crate::topic::{self, Levels};

fn subscriber(session: u32, identifier: u32) -> Subscriber {
    let options = Options { qos: QoS::AtLeastOnce, no_local: false, retain_as_published: false, identifier };
    Subscriber { session: SessionKey(session), options }
}

/// Session and identifier of each match; of a group its members.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    plain: Vec<(u32, u32)>,
    shared: Vec<Vec<u32>>,
}

impl Matches for Found {
    fn plain(&mut self, subscriber: &Subscriber) {
        self.plain.push((subscriber.session.0, subscriber.options.identifier));
    }

    fn shared(&mut self, group: &Group) {
        self.shared.push(group.members().iter().map(|member| member.session.0).collect());
    }
}

fn find(subscriptions: &Subscriptions, topic: &str) -> Found {
    let mut found = Found::default();
    subscriptions.find(Levels::of(topic).unwrap().as_slice(), &mut found);
    found.plain.sort_unstable();
    found.shared.sort_unstable();
    found
}

/// Filters in a list, compared one by one.
#[derive(Debug, Default)]
struct Naive(BTreeMap<(String, Option<String>, u32), u32>);

impl Naive {
    fn find(&self, name: &str) -> Found {
        let name = Levels::of(name).unwrap();
        let mut found = Found::default();
        let mut groups: BTreeMap<(&str, &str), Vec<u32>> = BTreeMap::new();
        for ((filter, share, session), identifier) in &self.0 {
            if !topic::matches(Levels::of(filter).unwrap().as_slice(), name.as_slice()) {
                continue;
            }
            match share {
                None => found.plain.push((*session, *identifier)),
                Some(share) => groups.entry((filter, share)).or_default().push(*session),
            }
        }
        found.plain.sort_unstable();
        found.shared = groups.into_values().collect();
        found.shared.sort_unstable();
        found
    }
}

fn level() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("a"), 3 => Just("b"), 1 => Just(""), 1 => Just("$x"), 1 => Just("c")]
}

prop_compose! {
    fn name()(levels in prop::collection::vec(level(), 1..=4)) -> String {
        levels.join("/")
    }
}

prop_compose! {
    fn filter()(
        mut levels in prop::collection::vec(prop_oneof![3 => level(), 2 => Just("+")], 1..=4),
        many in any::<bool>(),
    ) -> String {
        if many {
            levels.pop();
            levels.push("#");
        }
        levels.join("/")
    }
}

proptest! {
    #[test]
    fn subscriptions_match_as_a_list_does(
        steps in prop::collection::vec(
            (any::<bool>(), filter(), prop::option::of("[gh]"), 0u32..6, 0u32..100),
            1..60,
        ),
        names in prop::collection::vec(name(), 1..10),
    ) {
        let mut naive = Naive::default();
        let mut subscriptions = Subscriptions::default();
        for (insert, filter, share, session, identifier) in steps {
            let levels = Levels::of(&filter).unwrap();
            let key = (filter.clone(), share.clone(), session);
            if insert {
                let is_new = naive.0.insert(key, identifier).is_none();
                let inserted = subscriptions.insert(levels.as_slice(), share.as_deref(), subscriber(session, identifier));
                prop_assert_eq!(inserted, Ok(is_new));
            } else {
                let was_there = naive.0.remove(&key).is_some();
                let removed = subscriptions.remove(levels.as_slice(), share.as_deref(), SessionKey(session));
                prop_assert_eq!(removed, was_there);
            }
            prop_assert_eq!(subscriptions.len(), naive.0.len());
        }
        for name in names {
            prop_assert_eq!(find(&subscriptions, &name), naive.find(&name), "{}", name);
        }
        for (filter, share, session) in naive.0.keys() {
            let levels = Levels::of(filter).unwrap();
            subscriptions.remove(levels.as_slice(), share.as_deref(), SessionKey(*session));
        }
        prop_assert_eq!((subscriptions.len(), subscriptions.places()), (0, 1), "nothing is left");
    }

    #[test]
    fn kept_messages_are_found_as_in_a_list(
        steps in prop::collection::vec((name(), prop::option::of(1u64..20)), 1..60),
        filters in prop::collection::vec(filter(), 1..10),
        now in 0u64..20,
    ) {
        let start = Instant::now();
        let mut naive: BTreeMap<String, u64> = BTreeMap::new();
        let mut retained = Retained::new(QueueLimit { messages: 1000, bytes: 100_000 });
        for (name, expires) in steps {
            let levels = Levels::of(&name).unwrap();
            if let Some(expires) = expires {
                retained.put(&levels, message(&name, start, expires)).unwrap();
                naive.insert(name, expires);
            } else {
                retained.remove(&levels);
                naive.remove(&name);
            }
            prop_assert_eq!(retained.len(), naive.len());
        }
        let check = |retained: &Retained| {
            for filter in &filters {
                let levels = Levels::of(filter).unwrap();
                let mut found = BTreeSet::new();
                retained.find(&levels, start + Duration::from_secs(now), |message| {
                    assert!(found.insert(message.publish.topic.to_string()), "found twice");
                });
                let expected: BTreeSet<_> = naive
                    .iter()
                    .filter(|(name, expires)| {
                        **expires > now && topic::matches(levels.as_slice(), Levels::of(name).unwrap().as_slice())
                    })
                    .map(|(name, _)| name.clone())
                    .collect();
                assert_eq!(found, expected, "{filter}");
            }
        };
        check(&retained);
        retained.expire(start + Duration::from_secs(now));
        check(&retained);
        prop_assert_eq!(retained.len(), naive.values().filter(|expires| **expires > now).count());
        prop_assert_eq!(retained.deadline().is_none(), retained.is_empty());
        retained.expire(start + Duration::from_secs(20));
        prop_assert_eq!((retained.len(), retained.bytes()), (0, 0));
    }
}

fn message(topic: &str, start: Instant, expires: u64) -> RetainedMessage {
    let publish = Publish { retain: true, ..Publish::new(topic, QoS::AtLeastOnce, "12345") };
    RetainedMessage { publish, accepted: start, expires: start + Duration::from_secs(expires) }
}

#[test]
fn a_tree_with_many_children_finds_each() {
    let mut subscriptions = Subscriptions::default();
    for index in 0..100 {
        let filter = format!("a/{index}/b");
        subscriptions.insert(Levels::of(&filter).unwrap().as_slice(), None, subscriber(index, 1)).unwrap();
    }
    for index in 0..100 {
        assert_eq!(find(&subscriptions, &format!("a/{index}/b")).plain, [(index, 1)]);
        let filter = format!("a/{index}/b");
        assert!(subscriptions.remove(Levels::of(&filter).unwrap().as_slice(), None, SessionKey(index)));
    }
    assert_eq!(subscriptions.places(), 1);
}

#[test]
fn shared_groups_are_bounded() {
    let mut subscriptions = Subscriptions::default();
    let filter = ["a", "#"];
    for session in 0..100 {
        subscriptions.insert(&filter, Some("g"), subscriber(session, 0)).unwrap();
    }
    assert_eq!(subscriptions.insert(&filter, Some("g"), subscriber(100, 0)), Err(TooMany::Members));
    assert_eq!(subscriptions.insert(&filter, Some("g"), subscriber(99, 7)), Ok(false));
    for group in 1..100 {
        subscriptions.insert(&filter, Some(&format!("g{group}")), subscriber(0, 0)).unwrap();
    }
    assert_eq!(subscriptions.insert(&["b"], Some("h"), subscriber(0, 0)), Err(TooMany::Groups));
    assert!(subscriptions.remove(&filter, Some("g1"), SessionKey(0)));
    assert_eq!(subscriptions.insert(&["b"], Some("h"), subscriber(0, 0)), Ok(true));
    assert_eq!(subscriptions.places(), 3);
}

#[test]
fn kept_messages_are_bounded() {
    let start = Instant::now();
    let mut retained = Retained::new(QueueLimit { messages: 2, bytes: 14 });
    let mut put = |topic: &str| {
        retained.put(&Levels::of(topic).unwrap(), message(topic, start, 5)).map(|()| retained.bytes())
    };
    assert_eq!(put("a"), Ok(6));
    assert_eq!(put("a"), Ok(6), "in its own place");
    assert_eq!(put("b"), Ok(12));
    assert_eq!(put("c"), Err(NotKept));
    assert_eq!(put("bcde"), Err(NotKept));
    assert_eq!(put("b"), Ok(12));
    let lifetime = |expiry| Retained::lifetime(expiry, 100).as_secs();
    assert_eq!([None, Some(0), Some(7), Some(u32::MAX)].map(lifetime), [100, 100, 7, 100]);
}
