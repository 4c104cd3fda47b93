//! The ring with its readers, the parameters, and whole answers.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderValue};
use futures_util::StreamExt;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

const OFFER: Offer<'_> = Offer {
    kinds: &["events"],
    several: false,
    who: "device",
    modules: true,
    topics: false,
    types: &["twin.reported", "twin.desired", "throttled"],
};

const SEVERAL: Offer<'_> = Offer { kinds: &["telemetry", "events"], several: true, ..OFFER };

fn asked(query: &str) -> Result<Asked, QueryError> {
    Asked::read(Some(query), &HeaderMap::new(), OFFER)
}

fn events(most: usize) -> Arc<Events> {
    Arc::new(Events::new("device_id", most, usize::MAX))
}

fn push(events: &Events, device: &str) {
    events.push(Event::new("twin.reported").about(device, None));
}

/// The objects of a whole answer.
async fn objects(asked: Asked, feeds: Vec<Arc<dyn Feed>>) -> Vec<Value> {
    let answer = Arc::new(Streams::default()).open(asked, feeds).unwrap();
    let mut body = answer.into_body().into_data_stream();
    let mut text = Vec::new();
    while let Some(chunk) = body.next().await {
        text.extend_from_slice(&chunk.unwrap());
    }
    String::from_utf8(text).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

proptest! {
    /// Whatever is written between the reads of a reader, and however little is kept: each event is read or counted as lost,
    /// once, in order.
    #[test]
    fn a_reader_misses_nothing_that_it_is_not_told_of(
        most in 1_usize..20,
        pushes in prop::collection::vec((0_usize..40, 0_u8..3), 0..40),
    ) {
        let events = events(most);
        let filter = Filter { who: Some("1".to_owned()), ..Filter::default() };
        let (mut position, mut total) = (0, 0_u64);
        let mut wanted = Vec::new();
        for (count, device) in pushes {
            for _ in 0..count {
                push(&events, &device.to_string());
                total += 1;
                if device == 1 { wanted.push(total); }
            }
            loop {
                let page = events.read(position, &filter);
                prop_assert!(page.lost == 0 || page.entries.len() <= most);
                let gone = position + page.lost;
                let read: Vec<_> = page.entries.iter().map(|entry| entry.id).collect();
                let due = wanted.iter().copied().filter(|id| (gone + 1..=page.reached).contains(id));
                prop_assert_eq!(read, due.collect::<Vec<_>>());
                if page.reached == position { break; }
                position = page.reached;
            }
            prop_assert_eq!(position, total);
        }
    }

    #[test]
    fn no_query_is_too_strange(query in ".{0,80}", last in "[ -~]{0,30}") {
        let mut headers = HeaderMap::new();
        headers.insert("last-event-id", HeaderValue::from_str(&last).unwrap());
        for offer in [OFFER, SEVERAL] {
            let _ = Asked::read(Some(&query), &headers, offer);
        }
    }

    #[test]
    fn what_is_asked_for_is_understood(
        since in any::<u64>(), wait in 0_u32..600_000, limit in 1..u64::MAX, device in "[a-zA-Z0-9._:-]{1,20}",
    ) {
        let asked = asked(&format!("limit={limit}&since={since}&wait={wait}.5&device={device}")).unwrap();
        prop_assert_eq!(asked.kinds, vec![("events", Since::After(since))]);
        prop_assert_eq!(asked.wait, Some(Duration::from_millis(u64::from(wait) * 1000 + 500)));
        prop_assert_eq!(asked.limit, Some(limit));
        prop_assert_eq!(asked.filter.who, Some(device));
    }
}

#[test]
fn bytes_are_a_bound_too() {
    let events = Events::new("device_id", 100, 1000);
    for _ in 0..50 {
        push(&events, "d");
    }
    let page = events.read(0, &Filter::default());
    assert!(events.bytes() <= 1000 && page.entries.len() < 10, "{} bytes", events.bytes());
    assert_eq!(page.lost, 50 - page.entries.len() as u64);
    assert_eq!(events.count("twin.reported"), 50);
}

#[test]
fn what_cannot_be_asked_for_is_named() {
    let refused = |query: &str, name: &str| {
        let error = asked(query).unwrap_err().to_string();
        assert!(error.contains(name), "{query}: {error}");
    };
    refused("devices=a", "devices");
    refused("kinds=events", "kinds");
    refused("topic=a", "topic");
    refused("wait=-1", "wait");
    refused("wait=1e3", "wait");
    refused("wait=nan", "wait");
    refused("wait=99999999", "wait");
    refused("limit=0", "limit");
    refused("rate=0", "rate");
    refused("since=+1", "since");
    refused("since=99999999999999999999", "since");
    refused("since=events:1", "since");
    refused("type=twin.", "type");
    refused("type=", "type");
    refused("module=m", "module");
    refused("device=%ff", "device");
    refused("since=1&since=2", "since");
}

#[test]
fn the_kinds_of_a_stream_begin_where_each_was() {
    let read = |query: &str| Asked::read(Some(query), &HeaderMap::new(), SEVERAL).map(|asked| asked.kinds);
    let (kept, after) = (Since::Kept, Since::After);
    assert_eq!(read("").unwrap(), [("telemetry", kept), ("events", kept)]);
    assert_eq!(read("since=events:7").unwrap(), [("telemetry", kept), ("events", after(7))]);
    assert_eq!(read("kinds=events&since=telemetry:1,events:7").unwrap(), [("events", after(7))]);
    assert_eq!(read("since=now").unwrap(), [("telemetry", Since::Now), ("events", Since::Now)]);
    assert!(read("since=7").is_err());
    assert!(read("kinds=").is_err());
}

#[test]
fn a_browser_that_comes_back_shows_where_it_was() {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("text/html, text/event-stream;q=0.9"));
    headers.insert("last-event-id", HeaderValue::from_static("12"));
    let asked = Asked::read(Some("since=now"), &headers, OFFER).unwrap();
    assert_eq!((asked.form, asked.wait), (Form::Events, None));
    assert_eq!(asked.kinds, [("events", Since::After(12))]);
}

