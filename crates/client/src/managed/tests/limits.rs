//! What the broker of MQTT 5 says in CONNACK and its answers, and what the client makes of it.

use super::support::{LONG, Line, Peer, ask, client, connect, connected, message, publish, subscribe};
use crate::Bulk;
use crate::managed::{Client, Error};
use azmqtt_mqtt::{
    ConnAck, Level, Packet, Properties, PropertiesBuilder, PubAck, Publish, QoS, ReasonCode, RetainHandling,
    SubAck, SubscribeFilter,
};

/// Accepts with these properties.
async fn accepted(properties: PropertiesBuilder) -> (Client, Peer, Line) {
    let (peer, config) = Peer::new(Level::Mqtt5).await;
    let client = client(config);
    let connected = connect(&client);
    let (mut line, _) = peer.accept().await;
    let properties = properties.build().unwrap();
    line.write(Packet::ConnAck(ConnAck { properties, ..ConnAck::new(ReasonCode::Success, false) })).await;
    connected.get().await.unwrap();
    (client, peer, line)
}

fn saying(reason: &str) -> Properties {
    PropertiesBuilder::new().reason_string(reason).build().unwrap()
}

#[tokio::test]
async fn connect_says_what_the_client_takes() {
    let (peer, mut config) = Peer::new(Level::Mqtt5).await;
    (config.receive_maximum, config.max_packet_size, config.topic_alias_maximum) = (5, 10_000, 3);
    config.user_properties = vec![("a".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())];
    let client = client(config);
    connect(&client);
    let (_, packet) = peer.accept().await;
    let properties = &packet.properties;
    assert_eq!(packet.level, Level::Mqtt5);
    assert_eq!(properties.session_expiry(), Some(3600));
    assert_eq!(properties.receive_maximum(), Some(5));
    assert_eq!(properties.maximum_packet_size(), Some(10_000));
    assert_eq!(properties.topic_alias_maximum(), Some(3));
    assert_eq!(properties.user_properties().collect::<Vec<_>>(), [("a", "1"), ("a", "2")]);
}

#[tokio::test]
async fn what_the_client_takes_does_not_limit_what_it_sends() {
    let (client, _peer, mut line) = connected(Level::Mqtt5, |config| config.max_packet_size = 1000).await;
    let sent = publish(&client, message("t", &"x".repeat(2000)));
    let packet_id = line.message().await.packet_id;
    line.puback(packet_id).await;
    assert!(sent.get().await.is_ok());
}

#[tokio::test]
async fn the_code_of_a_puback_comes_back() {
    let (client, _peer, mut line) = accepted(PropertiesBuilder::new()).await;
    let sent = publish(&client, message("t", "x"));
    let id = line.message().await.packet_id;
    line.write(Packet::PubAck(PubAck::with_reason(id, ReasonCode::NoMatchingSubscribers))).await;
    assert_eq!(sent.get().await.unwrap().code, ReasonCode::NoMatchingSubscribers);
    let sent = publish(&client, message("t", "x"));
    let id = line.message().await.packet_id;
    let refusal = PubAck::with_reason(id, ReasonCode::NotAuthorized);
    line.write(Packet::PubAck(PubAck { properties: saying("no binding"), ..refusal })).await;
    let refused =
        Error::PublishRefused { code: ReasonCode::NotAuthorized, reason: Some("no binding".to_owned()) };
    assert_eq!(sent.get().await, Err(refused));
    let stats = client.stats();
    assert_eq!((stats.messages_sent, stats.messages_failed, stats.outstanding), (1, 1, 0));
}

#[tokio::test]
async fn a_refused_message_does_not_stop_the_others_of_its_call() {
    let (client, _peer, mut line) = accepted(PropertiesBuilder::new()).await;
    let bulk = Bulk::new(client, LONG);
    let sending = bulk.send_all((0..1000).map(|number: u32| message("t", &number.to_string())));
    let answering = async {
        for number in 0..1000 {
            let id = line.message().await.packet_id;
            let code = if number % 10 == 3 { ReasonCode::QuotaExceeded } else { ReasonCode::Success };
            line.write(Packet::PubAck(PubAck::with_reason(id, code))).await;
        }
    };
    let (outcome, ()) = tokio::join!(sending, answering);
    assert_eq!((outcome, bulk.acknowledged()), (Ok(()), 900));
    let first = Error::PublishRefused { code: ReasonCode::QuotaExceeded, reason: None };
    assert_eq!(bulk.refused(), (100, Some(first)));
}

