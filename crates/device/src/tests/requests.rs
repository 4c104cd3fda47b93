//! Every request comes out exactly once, whatever happens on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;

use crate::session::requests::{Answer, Request, Requests};
use crate::{Error, ReportedProperties};
use azmqtt_dialect::twin::{PatchTextError, TwinRule};

const TWIN: &[u8] = br#"{"desired":{"a":1,"$version":4},"reported":{"b":2,"$version":7}}"#;

fn patch(if_version: Option<u64>) -> Request {
    Request::Patch { patch: ReportedProperties::from_json("{}").unwrap(), if_version }
}

fn rid(topic: &str) -> String {
    let (_, rest) = topic.split_once("$rid=").unwrap();
    rest.split('&').next().unwrap().to_owned()
}

#[derive(Debug, Clone)]
enum Move {
    Insert { kind: u8, timeout: u64 },
    Publish,
    Answer { pick: usize, status: u16 },
    WrongAnswer,
    Wait(u64),
    LoseConnection,
    Forget { modulus: u32 },
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => (0..3u8, 1..50u64).prop_map(|(kind, timeout)| Move::Insert { kind, timeout }),
        4 => Just(Move::Publish),
        4 => (any::<usize>(), prop_oneof![Just(200), Just(204), Just(429), Just(500)])
            .prop_map(|(pick, status)| Move::Answer { pick, status }),
        1 => Just(Move::WrongAnswer),
        2 => (1..30u64).prop_map(Move::Wait),
        1 => Just(Move::LoseConnection),
        1 => (2..5u32).prop_map(|modulus| Move::Forget { modulus }),
    ];
    prop::collection::vec(one, 0..80)
}

proptest! {
    #[test]
    fn every_token_comes_out_exactly_once(moves in moves()) {
        let mut now = Instant::now();
        let mut requests = Requests::new(7);
        let mut open = BTreeSet::new();
        let mut published: BTreeMap<String, u32> = BTreeMap::new();
        let mut next = 0u32;
        for step in moves {
            match step {
                Move::Insert { kind, timeout } => {
                    let request = match kind { 0 => Request::Get, 1 => patch(None), _ => patch(Some(3)) };
                    requests.insert(request, now, now + Duration::from_millis(timeout), next);
                    open.insert(next);
                    next += 1;
                }
                Move::Publish => if let Some((topic, _)) = requests.next_unsent(Instant::now()) {
                    // Tokens grow with the calls, and the identifiers with them.
                    let sequence = u32::from_str_radix(&rid(&topic)[8..], 16).unwrap();
                    prop_assert!(open.contains(&(sequence - 1)), "an ended request was published");
                    prop_assert_eq!(published.insert(rid(&topic), sequence - 1), None, "published twice");
                },
                Move::Answer { pick, status } => {
                    let Some(id) = published.keys().nth(pick % published.len().max(1)).cloned() else { continue };
                    let expected = open.remove(&published[&id]).then_some(published[&id]);
                    let answered = requests.answer(&id, status, Some(1), TWIN).map(|(token, _)| token);
                    prop_assert_eq!(answered, expected);
                    prop_assert!(requests.answer(&id, status, Some(1), TWIN).is_none());
                }
                Move::WrongAnswer => prop_assert!(requests.answer("nobody", 200, None, TWIN).is_none()),
                Move::Wait(span) => {
                    now += Duration::from_millis(span);
                    for (token, _, _) in requests.expire(now) {
                        prop_assert!(open.remove(&token));
                    }
                    prop_assert!(requests.deadline().is_none_or(|deadline| deadline > now));
                }
                Move::LoseConnection => {
                    published.clear();
                    for (token, error) in requests.connection_lost("gone") {
                        prop_assert!(matches!(error, Error::ConnectionLost { .. }), "not lost");
                        prop_assert!(open.remove(&token));
                    }
                    prop_assert!(!requests.awaits_answer());
                }
                Move::Forget { modulus } => {
                    requests.forget(|token| token % modulus == 0);
                    open.retain(|token| token % modulus != 0);
                }
            }
            prop_assert_eq!(requests.len(), open.len());
            prop_assert_eq!(requests.is_empty(), open.is_empty());
        }
        let left: Vec<u32> = requests.drain().collect();
        prop_assert_eq!(left, open.into_iter().collect::<Vec<_>>());
        prop_assert!(requests.next_unsent(Instant::now()).is_none());
    }
}

/// A table with one published request; yields it with the request's identifier.
fn published(request: Request) -> (Requests<u32>, String) {
    let now = Instant::now();
    let mut requests = Requests::new(0xAB);
    requests.insert(request, now, now + Duration::from_secs(1), 1);
    let (topic, _) = requests.next_unsent(Instant::now()).unwrap();
    (requests, rid(&topic))
}

#[test]
fn a_new_connection_gets_them_again_in_the_order_of_the_calls() {
    let now = Instant::now();
    let mut requests = Requests::new(1);
    for token in 0..40 {
        requests.insert(patch(None), now, now + Duration::from_secs(1), token);
    }
    let all = |requests: &mut Requests<u32>| -> Vec<String> {
        std::iter::from_fn(|| requests.next_unsent(Instant::now())).map(|(topic, _)| topic).collect()
    };
    let first = all(&mut requests);
    assert!(requests.connection_lost("gone").is_empty());
    requests.insert(Request::Get, now, now, 40);
    let second = all(&mut requests);
    assert_eq!(second[..40], first, "the same requests with the same identifiers");
    assert!(second[40].contains("twin/GET"));
    assert!(requests.next_unsent(Instant::now()).is_none());
}

