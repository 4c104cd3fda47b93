//! The end: what was accepted goes out, and whoever waits is told.

use std::time::{Duration, Instant};

use super::support::{Hub, LONG, ask, close, device, message, send, until};
use crate::{Error, State};
use azmqtt_mqtt::{Properties, QoS, ReasonCode};

#[tokio::test]
async fn a_client_that_was_never_used() {
    let hub = Hub::new().await;
    let device = hub.device();
    let waiting = ask(|reply| device.messages().when_ready(reply));
    assert_eq!(close(&device).get().await, Ok(0));
    assert_eq!(device.state(), State::Closed);
    assert_eq!(waiting.get().await, Err(Error::ClientClosed));
    assert_eq!(send(&device, "too late").get().await, Err(Error::ClientClosed));
    assert_eq!(ask(|reply| device.connect(LONG, reply)).get().await, Err(Error::ClientClosed));
    assert!(ask(|reply| device.get_twin(LONG, reply)).get().await.is_err());
    assert_eq!(close(&device).get().await, Ok(0));
    assert_eq!(device.stats().outstanding, 0);
    hub.stays_alone(Duration::from_millis(20)).await;
}

#[tokio::test]
async fn close_flushes_and_disconnects() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let sent: Vec<_> = (0..50)
        .map(|n| {
            let qos = if n % 2 == 0 { QoS::AtLeastOnce } else { QoS::AtMostOnce };
            ask(|reply| device.send(message(qos, &n.to_string()), LONG, reply))
        })
        .collect();
    let closing = close(&device);
    let refused = send(&device, "too late");
    for n in 0..50 {
        assert_eq!(peer.take_message().await, n.to_string());
    }
    assert_eq!(closing.get().await, Ok(0));
    peer.expect_disconnect().await;
    for sent in sent {
        sent.get().await.unwrap();
    }
    assert_eq!(refused.get().await, Err(Error::ClientClosed));
    assert_eq!((device.state(), device.stats().outstanding), (State::Closed, 0));
    hub.stays_alone(Duration::from_millis(20)).await;
}

#[tokio::test]
async fn a_close_that_runs_out_of_time_counts_what_was_left() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let sent: Vec<_> = (0..5).map(|n| send(&device, &n.to_string())).collect();
    let reading = ask(|reply| device.get_twin(LONG, reply));
    let started = Instant::now();
    let closing = ask(|reply| device.close(Duration::from_millis(200), reply));
    peer.subscribe().await;
    assert_eq!(peer.take_message().await, "0");
    assert_eq!(closing.get().await, Ok(5), "four messages and the read");
    let elapsed = started.elapsed();
    assert!(elapsed >= Duration::from_millis(200) && elapsed < Duration::from_secs(2), "{elapsed:?}");
    for (n, sent) in sent.into_iter().enumerate() {
        let expected = if n == 0 { Ok(()) } else { Err(Error::ClientClosed) };
        assert_eq!(sent.get().await, expected);
    }
    assert_eq!(reading.get().await, Err(Error::ClientClosed));
    assert_eq!(device.stats().outstanding, 0);
}

#[tokio::test]
async fn what_fails_while_closing_counts_too() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let timeout = Duration::from_millis(50);
    let sent = ask(|reply| device.send(message(QoS::AtLeastOnce, "a"), timeout, reply));
    peer.message().await;
    let closing = close(&device);
    assert!(matches!(sent.get().await, Err(Error::RequestTimeout { .. })));
    assert_eq!(closing.get().await, Ok(1), "as soon as nothing is left to wait for");

    let device = hub.device();
    let sent = send(&device, "b");
    let (mut peer, _) = hub.accept_mqtt().await;
    let closing = close(&device);
    peer.server.refuse(ReasonCode::ServerUnavailable, Properties::default());
    peer.flush().await;
    assert!(matches!(sent.get().await, Err(Error::ConnectionFailed { .. })));
    assert_eq!(closing.get().await, Ok(1));
}

