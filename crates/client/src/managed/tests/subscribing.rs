//! Subscriptions: asked for, refused, and back after a lost session.

use super::support::{LONG, Peer, ask, client, subscribe};
use crate::managed::Error;
use azmqtt_mqtt::{Level, Packet, QoS, ReasonCode, RetainHandling, SubAck, SubscribeFilter, UnsubAck};

#[tokio::test]
async fn the_codes_of_all_filters_come_back() {
    let (peer, config) = Peer::new(Level::Mqtt311).await;
    let client = client(config);
    let filters = ["a", "b"].map(|filter| SubscribeFilter::new(filter, QoS::AtLeastOnce)).to_vec();
    let outcome = ask(|reply| client.subscribe(filters.clone(), LONG, reply));
    let mut line = peer.connected(false).await;
    assert_eq!(line.grant().await, ["a", "b"]);
    assert_eq!(outcome.get().await, Ok(vec![ReasonCode::GrantedQoS1; 2]));
    let outcome = ask(|reply| client.subscribe(filters, LONG, reply));
    let asked = line.subscription().await;
    let codes = vec![ReasonCode::Success, ReasonCode::UnspecifiedError];
    line.write(Packet::SubAck(SubAck::new(asked.packet_id, codes.clone()))).await;
    assert_eq!(outcome.get().await, Err(Error::SubscribeRefused { codes, reason: None }));
}

#[tokio::test]
async fn what_has_no_answer_is_asked_again_on_the_next_connection() {
    let (peer, config) = Peer::new(Level::Mqtt311).await;
    let client = client(config);
    let outcomes = [subscribe(&client, "a"), subscribe(&client, "b")];
    let mut line = peer.connected(false).await;
    line.subscription().await;
    drop(line);
    let mut line = peer.connected(true).await;
    assert_eq!([line.grant().await, line.grant().await], [["a"], ["b"]]);
    for outcome in outcomes {
        assert!(outcome.get().await.is_ok());
    }
}

#[tokio::test]
async fn they_come_back_after_a_lost_session_and_only_then() {
    let (peer, config) = Peer::new(Level::Mqtt311).await;
    let client = client(config);
    let outcomes = ["a", "b"].map(|filter| subscribe(&client, filter));
    let mut line = peer.connected(false).await;
    for outcome in outcomes {
        line.grant().await;
        outcome.get().await.unwrap();
    }
    let gone = ask(|reply| client.unsubscribe(vec!["a".to_owned()], LONG, reply));
    let Packet::Unsubscribe(asked) = line.read().await else { panic!("no UNSUBSCRIBE") };
    line.write(Packet::UnsubAck(UnsubAck::new(asked.packet_id, Vec::new()))).await;
    assert_eq!(gone.get().await, Ok(vec![ReasonCode::Success]));
    drop(line);
    let mut line = peer.connected(true).await;
    let nothing = subscribe(&client, "c");
    assert_eq!(line.grant().await, ["c"], "the broker remembers the others");
    nothing.get().await.unwrap();
    drop(line);
    let mut line = peer.connected(false).await;
    assert_eq!(line.grant().await, ["b", "c"]);
}

#[tokio::test]
async fn what_is_no_filter_is_refused_before_anything_is_sent() {
    let (_peer, config) = Peer::new(Level::Mqtt311).await;
    let client = client(config);
    for filter in ["", "a/#/b", "a+", "$share/g"] {
        assert!(matches!(subscribe(&client, filter).get().await, Err(Error::Invalid { .. })), "{filter}");
    }
    let none = ask(|reply| client.subscribe(Vec::new(), LONG, reply)).get().await;
    assert!(matches!(none, Err(Error::Invalid { .. })));
    let options = SubscribeFilter {
        retain_handling: RetainHandling::Never,
        ..SubscribeFilter::new("a", QoS::AtMostOnce)
    };
    let refused = ask(|reply| client.subscribe(vec![options], LONG, reply)).get().await;
    assert!(matches!(refused, Err(Error::NeedsMqtt5 { .. })));
    assert!(matches!(client.receiver(Some("a+")), Err(Error::Invalid { .. })));
}