#[test]
fn a_conditional_patch_is_lost_with_its_connection_only_if_it_was_published() {
    let (mut requests, _) = published(patch(Some(4)));
    let lost = requests.connection_lost("the hub closed the connection");
    let [(1, Error::ConnectionLost { reason })] = lost.as_slice() else { panic!("{lost:?}") };
    assert!(reason.contains("closed the connection") && reason.contains("may or may not"), "{reason}");
    assert!(requests.is_empty());

    let now = Instant::now();
    requests.insert(patch(Some(4)), now, now + Duration::from_secs(1), 2);
    assert!(requests.connection_lost("again").is_empty());
    let (topic, _) = requests.next_unsent(Instant::now()).unwrap();
    assert!(topic.ends_with("&$version=4"), "{topic}");
}

#[test]
fn answers_are_told_apart_by_what_was_asked() {
    let (mut requests, id) = published(Request::Get);
    let (_, outcome) = requests.answer(&id, 200, None, TWIN).unwrap();
    let Ok(Answer::Twin(twin)) = outcome else { panic!("{outcome:?}") };
    assert_eq!((twin.desired_version, twin.reported_version), (4, 7));
    assert_eq!(twin.desired, serde_json::json!({"a": 1}));

    let (mut requests, id) = published(patch(None));
    let (_, outcome) = requests.answer(&id, 204, Some(9), b"").unwrap();
    let Ok(Answer::Patched(patched)) = outcome else { panic!("{outcome:?}") };
    assert_eq!((patched.version, patched.status, patched.request_id == id), (9, 204, true));
}

#[test]
fn rubbish_is_a_bad_answer() {
    let bodies: [&[u8]; 8] = [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        br#"{"desired":{"$version":1}}"#,
        br#"{"desired":{"$version":1},"reported":{}}"#,
        br#"{"desired":{"$version":"1"},"reported":{"$version":1}}"#,
    ];
    for body in bodies {
        let (mut requests, id) = published(Request::Get);
        let (_, outcome) = requests.answer(&id, 200, None, body).unwrap();
        assert!(matches!(outcome, Err(Error::BadAnswer { .. })), "{body:?}: {outcome:?}");
    }
    let deep = "[".repeat(100_000);
    let (mut requests, id) = published(Request::Get);
    let (_, outcome) = requests.answer(&id, 200, None, deep.as_bytes()).unwrap();
    assert!(matches!(outcome, Err(Error::BadAnswer { .. })));

    let (mut requests, id) = published(patch(None));
    let (_, outcome) = requests.answer(&id, 204, None, b"").unwrap();
    assert!(matches!(outcome, Err(Error::BadAnswer { .. })), "{outcome:?}");
}

#[test]
fn refusals_carry_what_the_hub_said() {
    for status in [400, 404, 412, 429, 500, 503] {
        for body in [&br#"{"errorCode":429001,"message":"slow down","retryAfter":7}"#[..], b"no json", b""] {
            let (mut requests, id) = published(patch(None));
            let (_, outcome) = requests.answer(&id, status, None, body).unwrap();
            let Err(Error::RequestFailed { status: got, error }) = outcome else { panic!("{outcome:?}") };
            assert_eq!((got, error.status), (status, status));
            assert!(!error.message.is_empty());
            if body.starts_with(b"{") {
                assert_eq!((error.error_code, error.retry_after), (Some(429_001), Some(7)));
            }
        }
    }
}

#[test]
fn what_ends_unsent_leaves_nothing_behind() {
    let now = Instant::now();
    let mut requests = Requests::new(1);
    for round in 0..100 {
        requests.insert(Request::Get, now, now + Duration::from_millis(1), round);
        let expired = requests.expire(now + Duration::from_millis(1));
        assert_eq!(expired.len(), 1);
        assert_eq!((expired[0].0, expired[0].2), (round, Duration::from_millis(1)));
    }
    let shown = format!("{requests:?}");
    assert!(shown.contains("unsent: []"), "{shown}");
}

#[test]
fn the_text_is_kept_as_it_is() {
    let text = Bytes::from_static(b" {\"a\" : 1.50} ");
    let patch = ReportedProperties::from_json(text.clone()).unwrap();
    assert_eq!((patch.payload().as_ptr(), patch.size()), (text.as_ptr(), text.len()));
}

#[test]
fn no_patch_is_made_of_what_the_service_refuses() {
    for (text, rule) in [("[1]", TwinRule::NotAnObject), ("{\"$a\":1}", TwinRule::KeyCharacter('$'))] {
        match ReportedProperties::from_json(text) {
            Err(PatchTextError::Refused(error)) => assert_eq!(error.rule, rule),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(ReportedProperties::from_json("{\"a\":"), Err(PatchTextError::NotJson(_))));
    assert!(matches!(ReportedProperties::from_json(&b"{\"\xff\":1}"[..]), Err(PatchTextError::NotJson(_))));
}
