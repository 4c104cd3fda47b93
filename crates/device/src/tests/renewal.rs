//! Tokens are renewed by a planned reconnect that nobody notices.

use azmqtt_mqtt::Properties;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::support::{Hub, Peer, device, send, text};
use crate::{Device, Error, State};
use azmqtt_mqtt::server::Event;

fn short_lived(hub: &Hub) -> Device {
    let mut config = hub.config();
    config.sas_ttl = Duration::from_secs(1);
    device(config)
}

async fn serve(peer: &mut Peer, received: &mut HashMap<String, u32>) {
    loop {
        match peer.event().await {
            Some(Event::Publish(publish)) => {
                *received.entry(text(&publish)).or_default() += 1;
                peer.acknowledge(publish.packet_id).await;
            }
            Some(Event::Disconnect(_)) => return,
            other => panic!("{other:?} in place of a message or DISCONNECT"),
        }
    }
}

#[tokio::test]
async fn a_renewal_under_load_loses_and_repeats_nothing() {
    let hub = Hub::new().await;
    let device = short_lived(&hub);
    let mut peer = hub.connect(&device).await;
    let sender = tokio::spawn({
        let device = device.clone();
        async move {
            let mut count = 0;
            while device.stats().tokens_renewed < 2 {
                let sent = send(&device, &count.to_string());
                assert_eq!(device.state(), State::Connected);
                sent.get().await.unwrap();
                count += 1;
            }
            count
        }
    });
    let mut received = HashMap::<String, u32>::new();
    for _ in 0..2 {
        // Serves the old connection up to its DISCONNECT, while the next one is being opened.
        let (mut next, ()) = tokio::join!(hub.accept_tls(), serve(&mut peer, &mut received));
        assert!(matches!(next.event().await, Some(Event::Connect(_))));
        next.accept(true).await;
        peer = next;
    }
    while let Ok(publish) = tokio::time::timeout(Duration::from_millis(100), peer.message()).await {
        *received.entry(text(&publish)).or_default() += 1;
        peer.acknowledge(publish.packet_id).await;
        if sender.is_finished() {
            break;
        }
    }
    let count: usize = sender.await.unwrap();
    assert_eq!(received.len(), count);
    assert!(received.values().all(|times| *times == 1), "nothing came twice");
    let stats = device.stats();
    assert_eq!((stats.connections_lost, stats.messages_resent, stats.connects), (0, 0, 3));
}

#[tokio::test]
async fn an_answer_that_is_out_is_waited_for() {
    let hub = Hub::new().await;
    let device = short_lived(&hub);
    let mut peer = hub.connect(&device).await;
    let sent = send(&device, "slow");
    let publish = peer.message().await;
    // The next connection is open before the old one is left.
    let mut next = hub.accept_tls().await;
    let queued = send(&device, "queued");
    peer.acknowledge(publish.packet_id).await;
    sent.get().await.unwrap();
    let answered = Instant::now();
    peer.expect_disconnect().await;
    assert!(answered.elapsed() < Duration::from_secs(1), "no longer than that answer");
    assert!(matches!(next.event().await, Some(Event::Connect(_))));
    next.accept(true).await;
    assert_eq!(next.take_message().await, "queued");
    queued.get().await.unwrap();
    assert_eq!((device.stats().tokens_renewed, device.stats().messages_resent), (1, 0));
}

#[tokio::test]
async fn an_answer_that_does_not_come_holds_it_up_for_a_while_only() {
    let hub = Hub::new().await;
    let device = short_lived(&hub);
    let mut peer = hub.connect(&device).await;
    let sent = send(&device, "unanswered");
    let first = peer.message().await;
    let started = Instant::now();
    let mut next = hub.accept_tls().await;
    peer.expect_disconnect().await;
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(matches!(next.event().await, Some(Event::Connect(_))));
    next.accept(true).await;
    let mut peer = next;
    let again = peer.message().await;
    assert_eq!((again.packet_id, again.dup), (first.packet_id, true));
    peer.acknowledge(again.packet_id).await;
    sent.get().await.unwrap();
}

#[tokio::test]
async fn a_hub_that_closes_first_during_the_renewal() {
    let hub = Hub::new().await;
    let device = short_lived(&hub);
    let mut peer = hub.connect(&device).await;
    let sent = send(&device, "a");
    peer.message().await;
    let mut next = hub.accept_tls().await;
    drop(peer);
    assert!(matches!(next.event().await, Some(Event::Connect(_))));
    next.accept(true).await;
    assert_eq!(next.take_message().await, "a");
    sent.get().await.unwrap();
    assert_eq!((device.stats().connections_lost, device.stats().tokens_renewed), (0, 1));
}

#[tokio::test]
async fn a_next_connection_that_fails_is_tried_again_beside_the_old_one() {
    let hub = Hub::new().await;
    let device = short_lived(&hub);
    let mut peer = hub.connect(&device).await;
    for _ in 0..3 {
        drop(hub.accept_tcp().await);
        let sent = send(&device, "a");
        assert_eq!(peer.take_message().await, "a");
        sent.get().await.unwrap();
    }
    let mut next = hub.accept_tls().await;
    peer.expect_disconnect().await;
    assert!(matches!(next.event().await, Some(Event::Connect(_))));
    assert_eq!(device.stats().connections_lost, 0);
}

#[tokio::test]
async fn a_hub_that_refuses_the_new_token_ends_it_with_the_reason() {
    let hub = Hub::new().await;
    let device = short_lived(&hub);
    let mut peer = hub.connect(&device).await;
    let mut next = hub.accept_tls().await;
    peer.expect_disconnect().await;
    assert!(matches!(next.event().await, Some(Event::Connect(_))));
    let sent = send(&device, "a");
    next.server.refuse(azmqtt_mqtt::ReasonCode::NotAuthorized, Properties::default());
    next.flush().await;
    let (mut next, _) = hub.accept_mqtt().await;
    next.server.refuse(azmqtt_mqtt::ReasonCode::NotAuthorized, Properties::default());
    next.flush().await;
    let outcome = sent.get().await;
    assert!(matches!(outcome, Err(Error::AuthenticationFailed { .. })), "{outcome:?}");
    assert_eq!(device.state(), State::Disconnected);
}
