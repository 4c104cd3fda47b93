//! Records as they are written and read, and what they come to.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;

use super::record::{Body, Queued, Record};
use super::replay::{Expires, Replay, Restored, RestoredWill};
use super::wall::Wall;
use crate::attributes::{AttributeValue, Attributes};
use crate::names::AuthenticationName;
use crate::principal::{Principal, Standing};
use crate::routing::{Options, SessionKey};
use azmqtt_local::journal::Record as _;
use azmqtt_mqtt::{Properties, PropertiesBuilder, Publish, QoS, Text, Will};

fn encoded(record: &Record) -> BytesMut {
    let mut out = BytesMut::new();
    record.encode(&mut out);
    out
}

fn key() -> impl Strategy<Value = SessionKey> {
    (0..4_u32).prop_map(SessionKey)
}

fn filter() -> impl Strategy<Value = Box<str>> {
    "[a-c/+#$é]{1,12}".prop_map(String::into_boxed_str)
}

fn payload() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..20).prop_map(Bytes::from)
}

fn properties() -> impl Strategy<Value = Properties> {
    (any::<Option<u32>>(), proptest::option::of("[a-z]{0,5}"), vec(1..200_u32, 0..3)).prop_map(
        |(expiry, text, identifiers)| {
            let mut builder = PropertiesBuilder::new();
            if let Some(expiry) = expiry {
                builder = builder.message_expiry(expiry);
            }
            if let Some(text) = text {
                builder = builder.content_type(&text).user_property("a", &text);
            }
            let builder = identifiers.into_iter().fold(builder, PropertiesBuilder::subscription_identifier);
            builder.build().unwrap()
        },
    )
}

fn identity() -> impl Strategy<Value = (Arc<Principal>, Standing)> {
    let value = prop_oneof![
        any::<i64>().prop_map(AttributeValue::Integer),
        "[a-zé]{0,5}".prop_map(AttributeValue::Text),
        vec("[a-z]{0,5}", 0..3).prop_map(AttributeValue::List),
    ];
    let attributes = vec(("[a-z_]{1,5}", value), 0..4).prop_map(|entries| Attributes::new(entries).unwrap());
    let standing = prop_oneof![Just(Standing::Resource), Just(Standing::Asserted), Just(Standing::Roles)];
    ("[A-Zé]{1,8}", attributes, standing).prop_map(|(name, attributes, standing)| {
        let name = AuthenticationName::parse(&name).unwrap();
        (Arc::new(Principal { name, attributes }), standing)
    })
}