#[test]
fn an_entry_is_one_line_whatever_is_in_it() {
    let events = events(10);
    let members = Members::default().with("reason", "a\n\"b\"\u{2028}").with_bytes("body", b"\xff");
    events.push(Event::new("twin.reported").about("d\r\n", Some("m")).saying(members));
    let page = events.read(0, &Filter::default());
    let object = Form::object(Some("events"), &page.entries[0]);
    assert!(!object.contains(['\n', '\r']));
    let value: Value = serde_json::from_str(&object).unwrap();
    assert_eq!(
        (&value["kind"], &value["id"], &value["type"]),
        (&"events".into(), &1.into(), &"twin.reported".into())
    );
    assert_eq!((&value["device_id"], &value["module_id"]), (&"d\r\n".into(), &"m".into()));
    assert_eq!((&value["reason"], &value["body_base64"]), (&"a\n\"b\"\u{2028}".into(), &"/w==".into()));
    let mut out = String::new();
    Form::Events.write(&mut out, "{}", "3");
    Form::Events.write_lost(&mut out, &Form::lost_object(None, 7, 4), "7");
    Form::Lines.write_lost(&mut out, &Form::lost_object(None, 7, 4), "7");
    let expected =
        "id: 3\ndata: {}\n\nevent: lost\nid: 7\ndata: {\"id\":7,\"lost\":4}\n\n{\"id\":7,\"lost\":4}\n";
    assert_eq!(out, expected);
}

