//! Messages that come in: to every receiver that wants them, acknowledged in order.

use super::support::{body, connected, next, until};
use crate::changes::StateChanges;
use crate::managed::{InboxLimits, Received};
use crate::watch::State;
use azmqtt_mqtt::{Level, Packet};

#[tokio::test]
async fn every_receiver_that_wants_a_message_gets_it() {
    let (client, _peer, mut line) = connected(Level::Mqtt311, |_| {}).await;
    let all = client.receiver(None).unwrap();
    let some = client.receiver(Some("a/+")).unwrap();
    line.deliver("a/b", "1", 1).await;
    line.deliver("c", "2", 2).await;
    assert_eq!(body(&next(&some).await), "1");
    let first = next(&all).await;
    assert_eq!((first.publish.topic.as_str(), body(&first)), ("a/b", "1"));
    // One of the two is done with the first one.
    drop(some);
    assert_eq!(body(&next(&all).await), "2");
    all.done();
    assert_eq!([line.acknowledged().await, line.acknowledged().await], [1, 2]);
}

#[tokio::test]
async fn acknowledgements_keep_the_order_of_arrival_across_receivers() {
    let (client, _peer, mut line) = connected(Level::Mqtt311, |_| {}).await;
    let [a, b] = ["a", "b"].map(|filter| client.receiver(Some(filter)).unwrap());
    line.deliver("a", "1", 1).await;
    line.deliver("b", "2", 2).await;
    line.deliver("nobody", "3", 3).await;
    next(&b).await;
    b.done();
    next(&a).await;
    a.done();
    for id in 1..=3 {
        assert_eq!(line.acknowledged().await, id);
    }
    assert_eq!(client.stats().messages_unclaimed, 1);
}

#[tokio::test]
async fn what_nobody_wants_is_acknowledged_and_counted() {
    let (client, _peer, mut line) = connected(Level::Mqtt311, |_| {}).await;
    line.deliver("t", "x", 7).await;
    assert_eq!(line.acknowledged().await, 7);
    assert_eq!(client.stats().messages_unclaimed, 1);
}

#[tokio::test]
async fn a_receiver_that_goes_leaves_its_messages_unclaimed() {
    let (client, _peer, mut line) = connected(Level::Mqtt311, |_| {}).await;
    let receiver = client.receiver(None).unwrap();
    for id in 1..=3 {
        line.deliver("t", "x", id).await;
    }
    next(&receiver).await;
    drop(receiver);
    for id in 1..=3 {
        assert_eq!(line.acknowledged().await, id);
    }
    assert_eq!(client.stats().messages_unclaimed, 2);
}

#[tokio::test]
async fn by_hand_the_application_acknowledges_in_any_order() {
    let (client, _peer, mut line) =
        connected(Level::Mqtt311, |config| config.manual_acknowledge = true).await;
    let receiver = client.receiver(None).unwrap();
    line.deliver("t", "1", 1).await;
    line.deliver("t", "2", 2).await;
    let [first, second]: [Received; 2] = [next(&receiver).await, next(&receiver).await];
    client.acknowledge(second.delivery.into_iter().collect());
    receiver.done();
    client.acknowledge(first.delivery.into_iter().collect());
    assert_eq!([line.acknowledged().await, line.acknowledged().await], [1, 2]);
}

#[tokio::test]
async fn a_full_receiver_drops_its_oldest_at_qos_0_only() {
    let limits = InboxLimits { messages: 3, bytes: 1000 };
    let (client, _peer, mut line) = connected(Level::Mqtt311, |config| config.inbox = limits).await;
    let receiver = client.receiver(Some("t")).unwrap();
    line.deliver("t", "kept", 1).await;
    for number in 0..10 {
        line.deliver("t", &number.to_string(), 0).await;
    }
    // What comes after is read, too.
    line.deliver("other", "x", 2).await;
    let other = client.receiver(Some("end")).unwrap();
    line.deliver("end", "x", 0).await;
    next(&other).await;
    let mut bodies = Vec::new();
    while let Some(received) = receiver.take() {
        bodies.push(body(&received).to_owned());
    }
    assert_eq!(bodies, ["kept", "8", "9"]);
    assert_eq!(client.stats().messages_dropped, 8);
}

#[tokio::test]
async fn what_is_not_acknowledged_comes_again_and_is_handed_over_once() {
    let (client, peer, mut line) = connected(Level::Mqtt311, |_| {}).await;
    let receiver = client.receiver(None).unwrap();
    line.deliver("t", "1", 1).await;
    line.deliver("t", "2", 2).await;
    assert_eq!(body(&next(&receiver).await), "1");
    let changes = StateChanges::of(client.state_changes());
    drop(line);
    let mut line = peer.connected(true).await;
    until(&changes, State::Connected).await;
    // The broker sends both again; the application has had one of them.
    line.deliver("t", "1", 1).await;
    line.deliver("t", "2", 2).await;
    line.deliver("t", "3", 3).await;
    assert_eq!(body(&next(&receiver).await), "1");
    assert_eq!(body(&next(&receiver).await), "2");
    assert_eq!(body(&next(&receiver).await), "3");
    receiver.done();
    for id in 1..=3 {
        assert_eq!(line.acknowledged().await, id);
    }
}

#[tokio::test]
async fn what_waits_when_the_session_is_lost_is_still_handed_over() {
    let (client, peer, mut line) = connected(Level::Mqtt311, |_| {}).await;
    let receiver = client.receiver(None).unwrap();
    line.deliver("t", "1", 1).await;
    while receiver.is_empty() {
        tokio::task::yield_now().await;
    }
    drop(line);
    let mut line = peer.connected(false).await;
    line.deliver("t", "2", 1).await;
    assert_eq!(body(&next(&receiver).await), "1");
    assert_eq!(body(&next(&receiver).await), "2");
    receiver.done();
    assert_eq!(line.acknowledged().await, 1);
}

#[tokio::test]
async fn what_finds_no_room_is_left_to_the_broker() {
    let (client, peer, mut line) = connected(Level::Mqtt311, |config| config.inbox.messages = 2).await;
    let receiver = client.receiver(None).unwrap();
    for (id, text) in [(1, "1"), (2, "2"), (3, "3")] {
        line.deliver("t", text, id).await;
    }
    assert_eq!(body(&next(&receiver).await), "1");
    assert_eq!(body(&next(&receiver).await), "2");
    receiver.done();
    assert_eq!([line.acknowledged().await, line.acknowledged().await], [1, 2]);
    assert!(matches!(line.rest().await[..], [Packet::Disconnect(_)]));
    // It asks for the third one by another connection.
    let mut line = peer.connected(true).await;
    line.deliver("t", "3", 3).await;
    assert_eq!(body(&next(&receiver).await), "3");
}
