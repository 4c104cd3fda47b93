//! The ways to a host: addresses of both families, a gateway in the hub's place, names sent and checked.

use std::net::Ipv6Addr;

use tokio::net::TcpListener;

use super::support::{Hub, LONG, ask, device};
use azmqtt_net::connect;

#[tokio::test]
async fn localhost_is_tried_in_both_families() {
    let mut hub = Hub::new().await;
    let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await else {
        // A machine without IPv6 has nothing to try.
        return;
    };
    hub.listener = listener;
    let device = hub.device();
    hub.connect(&device).await;
}

#[tokio::test]
async fn a_gateway_is_dialled_in_the_name_of_the_hub() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.identity.host_name = "myhub.azure-devices.net".into();
    let device = device(config);
    let connecting = ask(|reply| device.connect(LONG, reply));
    let (mut peer, connect) = hub.accept_mqtt().await;
    // The gateway's own name is sent and checked, the hub's is who the device says it is.
    assert_eq!(peer.stream.get_ref().1.server_name(), Some("localhost"));
    let (username, password) = (connect.username.as_deref().unwrap(), connect.password_text().unwrap());
    assert!(username.starts_with("myhub.azure-devices.net/dev/?api-version="), "{}", username);
    assert!(password.contains("sr=myhub.azure-devices.net%2Fdevices%2Fdev&"), "{}", password);
    peer.accept(false).await;
    connecting.get().await.unwrap();
}

#[tokio::test]
async fn an_encrypted_stream_alone_is_for_other_protocols() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.endpoint.websocket = true;
    let opening = connect::open_tls(&config.endpoint, config.deadlines.stream);
    let (stream, mut peer) = tokio::join!(opening, hub.accept_tls());
    let mut stream = stream.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"hello").await.unwrap();
    tokio::io::AsyncWriteExt::flush(&mut stream).await.unwrap();
    let mut hello = [0; 5];
    tokio::io::AsyncReadExt::read_exact(&mut peer.stream, &mut hello).await.unwrap();
    assert_eq!(&hello, b"hello");
}