#[tokio::test]
async fn what_the_broker_does_not_take_is_not_sent() {
    let limits = PropertiesBuilder::new()
        .maximum_qos(false)
        .retain_available(false)
        .maximum_packet_size(100)
        .wildcard_available(false)
        .shared_available(false);
    let (client, _peer, mut line) = accepted(limits).await;
    let cases = [
        (message("t", "x"), Error::NotSupported { what: "QoS 1 and 2" }),
        (
            Publish { retain: true, ..Publish::new("t", QoS::AtMostOnce, "x") },
            Error::NotSupported { what: "retained messages" },
        ),
        (Publish::new("t", QoS::AtMostOnce, vec![0; 200]), Error::PacketTooLarge { limit: 100 }),
    ];
    for (refused, error) in cases {
        assert_eq!(publish(&client, refused).get().await, Err(error));
    }
    let wildcards = Err(Error::NotSupported { what: "wildcards in filters" });
    assert_eq!(subscribe(&client, "a/#").get().await, wildcards);
    let shared = Err(Error::NotSupported { what: "shared subscriptions" });
    assert_eq!(subscribe(&client, "$share/g/a").get().await, shared);
    let sent = publish(&client, Publish::new("t", QoS::AtMostOnce, "fits"));
    assert_eq!(&line.message().await.payload[..], b"fits");
    assert!(sent.get().await.is_ok());
    assert_eq!(client.stats().outstanding, 0);
}

#[tokio::test]
async fn a_receive_maximum_of_1_is_a_window_of_one() {
    let (client, _peer, mut line) = accepted(PropertiesBuilder::new().receive_maximum(1)).await;
    let sent = ["1", "2", "3"].map(|body| publish(&client, message("t", body)));
    let mut marker = None;
    for body in ["1", "2", "3"] {
        let got = line.message().await;
        assert_eq!(&got.payload[..], body.as_bytes());
        if body == "1" {
            // Subscriptions are none of the window: all that is before the answer is there by now.
            marker = Some(subscribe(&client, "a"));
            line.grant().await;
        }
        line.puback(got.packet_id).await;
    }
    marker.unwrap().get().await.unwrap();
    for sent in sent {
        assert!(sent.get().await.is_ok());
    }
}

#[tokio::test]
async fn options_of_subscriptions_are_on_the_wire_and_refusals_have_their_words() {
    let (client, _peer, mut line) = accepted(PropertiesBuilder::new()).await;
    let filter = SubscribeFilter {
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::IfNew,
        ..SubscribeFilter::new("a", QoS::ExactlyOnce)
    };
    let outcome = ask(|reply| client.subscribe(vec![filter.clone()], LONG, reply));
    let asked = line.subscription().await;
    assert_eq!(asked.filters, std::slice::from_ref(&filter));
    let codes = vec![ReasonCode::NotAuthorized];
    let answer = SubAck::new(asked.packet_id, codes.clone());
    line.write(Packet::SubAck(SubAck { properties: saying("no"), ..answer })).await;
    assert_eq!(outcome.get().await, Err(Error::SubscribeRefused { codes, reason: Some("no".to_owned()) }));
    let shared = SubscribeFilter { filter: "$share/g/a".to_owned(), ..filter };
    let refused = ask(|reply| client.subscribe(vec![shared], LONG, reply)).get().await;
    assert!(matches!(refused, Err(Error::Invalid { .. })), "no-local is not for shared subscriptions");
}

#[tokio::test]
async fn an_assigned_client_identifier_is_kept() {
    let (peer, mut config) = Peer::new(Level::Mqtt5).await;
    config.client_id = String::new();
    let client = client(config);
    let connected = connect(&client);
    let (mut line, first) = peer.accept().await;
    assert_eq!(first.client_id, "");
    let properties = PropertiesBuilder::new().assigned_client_id("auto-7").build().unwrap();
    line.write(Packet::ConnAck(ConnAck { properties, ..ConnAck::new(ReasonCode::Success, false) })).await;
    connected.get().await.unwrap();
    drop(line);
    assert_eq!(client.client_id(), "auto-7");
    assert_eq!(peer.accept().await.1.client_id, "auto-7");
}
