//! Twin requests and changes over a connection that somebody else holds.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use crate::session::requests::Request;
use crate::{Error, OnDisconnect, OutboxLimits, Received, Refused, ReportedProperties, TwinSession};

const SECOND: Duration = Duration::from_secs(1);

fn session(policy: OnDisconnect) -> TwinSession {
    TwinSession::new(0, policy, OutboxLimits { messages: 8, bytes: 1000 })
}

fn patch(if_version: Option<u64>) -> Request {
    Request::Patch { patch: ReportedProperties::from_json("{\"a\":1}").unwrap(), if_version }
}

fn rid(topic: &str) -> String {
    let (_, rest) = topic.split_once("$rid=").unwrap();
    rest.split('&').next().unwrap().to_owned()
}

fn accepted(request_id: &str) -> String {
    format!("$iothub/twin/res/204/?$rid={request_id}&$version=7")
}

fn twin(desired: u64, version: u64) -> Vec<u8> {
    json!({"desired": {"x": desired, "$version": version}, "reported": {"$version": 1}})
        .to_string()
        .into_bytes()
}

#[test]
fn a_request_waits_for_the_subscription_and_keeps_the_callers_id() {
    let (mut session, now) = (session(OnDisconnect::Resend), Instant::now());
    let begun = session.begin(patch(Some(3)), Some("my-7"), now, now + SECOND);
    assert_eq!(begun, Ok("my-7".to_owned()));
    assert_eq!(session.next_unsent(now), None);
    session.answers_granted();
    let (topic, body) = session.next_unsent(now).unwrap();
    assert_eq!(topic, "$iothub/twin/PATCH/properties/reported/?$rid=my-7&$version=3");
    assert_eq!(&body[..], b"{\"a\":1}");
    assert_eq!(session.next_unsent(now), None);
    let Received::Answered { request_id, outcome: Ok(_) } = session.received(&accepted("my-7"), b"", now)
    else {
        panic!("not answered")
    };
    assert_eq!(request_id, "my-7");
}

#[test]
fn identifiers_of_the_callers_are_judged() {
    let (mut session, now) = (session(OnDisconnect::Resend), Instant::now());
    for bad in ["", "a&b", "a=b", "$version", "a/b", "ä", "a b", &"x".repeat(129)] {
        let begun = session.begin(patch(None), Some(bad), now, now + SECOND);
        assert!(matches!(begun, Err(Refused::RequestId(_))), "{bad:?}");
    }
    assert!(session.begin(patch(None), Some("1"), now, now + SECOND).is_ok());
    let again = session.begin(patch(None), Some("1"), now, now + SECOND);
    assert_eq!(again, Err(Refused::RequestIdInUse));
    // Free again, and nothing of the refused ones counts as open.
    session.forget("1");
    for _ in 0..8 {
        session.begin(patch(None), None, now, now + SECOND).unwrap();
    }
    let full = session.begin(patch(None), None, now, now + SECOND);
    assert!(matches!(full, Err(Refused::Full(Error::OutboxFull { messages: 8, .. }))));
}

#[test]
fn a_lost_connection_by_policy() {
    for policy in [OnDisconnect::Resend, OnDisconnect::Fail] {
        let (mut session, now) = (session(policy), Instant::now());
        session.answers_granted();
        let plain = session.begin(patch(None), None, now, now + SECOND).unwrap();
        let conditional = session.begin(patch(Some(1)), None, now, now + SECOND).unwrap();
        while session.next_unsent(now).is_some() {}
        let waiting = session.begin(patch(Some(1)), None, now, now + SECOND).unwrap();
        let lost: Vec<_> = session.disconnected("gone").into_iter().map(|(id, _)| id).collect();
        // Told once more, as by a client that sees both an end and a new beginning.
        assert!(session.disconnected("gone").is_empty());
        session.answers_granted();
        let again: Vec<_> =
            std::iter::from_fn(|| session.next_unsent(now)).map(|(topic, _)| rid(&topic)).collect();
        match policy {
            OnDisconnect::Resend => assert_eq!((lost, again), (vec![conditional], vec![plain, waiting])),
            OnDisconnect::Fail => assert_eq!((lost, again), (vec![plain, conditional], vec![waiting])),
        }
    }
}