#[tokio::test]
async fn an_answer_has_what_is_kept_and_what_is_lost() {
    let ring = events(600);
    for _ in 0..1000 {
        push(&ring, "d");
    }
    let all = objects(asked("").unwrap(), vec![ring.clone()]).await;
    assert_eq!((all.len(), &all[0]["id"], &all[599]["id"]), (600, &401.into(), &1000.into()));
    let since = objects(asked("since=100").unwrap(), vec![ring.clone()]).await;
    assert_eq!((since.len(), &since[0]["lost"], &since[0]["id"]), (601, &300.into(), &400.into()));
    let few = objects(asked("since=100&limit=2").unwrap(), vec![ring.clone()]).await;
    assert_eq!((few.len(), &few[2]["id"]), (3, &402.into()));
    // A number of an earlier run.
    assert_eq!(objects(asked("since=5000&limit=1").unwrap(), vec![ring.clone()]).await[0]["lost"], 400);
    assert!(objects(asked("device=e").unwrap(), vec![ring.clone()]).await.is_empty());
    assert!(objects(asked("since=now").unwrap(), vec![ring]).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_a_rate_has_the_newest_and_counts_the_others() {
    let ring = events(2000);
    (0..1000).for_each(|_| push(&ring, "d"));
    let streams = Arc::new(Streams::default());
    let answer = streams.open(asked("rate=100&wait=10").unwrap(), vec![ring.clone()]).unwrap();
    let reader = tokio::spawn(answer.into_body().into_data_stream().collect::<Vec<_>>());
    // Twice the rate, for five seconds.
    for _ in 0..500 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        push(&ring, "d");
        push(&ring, "d");
    }
    let chunks: Vec<_> = reader.await.unwrap().into_iter().map(Result::unwrap).collect();
    let text = String::from_utf8(chunks.concat()).unwrap();
    let objects: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (mut reached, mut shown, mut lost) = (900, 0, 0);
    for object in &objects {
        let count = object["lost"].as_u64();
        reached += count.unwrap_or(1);
        assert_eq!(object["id"], reached, "each is shown or counted, in order");
        lost += count.unwrap_or_default();
        shown += u64::from(count.is_none());
    }
    assert_eq!(reached, 2000);
    assert!((550..=650).contains(&shown), "{shown} shown, {lost} lost");
    assert!(chunks.len() < 400, "{} chunks: entries are gathered", chunks.len());
}

#[tokio::test(start_paused = true)]
async fn a_rate_never_leaves_out_the_newest() {
    let ring = events(10);
    (0..50).for_each(|_| push(&ring, "old"));
    let streams = Arc::new(Streams::default());
    let answer = streams.open(asked("rate=20&wait=10").unwrap(), vec![ring.clone()]).unwrap();
    let slow = streams.open(asked("rate=1&wait=10&since=now").unwrap(), vec![ring.clone()]).unwrap();
    let read = |answer: axum::response::Response| {
        tokio::spawn(answer.into_body().into_data_stream().collect::<Vec<_>>())
    };
    let (answer, slow) = (read(answer), read(slow));
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        push(&ring, "new");
    }
    let text = |chunks: Vec<Result<_, _>>| {
        String::from_utf8(chunks.into_iter().flat_map(Result::unwrap).collect()).unwrap()
    };
    let text = text(slow.await.unwrap()) + "-\n" + &text(answer.await.unwrap());
    let object = |line: &str| {
        serde_json::from_str::<Value>(line).map(|object| (object["id"].clone(), object["lost"].clone()))
    };
    let shown: Vec<_> = text.lines().map(|line| object(line).unwrap_or_default()).collect();
    let entry = |id: u64| (Value::from(id), Value::Null);
    // Of three in a row the first comes at once, the last when a second is over.
    assert_eq!(shown[..3], [entry(51), (52.into(), 1.into()), entry(53)]);
    // What was gone before is not told as lost.
    assert_eq!(shown[4..], (41..=53).map(entry).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_by_comments_until_the_time_is_over() {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    let asked = Asked::read(Some("wait=40"), &headers, OFFER).unwrap();
    let streams = Arc::new(Streams::default());
    let answer = streams.open(asked, vec![events(1)]).unwrap();
    assert_eq!(streams.count(), 1);
    let chunks: Vec<_> = answer.into_body().into_data_stream().collect().await;
    assert_eq!(chunks.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [":\n\n", ":\n\n"]);
    assert_eq!(streams.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_waits_is_woken_by_the_next_entry() {
    let (streams, ring) = (Arc::new(Streams::default()), events(10));
    for device in ["first", "second"] {
        let answer = streams.open(asked("since=now&wait=600").unwrap(), vec![ring.clone()]).unwrap();
        let begun = tokio::time::Instant::now();
        let mut chunks = answer.into_body().into_data_stream();
        let reader = tokio::spawn(async move { chunks.next().await });
        tokio::task::yield_now().await;
        push(&ring, device);
        let chunk = reader.await.unwrap().unwrap().unwrap();
        assert!(String::from_utf8_lossy(&chunk).contains(device));
        assert!(begun.elapsed() < Duration::from_secs(1), "it comes before the end of the wait");
    }
}

#[tokio::test(start_paused = true)]
async fn all_answers_end_with_the_service_once_they_have_said_all() {
    let (streams, ring) = (Arc::new(Streams::default()), events(10));
    let answer = streams.open(asked("wait=600").unwrap(), vec![ring.clone()]).unwrap();
    let reader = tokio::spawn(answer.into_body().into_data_stream().collect::<Vec<_>>());
    // One that nobody reads is not waited for.
    let stalled = streams.open(asked("wait=600").unwrap(), vec![ring.clone()]).unwrap();
    tokio::task::yield_now().await;
    push(&ring, "last");
    streams.end().await;
    let said = reader.await.unwrap();
    assert!(said[0].as_ref().is_ok_and(|chunk| chunk.windows(4).any(|part| part == b"last")));
    drop(stalled);
    assert_eq!(streams.count(), 0);
}

#[tokio::test]
async fn there_are_so_many_answers_and_no_more() {
    let streams = Arc::new(Streams::default());
    let open = || streams.open(asked("wait=1").unwrap(), vec![events(1)]);
    let mut answers: Vec<_> = (0..64).map(|_| open().unwrap()).collect();
    assert!(open().is_err());
    answers.pop();
    assert!(open().is_ok());
}

#[test]
fn threads_wait_for_events() {
    let ring = events(10);
    assert!(ring.wait(0, Duration::from_millis(5)).is_empty());
    let waiting = std::thread::spawn({
        let ring = ring.clone();
        move || ring.wait(0, Duration::from_secs(10))
    });
    push(&ring, "d");
    let lines = waiting.join().unwrap();
    assert!(lines[0].starts_with(r#"{"id":1,"time":""#), "{lines:?}");
    (0..20).for_each(|_| push(&ring, "d"));
    assert_eq!(ring.wait(1, Duration::ZERO)[0], r#"{"id":11,"lost":10}"#);
}
