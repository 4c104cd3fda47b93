//! QoS 2, both ways: exactly once while the session lives.

use super::support::{Line, Outcome, Peer, body, client, connect, next, publish, until};
use crate::changes::StateChanges;
use crate::managed::{Client, Error, Published};
use crate::watch::State;
use azmqtt_mqtt::{Level, Packet, PubComp, PubRec, PubRel, Publish, QoS, ReasonCode};

async fn begin(level: Level) -> (Client, Peer, Line) {
    let (peer, config) = Peer::new(level).await;
    let client = client(config);
    let connected = connect(&client);
    let line = peer.connected(false).await;
    connected.get().await.unwrap();
    (client, peer, line)
}

fn send(client: &Client) -> Outcome<Published> {
    publish(client, Publish::new("t", QoS::ExactlyOnce, "x"))
}

async fn expect_pubrel(line: &mut Line, packet_id: u16) {
    let Packet::PubRel(pubrel) = line.read().await else { panic!("no PUBREL") };
    assert_eq!(pubrel.packet_id, packet_id);
}

#[tokio::test]
async fn a_message_goes_out_in_both_versions() {
    for level in [Level::Mqtt311, Level::Mqtt5] {
        let (client, _peer, mut line) = begin(level).await;
        let sent = send(&client);
        let id = line.message().await.packet_id;
        line.write(Packet::PubRec(PubRec::new(id))).await;
        expect_pubrel(&mut line, id).await;
        line.write(Packet::PubComp(PubComp::new(id))).await;
        assert_eq!(sent.get().await.unwrap().code, ReasonCode::Success);
        assert_eq!(client.stats().in_flight, 0);
    }
}

#[tokio::test]
async fn a_refusal_is_told() {
    let (client, _peer, mut line) = begin(Level::Mqtt5).await;
    let sent = send(&client);
    let id = line.message().await.packet_id;
    line.write(Packet::PubRec(PubRec::with_reason(id, ReasonCode::NotAuthorized))).await;
    let refused = Error::PublishRefused { code: ReasonCode::NotAuthorized, reason: None };
    assert_eq!(sent.get().await, Err(refused));
}

#[tokio::test]
async fn after_a_lost_connection_it_goes_on_where_it_was() {
    let (client, peer, mut line) = begin(Level::Mqtt5).await;
    let sent = [send(&client), send(&client)];
    let ids = [line.message().await.packet_id, line.message().await.packet_id];
    line.write(Packet::PubRec(PubRec::new(ids[0]))).await;
    expect_pubrel(&mut line, ids[0]).await;
    drop(line);
    let mut line = peer.connected(true).await;
    // PUBREL alone for the one that the broker has; the other one again.
    expect_pubrel(&mut line, ids[0]).await;
    let again = line.message().await;
    assert_eq!((again.packet_id, again.dup), (ids[1], true));
    line.write(Packet::PubComp(PubComp::new(ids[0]))).await;
    line.write(Packet::PubRec(PubRec::new(ids[1]))).await;
    expect_pubrel(&mut line, ids[1]).await;
    line.write(Packet::PubComp(PubComp::new(ids[1]))).await;
    for sent in sent {
        assert!(sent.get().await.is_ok());
    }
}

#[tokio::test]
async fn after_a_lost_session_nothing_is_sent_again() {
    let (client, peer, mut line) = begin(Level::Mqtt5).await;
    let [known, unknown] = [send(&client), send(&client)];
    let ids = [line.message().await.packet_id, line.message().await.packet_id];
    line.write(Packet::PubRec(PubRec::new(ids[0]))).await;
    expect_pubrel(&mut line, ids[0]).await;
    drop(line);
    let mut line = peer.connected(false).await;
    assert!(known.get().await.is_ok(), "PUBREC said that the broker has it");
    assert_eq!(unknown.get().await, Err(Error::DeliveryUnknown));
    let next = send(&client);
    let got = line.message().await;
    assert!(!got.dup);
    drop((next, line));
}

async fn deliver(line: &mut Line, dup: bool) {
    let publish = Publish { packet_id: 9, dup, ..Publish::new("t", QoS::ExactlyOnce, "once") };
    line.write(Packet::Publish(publish)).await;
}

#[tokio::test]
async fn a_message_comes_in_once() {
    for level in [Level::Mqtt311, Level::Mqtt5] {
        let (client, peer, mut line) = begin(level).await;
        let receiver = client.receiver(Some("t")).unwrap();
        let end = client.receiver(Some("end")).unwrap();
        deliver(&mut line, false).await;
        while receiver.is_empty() {
            tokio::task::yield_now().await;
        }
        let changes = StateChanges::of(client.state_changes());
        drop(line);
        // The application has not taken it, so the broker sends it again.
        let mut line = peer.connected(true).await;
        until(&changes, State::Connected).await;
        deliver(&mut line, true).await;
        line.deliver("end", "x", 0).await;
        next(&end).await;
        assert_eq!(body(&next(&receiver).await), "once");
        receiver.done();
        let Packet::PubRec(pubrec) = line.read().await else { panic!("no PUBREC") };
        line.write(Packet::PubRel(PubRel::new(pubrec.packet_id))).await;
        let answer = line.read().await;
        assert!(matches!(answer, Packet::PubComp(_)), "{level:?}: {answer:?}");
        assert!(receiver.is_empty(), "it came once");
    }
}
