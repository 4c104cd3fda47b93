//! What is kept from one connection to the next, and in which order things leave.

use super::support::{Peer, message};
use crate::manual::{End, EventKind};
use azmqtt_mqtt::{Disconnect, Packet, PubAck, Publish, QoS, ReasonCode, SubAck, SubscribeFilter, UnsubAck};

#[tokio::test]
async fn what_is_said_before_the_broker_accepts_waits_and_leaves_in_order() {
    let peer = Peer::new(10).await;
    peer.client.publish(1, message(QoS::AtMostOnce, "lost")).unwrap();
    peer.client.publish(2, message(QoS::AtLeastOnce, "kept")).unwrap();
    let (_, mut line) = peer.open(Peer::connect_packet()).await;
    peer.client.subscribe(3, vec![SubscribeFilter::new("a/#", QoS::AtLeastOnce)]).unwrap();
    peer.client.publish(4, message(QoS::AtMostOnce, "early")).unwrap();
    peer.client.unsubscribe(5, vec!["a/#".to_owned()]).unwrap();
    peer.client.disconnect();
    line.write(Packet::ConnAck(azmqtt_mqtt::ConnAck::new(ReasonCode::Success, false))).await;
    let Packet::Publish(Publish { packet_id: 1, payload, .. }) = line.read().await else {
        panic!("no publish")
    };
    assert_eq!(&payload[..], b"kept");
    assert!(matches!(line.read().await, Packet::Subscribe(_)));
    let Packet::Publish(early) = line.read().await else { panic!("no publish") };
    assert_eq!((&early.payload[..], early.qos), (&b"early"[..], QoS::AtMostOnce));
    assert!(matches!(line.read().await, Packet::Unsubscribe(_)));
    assert_eq!(line.read().await, Packet::Disconnect(Disconnect::normal()));
    assert!(line.is_over().await);
    assert_eq!(peer.happens().await, EventKind::Connected { session_present: false });
    assert_eq!(peer.happens().await, EventKind::Written(4));
    assert_eq!(peer.happens().await, EventKind::Ended(End::Disconnected));
}

#[tokio::test]
async fn answers_come_back_under_the_numbers_of_the_application() {
    let peer = Peer::new(10).await;
    let (_, mut line) = peer.connected(false).await;
    let filters =
        vec![SubscribeFilter::new("a", QoS::AtLeastOnce), SubscribeFilter::new("b", QoS::AtMostOnce)];
    peer.client.subscribe(700, filters).unwrap();
    let Packet::Subscribe(subscribe) = line.read().await else { panic!("no subscribe") };
    let reasons = vec![ReasonCode::GrantedQoS1, ReasonCode::UnspecifiedError];
    line.write(Packet::SubAck(SubAck::new(subscribe.packet_id, reasons))).await;
    assert_eq!(peer.happens().await, EventKind::Subscribed(700, vec![1, 128]));
    peer.client.unsubscribe(701, vec!["a".to_owned()]).unwrap();
    let Packet::Unsubscribe(unsubscribe) = line.read().await else { panic!("no unsubscribe") };
    line.write(Packet::UnsubAck(UnsubAck::new(unsubscribe.packet_id, vec![]))).await;
    assert_eq!(peer.happens().await, EventKind::Unsubscribed(701));
    peer.client.publish(702, message(QoS::AtLeastOnce, "x")).unwrap();
    let Packet::Publish(publish) = line.read().await else { panic!("no publish") };
    line.write(Packet::PubAck(PubAck::new(publish.packet_id))).await;
    assert_eq!(peer.happens().await, EventKind::Acknowledged(702));
}

#[tokio::test]
async fn messages_in_flight_are_sent_again_and_the_window_holds_the_others_back() {
    let peer = Peer::new(2).await;
    let (_, mut line) = peer.connected(false).await;
    for mid in 1..=4 {
        peer.client.publish(mid, message(QoS::AtLeastOnce, &mid.to_string())).unwrap();
    }
    for _ in 0..2 {
        assert!(matches!(line.read().await, Packet::Publish(Publish { dup: false, .. })));
    }
    drop(line);
    assert!(matches!(peer.happens().await, EventKind::Ended(End::Lost(_))));
    for session_present in [true, false] {
        let (_, mut line) = peer.connected(session_present).await;
        for body in ["1", "2"] {
            let Packet::Publish(publish) = line.read().await else { panic!("no publish") };
            // A broker that forgot the session has never seen it.
            assert_eq!((&publish.payload[..], publish.dup), (body.as_bytes(), session_present));
        }
        drop(line);
        assert!(matches!(peer.happens().await, EventKind::Ended(End::Lost(_))));
    }
    peer.client.forget_messages();
    let (_, mut line) = peer.connected(false).await;
    peer.client.disconnect();
    assert_eq!(line.read().await, Packet::Disconnect(Disconnect::normal()));
}

#[tokio::test]
async fn a_message_is_acknowledged_on_its_own_connection_only() {
    let peer = Peer::new(2).await;
    let mut incoming = message(QoS::AtLeastOnce, "in");
    incoming.packet_id = 9;
    let (first, mut line) = peer.connected(false).await;
    line.write(Packet::Publish(incoming.clone())).await;
    assert_eq!(peer.happens().await, EventKind::Message(incoming.clone()));
    drop(line);
    assert!(matches!(peer.happens().await, EventKind::Ended(End::Lost(_))));
    let (second, mut line) = peer.connected(true).await;
    line.write(Packet::Publish(incoming.clone())).await;
    assert_eq!(peer.happens().await, EventKind::Message(incoming));
    peer.client.acknowledge(first, 9);
    peer.client.publish(1, message(QoS::AtMostOnce, "between")).unwrap();
    assert!(matches!(line.read().await, Packet::Publish(_)));
    peer.client.acknowledge(second, 9);
    assert_eq!(line.read().await, Packet::PubAck(PubAck::new(9)));
}

#[tokio::test]
async fn a_new_connection_takes_the_place_of_the_old_one() {
    let peer = Peer::new(2).await;
    let (_, mut old) = peer.connected(false).await;
    let (_, mut new) = peer.connected(false).await;
    assert!(old.is_over().await);
    peer.client.publish(1, message(QoS::AtMostOnce, "x")).unwrap();
    assert!(matches!(new.read().await, Packet::Publish(_)));
    assert_eq!(peer.happens().await, EventKind::Written(1));
    peer.client.drop_connection();
    assert!(new.is_over().await);
}
