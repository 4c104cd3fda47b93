//! A connection that ends for now, on request.

use std::time::Duration;

use super::support::{Hub, LONG, ask, close, device, send, until};
use crate::{Device, Error, State};

fn disconnect(device: &Device, timeout: Duration) -> super::support::Answer<()> {
    ask(|reply| device.disconnect(timeout, reply))
}

#[tokio::test]
async fn a_client_that_is_not_connected_has_nothing_to_do() {
    let hub = Hub::new().await;
    let device = hub.device();
    assert_eq!(disconnect(&device, LONG).get().await, Ok(()));
    assert_eq!(device.state(), State::Disconnected);
    hub.stays_alone(Duration::from_millis(20)).await;
    assert_eq!(close(&device).get().await, Ok(0));
    assert_eq!(disconnect(&device, LONG).get().await, Ok(()));
}

#[tokio::test]
async fn what_was_accepted_goes_out_first_and_the_next_call_connects_again() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let sent = send(&device, "a");
    let leaving = disconnect(&device, LONG);
    assert_eq!(peer.take_message().await, "a");
    assert_eq!(sent.get().await, Ok(()));
    assert_eq!(leaving.get().await, Ok(()));
    peer.expect_disconnect().await;
    assert_eq!((device.state(), device.last_error()), (State::Disconnected, None));
    hub.stays_alone(Duration::from_millis(20)).await;
    assert_eq!(device.stats().connections_lost, 0);

    let sent = send(&device, "b");
    let mut peer = hub.accept(true).await;
    assert_eq!(peer.take_message().await, "b");
    assert_eq!(sent.get().await, Ok(()));
}

#[tokio::test]
async fn what_the_hub_does_not_acknowledge_in_time_goes_out_on_the_next_connection() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let mut sent = send(&device, "a");
    peer.message().await;
    assert_eq!(disconnect(&device, Duration::from_millis(50)).get().await, Ok(()));
    peer.expect_disconnect().await;
    assert!(sent.is_open());
    let connecting = ask(|reply| device.connect(LONG, reply));
    let mut peer = hub.accept(true).await;
    assert_eq!(connecting.get().await, Ok(()));
    let again = peer.message().await;
    assert!(again.dup);
    peer.acknowledge(again.packet_id).await;
    assert_eq!(sent.get().await, Ok(()));
}

#[tokio::test]
async fn attempts_to_reconnect_end_too() {
    let hub = Hub::new().await;
    let device = hub.device();
    drop(hub.connect(&device).await);
    drop(hub.accept_tcp().await);
    until("it is trying", || device.state() == State::Reconnecting).await;
    assert_eq!(disconnect(&device, LONG).get().await, Ok(()));
    assert_eq!(device.state(), State::Disconnected);
}

#[tokio::test]
async fn whoever_waits_for_a_connection_is_told() {
    let hub = Hub::new().await;
    let device = device(hub.config());
    let connecting = ask(|reply| device.connect(LONG, reply));
    let _silent = hub.accept_tls().await;
    assert_eq!(disconnect(&device, LONG).get().await, Ok(()));
    let Err(Error::ConnectionLost { reason }) = connecting.get().await else { panic!("connected") };
    assert!(reason.contains("on request"), "{reason}");
}

#[tokio::test]
async fn a_later_wish_to_connect_wins() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let sent = send(&device, "a");
    let message = peer.message().await;
    let leaving = disconnect(&device, LONG);
    assert_eq!(ask(|reply| device.connect(LONG, reply)).get().await, Ok(()));
    assert_eq!(leaving.get().await, Ok(()));
    peer.acknowledge(message.packet_id).await;
    assert_eq!(sent.get().await, Ok(()));
    assert_eq!(device.state(), State::Connected);
}

#[tokio::test]
async fn close_ends_a_disconnect_that_waits() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let _sent = send(&device, "a");
    peer.message().await;
    let leaving = disconnect(&device, LONG);
    let closing = ask(|reply| device.close(Duration::from_millis(50), reply));
    assert_eq!(closing.get().await, Ok(1));
    assert_eq!(leaving.get().await, Ok(()));
    assert_eq!(device.state(), State::Closed);
}

#[tokio::test]
async fn close_keeps_the_connection_past_an_earlier_disconnect_to_send_what_was_accepted() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let sent = send(&device, "a");
    let message = peer.message().await;
    let leaving = disconnect(&device, Duration::from_millis(50));
    let closing = close(&device);
    tokio::time::sleep(Duration::from_millis(100)).await;
    peer.acknowledge(message.packet_id).await;
    assert_eq!(sent.get().await, Ok(()));
    assert_eq!((closing.get().await, leaving.get().await), (Ok(0), Ok(())));
    peer.expect_disconnect().await;
}

#[tokio::test]
async fn close_connects_for_what_a_disconnect_left_behind() {
    let hub = Hub::new().await;
    let device = hub.device();
    let mut peer = hub.connect(&device).await;
    let sent = send(&device, "a");
    peer.message().await;
    assert_eq!(disconnect(&device, Duration::from_millis(20)).get().await, Ok(()));
    let closing = close(&device);
    let mut peer = hub.accept(true).await;
    assert_eq!(peer.take_message().await, "a");
    assert_eq!((sent.get().await, closing.get().await), (Ok(()), Ok(0)));
}

#[tokio::test]
async fn without_leave_to_connect_close_does_not_wait_for_what_a_disconnect_left_behind() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.auto_connect = false;
    let device = device(config);
    let mut peer = hub.connect(&device).await;
    let sent = send(&device, "a");
    peer.message().await;
    assert_eq!(disconnect(&device, Duration::from_millis(20)).get().await, Ok(()));
    let closing = ask(|reply| device.close(Duration::from_secs(3600), reply));
    assert_eq!(closing.get().await, Ok(1));
    assert_eq!(sent.get().await, Err(Error::ClientClosed));
    hub.stays_alone(Duration::from_millis(20)).await;
}

#[tokio::test]
async fn a_close_before_connack_blames_no_other_client() {
    let hub = Hub::new().await;
    let device = hub.device();
    let connected = ask(|reply| device.connect(LONG, reply));
    drop(hub.accept_mqtt().await);
    let error = connected.get().await.unwrap_err().to_string();
    assert!(error.contains("closed the connection without a reason before its CONNACK"), "{error}");
    assert!(!error.contains("another client"), "{error}");
}
