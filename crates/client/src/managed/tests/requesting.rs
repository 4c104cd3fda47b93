//! Requests: their answers are found by response topic and correlation data.

use std::time::Duration;

use super::support::{LONG, Line, Outcome, ask, body, connected, message, next};
use crate::managed::{Client, Error, Received};
use azmqtt_mqtt::{Level, Packet, PropertiesBuilder, PubAck, Publish, QoS, ReasonCode, SubAck};

fn request(client: &Client, text: &str, response_topic: Option<&str>) -> Outcome<Received> {
    let response_topic = response_topic.map(str::to_owned);
    ask(|reply| client.request(message("service", text), response_topic, LONG, reply))
}

/// Answers a request, with its correlation data or other ones.
async fn answer(line: &mut Line, request: &Publish, text: &str, correlation: Option<&[u8]>) {
    let topic = request.properties.response_topic().unwrap();
    let correlation = correlation.or(request.properties.correlation_data()).unwrap();
    let properties = PropertiesBuilder::new().correlation_data(correlation).build().unwrap();
    let publish = Publish { properties, ..Publish::new(topic, QoS::AtMostOnce, text.to_owned()) };
    line.write(Packet::Publish(publish)).await;
}

#[tokio::test]
async fn a_request_subscribes_once_and_finds_its_answer() {
    let (client, _peer, mut line) = connected(Level::Mqtt5, |_| {}).await;
    let outcomes = ["1", "2"].map(|text| request(&client, text, None));
    assert_eq!(line.grant().await, ["clients/test/service"]);
    let asked = [line.message().await, line.message().await];
    for publish in &asked {
        assert_eq!(publish.properties.response_topic(), Some("clients/test/service"));
        assert_eq!(publish.properties.correlation_data().unwrap().len(), 16);
        line.puback(publish.packet_id).await;
    }
    assert_ne!(asked[0].properties.correlation_data(), asked[1].properties.correlation_data());
    // In another order than they were asked.
    answer(&mut line, &asked[1], "two", None).await;
    answer(&mut line, &asked[0], "one", None).await;
    let [first, second] = outcomes;
    assert_eq!(body(&first.get().await.unwrap()), "one");
    assert_eq!(body(&second.get().await.unwrap()), "two");
    let stats = client.stats();
    assert_eq!((stats.requests_answered, stats.replies_unmatched, stats.outstanding), (2, 0, 0));
}

#[tokio::test]
async fn other_correlation_data_answer_nothing_and_are_counted() {
    let (client, _peer, mut line) = connected(Level::Mqtt5, |_| {}).await;
    let receiver = client.receiver(Some("answers")).unwrap();
    let short = Duration::from_millis(300);
    let outcome =
        ask(|reply| client.request(message("service", "x"), Some("answers".to_owned()), short, reply));
    line.grant().await;
    let asked = line.message().await;
    line.puback(asked.packet_id).await;
    for wrong in [&b"0123456789abcdef"[..], b"", b"short"] {
        answer(&mut line, &asked, "wrong", Some(wrong)).await;
        assert_eq!(body(&next(&receiver).await), "wrong");
    }
    assert!(matches!(outcome.get().await, Err(Error::Timeout { operation: "request", .. })));
    // The right ones come too late.
    answer(&mut line, &asked, "late", None).await;
    assert_eq!(body(&next(&receiver).await), "late");
    assert_eq!((client.stats().replies_unmatched, client.stats().requests_answered), (4, 0));
}

#[tokio::test]
async fn a_request_that_cannot_be_is_told_why() {
    let (client, _peer, mut line) = connected(Level::Mqtt5, |_| {}).await;
    let outcome = request(&client, "x", Some("forbidden"));
    let asked = line.subscription().await;
    let codes = vec![ReasonCode::NotAuthorized];
    line.write(Packet::SubAck(SubAck::new(asked.packet_id, codes.clone()))).await;
    assert_eq!(outcome.get().await, Err(Error::SubscribeRefused { codes, reason: None }));
    // The next one asks again.
    let outcome = request(&client, "x", Some("forbidden"));
    line.grant().await;
    let id = line.message().await.packet_id;
    line.write(Packet::PubAck(PubAck::with_reason(id, ReasonCode::QuotaExceeded))).await;
    let refused = Error::PublishRefused { code: ReasonCode::QuotaExceeded, reason: None };
    assert_eq!(outcome.get().await, Err(refused));
    let bad = request(&client, "x", Some("a/+")).get().await;
    assert!(matches!(bad, Err(Error::Invalid { .. })));
    assert_eq!(client.stats().outstanding, 0);
}

#[tokio::test]
async fn a_timeout_says_that_nobody_subscribes() {
    let (client, _peer, mut line) = connected(Level::Mqtt5, |_| {}).await;
    let short = Duration::from_millis(300);
    let outcome = ask(|reply| client.request(message("service", "x"), None, short, reply));
    line.grant().await;
    let id = line.message().await.packet_id;
    line.write(Packet::PubAck(PubAck::with_reason(id, ReasonCode::NoMatchingSubscribers))).await;
    let Err(Error::Timeout { known, .. }) = outcome.get().await else { panic!("no timeout") };
    assert!(known.unwrap().contains("no subscriber"));
}

#[tokio::test]
async fn an_answer_is_awaited_across_a_lost_connection() {
    let (client, peer, mut line) = connected(Level::Mqtt5, |_| {}).await;
    let outcome = request(&client, "x", None);
    line.grant().await;
    let asked = line.message().await;
    line.puback(asked.packet_id).await;
    // Until the PUBACK is taken in.
    while client.stats().in_flight > 0 {
        tokio::task::yield_now().await;
    }
    drop(line);
    let mut line = peer.connected(true).await;
    answer(&mut line, &asked, "late", None).await;
    assert_eq!(body(&outcome.get().await.unwrap()), "late");
}