#[test]
fn foreign_answers_are_told_apart_from_late_ones() {
    let (mut session, now) = (session(OnDisconnect::Resend), Instant::now());
    session.answers_granted();
    let id = session.begin(patch(None), None, now, now + SECOND).unwrap();
    let of = |received| match received {
        Received::Unmatched { late, .. } => late,
        other => panic!("{other:?}"),
    };
    assert!(!of(session.received(&accepted("1"), b"", now)));
    session.next_unsent(now).unwrap();
    session.received(&accepted(&id), b"", now);
    assert!(of(session.received(&accepted(&id), b"", now)));
}

#[test]
fn changes_while_the_line_was_down_come_as_one() {
    let (mut session, now) = (session(OnDisconnect::Resend), Instant::now());
    let read = |session: &mut TwinSession, desired, version| {
        session.answers_granted();
        session.changes_granted();
        let (topic, _) = session.next_unsent(now).unwrap();
        let answer = format!("$iothub/twin/res/200/?$rid={}", rid(&topic));
        session.received(&answer, &twin(desired, version), now)
    };
    assert_eq!(read(&mut session, 1, 4), Received::Desired(vec![]));
    assert_eq!(session.disconnected("gone"), vec![]);
    let Received::Desired(changes) = read(&mut session, 3, 6) else { panic!("no changes") };
    assert_eq!((changes.len(), changes[0].version, &changes[0].patch), (1, 6, &json!({"x": 3})));
    let repeated = session.received("$iothub/twin/PATCH/properties/desired/?$version=6", b"{\"x\":3}", now);
    assert_eq!(repeated, Received::Desired(vec![]));
    let next = session.received("$iothub/twin/PATCH/properties/desired/?$version=7", b"{\"x\":4}", now);
    assert!(matches!(next, Received::Desired(changes) if changes[0].version == 7));
}

#[test]
fn changes_count_from_what_the_application_read_while_the_comparison_was_under_way() {
    let (mut session, now) = (session(OnDisconnect::Resend), Instant::now());
    session.answers_granted();
    session.changes_granted();
    let id = session.begin(Request::Get, Some("mine"), now, now + SECOND).unwrap();
    let topics: Vec<_> =
        std::iter::from_fn(|| session.next_unsent(now)).map(|(topic, _)| rid(&topic)).collect();
    let [comparison] = topics.iter().filter(|other| **other != id).collect::<Vec<_>>()[..] else {
        panic!("{topics:?}")
    };
    let answer = |id: &str| format!("$iothub/twin/res/200/?$rid={id}");
    session.received(&answer(&id), &twin(1, 4), now);
    let Received::Desired(changes) = session.received(&answer(comparison), &twin(2, 5), now) else {
        panic!()
    };
    assert_eq!((changes.len(), &changes[0].patch), (1, &json!({"x": 2})));
}

#[test]
fn a_change_between_the_grant_and_the_first_read_is_handed_on() {
    let (mut session, now) = (session(OnDisconnect::Resend), Instant::now());
    session.answers_granted();
    session.changes_granted();
    let (topic, _) = session.next_unsent(now).unwrap();
    let notified = session.received("$iothub/twin/PATCH/properties/desired/?$version=4", b"{\"x\":1}", now);
    assert_eq!(notified, Received::Desired(vec![]));
    let answer = format!("$iothub/twin/res/200/?$rid={}", rid(&topic));
    let Received::Desired(changes) = session.received(&answer, &twin(1, 4), now) else { panic!() };
    assert_eq!((changes.len(), &changes[0].patch, changes[0].version), (1, &json!({"x": 1}), 4));
}