#[tokio::test]
async fn close_while_reconnecting() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.retry.base = Duration::from_secs(60);
    config.retry.max = Duration::from_secs(60);
    let device = device(config);
    let peer = hub.connect(&device).await;
    drop(peer);
    until("the loss", || device.state() == State::Reconnecting).await;
    assert_eq!(close(&device).get().await, Ok(0), "at once: nothing waits");
    assert_eq!(device.state(), State::Closed);
}

#[tokio::test]
async fn close_while_reconnecting_waits_for_what_was_accepted() {
    let hub = Hub::new().await;
    let device = hub.device();
    let peer = hub.connect(&device).await;
    drop(peer);
    until("the loss", || device.state() == State::Reconnecting).await;
    let sent = send(&device, "late");
    let closing = close(&device);
    let mut peer = hub.accept(true).await;
    assert_eq!(peer.take_message().await, "late");
    assert_eq!(closing.get().await, Ok(0));
    sent.get().await.unwrap();
    peer.expect_disconnect().await;
}

#[tokio::test]
async fn close_while_the_first_connection_hangs() {
    let hub = Hub::new().await;
    let device = hub.device();
    let connecting = ask(|reply| device.connect(LONG, reply));
    let _tcp = hub.accept_tcp().await;
    assert_eq!(close(&device).get().await, Ok(0));
    assert_eq!(connecting.get().await, Err(Error::ClientClosed));
}

#[tokio::test]
async fn closing_twice_and_from_several_sides() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let sent = send(&device, "a");
    let closing = [close(&device), close(&device), close(&device.clone())];
    assert_eq!(peer.take_message().await, "a");
    for closing in closing {
        assert_eq!(closing.get().await, Ok(0));
    }
    sent.get().await.unwrap();
    assert_eq!(close(&device).get().await, Ok(0));
}

#[tokio::test]
async fn dropping_the_last_handle_ends_the_connection() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let clone = device.clone();
    drop(device);
    let sent = send(&clone, "a");
    assert_eq!(peer.take_message().await, "a");
    sent.get().await.unwrap();
    let unanswered = send(&clone, "b");
    peer.message().await;
    drop(clone);
    peer.expect_disconnect().await;
    assert_eq!(unanswered.get().await, Err(Error::ClientClosed));
}

#[tokio::test]
async fn a_last_message_arrives_although_the_hub_talks_over_it() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    for _ in 0..20 {
        // Unread at the end: a plain close would reset the connection and lose what is on its way.
        peer.publish("$iothub/methods/POST/x/?$rid=1", &"x".repeat(200_000)).await;
        if device.stats().bytes_received > 0 {
            break;
        }
    }
    let sent = ask(|reply| device.send(message(QoS::AtMostOnce, "last"), LONG, reply));
    let closing = close(&device);
    sent.get().await.unwrap();
    closing.get().await.unwrap();
    peer.publish("$iothub/methods/POST/x/?$rid=1", &"x".repeat(200_000)).await;
    assert_eq!(peer.take_message().await, "last");
    peer.expect_disconnect().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_that_race_with_close_are_all_answered() {
    for round in 0..20 {
        let hub = Hub::new().await;
        let device = hub.device();
        if round % 2 == 0 {
            hub.connect(&device).await;
        }
        let senders: Vec<_> = (0..2)
            .map(|_| {
                let device = device.clone();
                let runtime = tokio::runtime::Handle::current();
                std::thread::spawn(move || {
                    let _guard = runtime.enter();
                    (0..200).map(|_| send(&device, "x")).collect::<Vec<_>>()
                })
            })
            .collect();
        let closing = ask(|reply| device.close(Duration::from_millis(20), reply));
        closing.get().await.unwrap();
        for sender in senders {
            for sent in sender.join().unwrap() {
                sent.get().await.unwrap_err();
            }
        }
        assert_eq!((device.state(), device.stats().outstanding), (State::Closed, 0));
    }
}