fn options() -> impl Strategy<Value = Options> {
    (any::<[bool; 3]>(), any::<u32>()).prop_map(|([once, no_local, retain_as_published], identifier)| {
        let qos = if once { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        Options { qos, no_local, retain_as_published, identifier }
    })
}

fn queued() -> impl Strategy<Value = Queued> {
    let body = prop_oneof![payload().prop_map(Body::Own), (0..4_u64).prop_map(Body::Shared)];
    (key(), 0..9_u64, 0..3_u16, any::<u64>(), any::<bool>(), "[a-c/]{1,5}", properties(), body).prop_map(
        |(key, number, packet_id, accepted, retain, topic, properties, body)| {
            let (accepted, topic) = (Wall(accepted), Text::from(topic));
            Queued { key, number, packet_id, accepted, retain, topic, properties, body }
        },
    )
}

fn retained() -> impl Strategy<Value = Record> {
    ("[a-c/]{1,5}", any::<bool>(), properties(), payload(), any::<[u64; 2]>()).prop_map(
        |(topic, once, properties, payload, [accepted, expires])| {
            let qos = if once { QoS::AtLeastOnce } else { QoS::AtMostOnce };
            let mut publish = Publish::new(topic, qos, payload);
            (publish.retain, publish.properties) = (true, properties);
            Record::Retained { publish, accepted: Wall(accepted), expires: Wall(expires) }
        },
    )
}

fn will() -> impl Strategy<Value = Will> {
    ("[a-c/]{1,5}", any::<bool>(), any::<bool>(), properties(), payload()).prop_map(
        |(topic, once, retain, properties, payload)| {
            let qos = if once { QoS::AtLeastOnce } else { QoS::AtMostOnce };
            Will { properties, ..Will::new(topic, payload, qos, retain) }
        },
    )
}

fn record() -> impl Strategy<Value = Record> {
    prop_oneof![
        (key(), "[a-z]{0,9}", identity()).prop_map(|(key, client_id, (principal, standing))| {
            Record::Began { key, client_id: client_id.into(), principal, standing }
        }),
        (key(), identity()).prop_map(|(key, (principal, standing))| Record::Identified {
            key,
            principal,
            standing
        }),
        (key(), any::<u32>()).prop_map(|(key, kept_for)| Record::Connected { key, kept_for }),
        (key(), any::<u64>()).prop_map(|(key, at)| Record::Disconnected { key, expires: Wall(at) }),
        (key(), will()).prop_map(|(key, will)| Record::Will { key, will }),
        (key(), any::<u64>()).prop_map(|(key, due)| Record::WillDue { key, due: Wall(due) }),
        key().prop_map(|key| Record::WillDone { key }),
        key().prop_map(|key| Record::Ended { key }),
        (key(), filter(), options()).prop_map(|(key, filter, options)| Record::Subscribed {
            key,
            filter,
            options
        }),
        (key(), filter()).prop_map(|(key, filter)| Record::Unsubscribed { key, filter }),
        (0..4_u64, payload()).prop_map(|(number, payload)| Record::Payload { number, payload }),
        queued().prop_map(Record::Queued),
        (key(), 0..9_u64, 1..3_u16).prop_map(|(key, number, packet_id)| Record::Sent {
            key,
            number,
            packet_id
        }),
        (key(), 0..9_u64).prop_map(|(key, number)| Record::Done { key, number }),
        retained(),
        "[a-c/]{1,5}".prop_map(|topic| Record::Dropped { topic: topic.into() }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(record in record()) {
        prop_assert_eq!(Record::decode(&encoded(&record)), Ok(record));
    }

    #[test]
    fn what_is_cut_off_or_longer_is_refused(record in record(), cut in any::<prop::sample::Index>(), more: u8) {
        let bytes = encoded(&record);
        prop_assert!(Record::decode(&bytes[..cut.index(bytes.len())]).is_err());
        prop_assert!(Record::decode(&[&bytes[..], &[more]].concat()).is_err());
    }

    #[test]
    fn what_is_read_of_any_bytes_is_written_and_read_the_same(bytes in vec(any::<u8>(), 0..60), kind in 0..18_u8) {
        let bytes = [&[kind][..], &bytes].concat();
        if let Ok(record) = Record::decode(&bytes) {
            prop_assert_eq!(Record::decode(&encoded(&record)), Ok(record));
        }
    }

    #[test]
    fn any_records_come_to_something(records in vec(record(), 0..40)) {
        let mut replay = Replay::default();
        for record in &records {
            // One that names a payload that is not there is refused.
            let _ = replay.take(&encoded(record));
        }
        let Restored { sessions, retained } = replay.finish();
        prop_assert!(sessions.len() <= 4);
        for session in &sessions {
            prop_assert!(session.in_flight.iter().all(|message| message.publish.packet_id != 0));
            prop_assert!(session.queue.iter().all(|message| message.publish.packet_id == 0));
        }
        let dropped = retained.iter().map(|message| &message.publish.topic);
        prop_assert_eq!(dropped.collect::<std::collections::HashSet<_>>().len(), retained.len());
    }
}

const KEY: SessionKey = SessionKey(7);

fn began() -> Record {
    let name = AuthenticationName::parse("client1").unwrap();
    let principal = Arc::new(Principal { name, attributes: Attributes::default() });
    Record::Began { key: KEY, client_id: "client1".into(), principal, standing: Standing::Resource }
}

fn message(number: u64, packet_id: u16, body: Body) -> Record {
    let (topic, accepted) = (Text::from("a"), Wall(1));
    let properties = Properties::default();
    Record::Queued(Queued { key: KEY, number, packet_id, accepted, retain: false, topic, properties, body })
}

fn restored(records: &[Record]) -> Restored {
    let mut replay = Replay::default();
    for record in records {
        replay.take(&encoded(record)).unwrap();
    }
    replay.finish()
}

#[test]
fn messages_are_in_flight_in_the_order_in_which_they_were_sent() {
    let own = |text: &'static str| Body::Own(Bytes::from_static(text.as_bytes()));
    let restored = restored(&[
        began(),
        Record::Payload { number: 1, payload: Bytes::from_static(b"shared") },
        message(2, 0, own("queued")),
        message(3, 0, Body::Shared(1)),
        message(4, 9, own("sent at once")),
        Record::Sent { key: KEY, number: 3, packet_id: 10 },
        message(5, 0, own("done")),
        Record::Done { key: KEY, number: 5 },
        Record::Done { key: SessionKey(1), number: 2 },
    ]);
    let [session] = &restored.sessions[..] else { panic!("one session") };
    let told = |messages: &[super::RestoredMessage]| -> Vec<(u16, Bytes)> {
        messages.iter().map(|message| (message.publish.packet_id, message.publish.payload.clone())).collect()
    };
    assert_eq!(told(&session.in_flight), [(9, "sent at once".into()), (10, "shared".into())]);
    assert_eq!(told(&session.queue), [(0, "queued".into())]);
    assert_eq!(session.expires, Expires::After(0));
}

#[test]
fn a_session_that_began_anew_has_nothing_of_before() {
    let gone = Record::Disconnected { key: KEY, expires: Wall(5) };
    let found = restored(&[began(), message(1, 0, Body::Own(Bytes::new())), began(), gone]);
    assert!(found.sessions[0].queue.is_empty());
    assert_eq!(found.sessions[0].expires, Expires::At(Wall(5)));
    assert!(restored(&[began(), Record::Ended { key: KEY }]).sessions.is_empty());
}

#[test]
fn a_will_is_left_unless_its_client_left_in_order() {
    let will = Will::new("t/will", "gone", QoS::AtLeastOnce, true);
    let there = [
        began(),
        Record::Connected { key: KEY, kept_for: 60 },
        Record::Will { key: KEY, will: will.clone() },
    ];
    let due = Record::WillDue { key: KEY, due: Wall(3) };
    let gone = Record::Disconnected { key: KEY, expires: Wall(5) };
    let connected = Record::Connected { key: KEY, kept_for: 60 };
    let done = Record::WillDone { key: KEY };
    let found = |more: &[&Record]| {
        let records = there.iter().chain(more.iter().copied()).cloned().collect::<Vec<_>>();
        restored(&records).sessions.remove(0).will
    };
    assert_eq!(found(&[]), Some(RestoredWill { will: will.clone(), due: None }));
    // The end of the journal may be missing.
    assert_eq!(found(&[&due]), Some(RestoredWill { will: will.clone(), due: Some(Wall(3)) }));
    assert_eq!(found(&[&due, &gone]), Some(RestoredWill { will, due: Some(Wall(3)) }));
    assert_eq!(found(&[&gone]), None);
    assert_eq!(found(&[&due, &gone, &done]), None);
    assert_eq!(found(&[&due, &gone, &connected]), None);
}

#[test]
fn times_are_the_same_after_a_while() {
    let (now, wall) = (std::time::Instant::now(), Wall::now());
    let hour = std::time::Duration::from_secs(3600);
    let later = Wall::of(now + hour);
    assert!(later.0.abs_diff(wall.0 + 3_600_000) < 1000);
    assert!(later.instant(now, wall).saturating_duration_since(now + hour).as_secs() < 1);
    let earlier = Wall(wall.0 - 5000).instant(now, wall);
    assert!(now.saturating_duration_since(earlier).as_secs() <= 5);
}