#[test]
fn an_answer_that_cannot_be_read_is_an_answer() {
    let (mut session, now) = (session(OnDisconnect::Resend), Instant::now());
    session.answers_granted();
    for bad in [
        "ok/?$rid=7",
        "70000/?$rid=7",
        "204/?$rid=7&$version=x",
        "/?$rid=7",
        "204?$rid=7",
        "204/?$rid=7&$version=-1",
    ] {
        session.begin(patch(None), Some("7"), now, now + SECOND).unwrap();
        session.next_unsent(now).unwrap();
        let received = session.received(&format!("$iothub/twin/res/{bad}"), b"", now);
        let Received::Answered { request_id, outcome: Err(Error::BadAnswer { reason }) } = received else {
            panic!("{bad}: {received:?}")
        };
        assert!(request_id == "7" && reason.contains(bad.split('?').next().unwrap()), "{reason}");
    }
    // Of somebody else's request, or of none.
    for other in ["$iothub/twin/res/ok/?$rid=8", "$iothub/twin/res/ok/", "else/?$rid=7"] {
        assert_eq!(session.received(other, b"", now), Received::Other, "{other}");
    }
    session.changes_granted();
    let (topic, _) = session.next_unsent(now).unwrap();
    let bad = format!("$iothub/twin/res/ok/?$rid={}", rid(&topic));
    assert_eq!(session.received(&bad, b"", now), Received::Desired(vec![]));
    assert!(session.deadline().is_some_and(|again| again > now));
}

#[test]
fn a_failed_read_is_made_again_and_keeps_nobody_busy() {
    let (mut session, now) = (session(OnDisconnect::Resend), Instant::now());
    session.answers_granted();
    session.changes_granted();
    let (topic, _) = session.next_unsent(now).unwrap();
    session.received(&format!("$iothub/twin/res/429/?$rid={}", rid(&topic)), b"", now);
    assert_eq!(session.next_unsent(now), None);
    let due = session.deadline().unwrap();
    assert!(due > now);
    assert!(session.next_unsent(due).is_some());
    session.disconnected("gone");
    // The read goes again once there is a connection; nothing is due before.
    assert!(session.expire(due + 61 * SECOND).is_empty());
    assert_eq!(session.deadline(), None);
}

proptest! {
    /// Every request ends once: by its answer, the end of its connection, its deadline or the end of all.
    #[test]
    fn every_request_ends_exactly_once(moves in prop::collection::vec((0..6u8, any::<prop::sample::Index>()), 0..60), resend: bool) {
        let mut now = Instant::now();
        let policy = if resend { OnDisconnect::Resend } else { OnDisconnect::Fail };
        let (mut session, mut open, mut sent) = (session(policy), BTreeSet::new(), Vec::new());
        for (step, pick) in moves {
            let ended = match step {
                0 | 1 => {
                    let request = patch((step == 1).then_some(1));
                    if let Ok(id) = session.begin(request, None, now, now + 5 * SECOND) { open.insert(id); }
                    vec![]
                }
                2 => { session.answers_granted(); sent.extend(session.next_unsent(now).map(|(topic, _)| rid(&topic))); vec![] }
                3 if !sent.is_empty() => match session.received(&accepted(pick.get::<String>(&sent)), b"", now) {
                    Received::Answered { request_id, .. } => vec![request_id],
                    _ => vec![],
                },
                4 => session.disconnected("gone").into_iter().map(|(id, _)| id).collect(),
                _ => { now += SECOND; session.expire(now).into_iter().map(|(id, _)| id).collect() }
            };
            for id in ended { prop_assert!(open.remove(&id), "{} ended twice", id); }
        }
        let rest: BTreeSet<_> = session.drain().into_iter().map(|(id, _)| id).collect();
        prop_assert_eq!(rest, open);
        for _ in 0..8 { prop_assert!(session.begin(patch(None), None, now, now).is_ok(), "room was not given back"); }
    }
}
