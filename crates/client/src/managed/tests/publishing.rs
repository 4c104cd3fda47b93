//! Messages that go out.

use std::time::Duration;

use super::support::{LONG, Peer, ask, client, connect, message, publish};
use crate::limits::OutboxLimits;
use crate::managed::{Client, Error};
use crate::{Bulk, limits::LostSession};
use azmqtt_mqtt::{LARGEST_PACKET, Level, Publish, QoS};

#[tokio::test]
async fn a_message_at_qos_0_is_done_when_it_has_left() {
    let (peer, config) = Peer::new(Level::Mqtt311).await;
    let client = client(config);
    let sent = publish(&client, Publish::new("t", QoS::AtMostOnce, "x"));
    let mut line = peer.connected(false).await;
    assert!(sent.get().await.is_ok());
    assert_eq!(line.message().await.qos, QoS::AtMostOnce);
    assert_eq!(client.stats().messages_sent, 1);
}

#[tokio::test]
async fn many_messages_by_one_call_keep_their_order() {
    let (peer, config) = Peer::new(Level::Mqtt311).await;
    let client = client(config);
    let bulk = Bulk::new(client.clone(), LONG);
    let sending = async {
        let messages = (0..5000).map(|number: u32| message("t", &number.to_string()));
        bulk.send_all(messages).await
    };
    let taking = async {
        let mut line = peer.connected(false).await;
        for number in 0..5000 {
            let got = line.message().await;
            assert_eq!(&got.payload[..], number.to_string().as_bytes());
            line.puback(got.packet_id).await;
        }
    };
    let (sent, ()) = tokio::join!(sending, taking);
    assert_eq!(sent, Ok(()));
    assert_eq!((bulk.acknowledged(), bulk.refused().0), (5000, 0));
    assert_eq!(client.stats().outstanding, 0);
}

#[tokio::test]
async fn a_full_outbox_says_so_at_once() {
    let (peer, mut config) = Peer::new(Level::Mqtt311).await;
    config.outbox = OutboxLimits { messages: 2, bytes: 1000 };
    let client = client(config);
    let accepted = [publish(&client, message("t", "1")), publish(&client, message("t", "2"))];
    let full = publish(&client, message("t", "3")).get().await;
    assert_eq!(full, Err(Error::OutboxFull { messages: 2, bytes: 4 }));
    let mut line = peer.connected(false).await;
    for _ in 0..2 {
        let id = line.message().await.packet_id;
        line.puback(id).await;
    }
    for sent in accepted {
        assert!(sent.get().await.is_ok());
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_anything_is() {
    let (_peer, config) = Peer::new(Level::Mqtt311).await;
    let client = client(config);
    for topic in ["", "a/+", "#", "a\0b"] {
        let refused = publish(&client, message(topic, "x")).get().await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{topic:?}: {refused:?}");
    }
    let long = "x".repeat(70_000);
    assert!(matches!(publish(&client, message(&long, "x")).get().await, Err(Error::Invalid { .. })));
    let huge = Publish::new("t", QoS::AtLeastOnce, vec![0; LARGEST_PACKET]);
    assert_eq!(publish(&client, huge).get().await, Err(Error::PacketTooLarge { limit: LARGEST_PACKET }));
    let request = ask(|reply| client.request(message("t", "x"), None, LONG, reply)).get().await;
    assert_eq!(request.map(|_| ()), Err(Error::NeedsMqtt5 { what: "requests" }));
    assert_eq!((client.stats().outstanding, client.stats().connects), (0, 0));
}

/// Loses the session with two messages in flight, and a third one behind them.
async fn lose_session(peer: &Peer, client: &Client) {
    connect(client);
    let mut line = peer.connected(false).await;
    let first = [line.message().await, line.message().await];
    assert!(first.iter().all(|publish| !publish.dup));
}

#[tokio::test]
async fn after_a_lost_session_messages_go_out_again_as_new_ones() {
    let (peer, mut config) = Peer::new(Level::Mqtt311).await;
    config.max_in_flight = 2;
    let client = client(config);
    let sent = ["1", "2", "3"].map(|body| publish(&client, message("t", body)));
    lose_session(&peer, &client).await;
    let mut line = peer.connected(false).await;
    for body in ["1", "2", "3"] {
        let got = line.message().await;
        assert_eq!((&got.payload[..], got.dup), (body.as_bytes(), false));
        line.puback(got.packet_id).await;
    }
    for sent in sent {
        assert!(sent.get().await.is_ok());
    }
    assert_eq!((client.stats().sessions_lost, client.stats().messages_resent), (1, 2));
}

#[tokio::test]
async fn or_the_application_is_told_and_has_to_begin_anew() {
    let (peer, mut config) = Peer::new(Level::Mqtt311).await;
    (config.max_in_flight, config.lost_session) = (2, LostSession::Fail);
    let client = client(config);
    let sent = ["1", "2", "3"].map(|body| publish(&client, message("t", body)));
    lose_session(&peer, &client).await;
    let mut line = peer.connected(false).await;
    for sent in sent {
        assert_eq!(sent.get().await, Err(Error::SessionLost));
    }
    assert!(matches!(line.rest().await[..], [azmqtt_mqtt::Packet::Disconnect(_)]));
    assert_eq!(publish(&client, message("t", "x")).get().await, Err(Error::SessionLost));
    let connected = connect(&client);
    let _line = peer.connected(false).await;
    assert_eq!(connected.get().await, Ok(()));
}

#[tokio::test]
async fn an_operation_without_time_left_gives_its_room_back() {
    let (_peer, config) = Peer::new(Level::Mqtt311).await;
    let client = client(config);
    let late = ask(|reply| client.publish(message("t", "x"), Duration::ZERO, reply)).get().await;
    assert!(matches!(late, Err(Error::Timeout { .. })), "{late:?}");
    assert_eq!(client.stats().outstanding, 0);
}
