//! MQTT over WebSockets, by servers that keep the rules and by others.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, protocol::Role};

use super::connect::{connect, failed_at, short};
use super::proxy_peer::{ProxyPeer, pass_on, passing_on, read_head};
use super::support::{Hub, LONG, Peer, ask, close, device, send, until, within};
use crate::{Device, DeviceConfig, Error, State, Step};
use azmqtt_mqtt::{Disconnect, Properties, ReasonCode};
use azmqtt_net::websocket::{WebSocketBytes, derive_accept_key};

fn config(hub: &Hub) -> DeviceConfig {
    let mut config = hub.config();
    config.endpoint.websocket = true;
    config
}

/// The next connection's request for the upgrade.
async fn request(hub: &Hub) -> (String, TlsStream<TcpStream>) {
    let mut stream = hub.accept_tls().await.stream;
    let head = read_head(&mut stream).await;
    (head, stream)
}

fn accept_key(head: &str) -> String {
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    derive_accept_key(key.as_bytes())
}

/// A correct answer.
fn switching(head: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: keep-alive, upgrade\r\nUpgrade: WebSocket\r\n\
         Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
        accept_key(head)
    )
}

async fn upgrade(hub: &Hub) -> TlsStream<TcpStream> {
    let (head, mut stream) = request(hub).await;
    within(stream.write_all(switching(&head).as_bytes())).await.unwrap();
    stream
}

async fn accept(hub: &Hub) -> Peer<WebSocketBytes<TlsStream<TcpStream>>> {
    let stream = WebSocketBytes::new(upgrade(hub).await, Role::Server, Vec::new()).await;
    let mut peer = Peer::new(stream);
    peer.connect().await;
    peer.accept(false).await;
    peer
}

/// A server that is not ours, past CONNECT.
async fn foreign(hub: &Hub, device: &Device) -> WebSocketStream<TlsStream<TcpStream>> {
    let connecting = ask(|reply| device.connect(LONG, reply));
    let mut socket = WebSocketStream::from_raw_socket(upgrade(hub).await, Role::Server, None).await;
    let Message::Binary(connect) = within(socket.next()).await.unwrap().unwrap() else { panic!("no bytes") };
    assert_eq!(connect[0], 0x10);
    socket.send(Message::Binary(Bytes::from_static(&[0x20, 2, 0, 0]))).await.unwrap();
    connecting.get().await.unwrap();
    socket
}

#[tokio::test]
async fn a_device_lives_on_a_websocket() {
    for versions in [&[&TLS12][..], &[&TLS13]] {
        let hub = Hub::with_versions(versions).await;
        let device = device(config(&hub));
        let sent = send(&device, "hello");
        let mut peer = accept(&hub).await;
        assert_eq!(peer.take_message().await, "hello");
        sent.get().await.unwrap();
        let large = "x".repeat(200_000);
        let sent = send(&device, &large);
        assert_eq!(peer.take_message().await, large);
        sent.get().await.unwrap();
        let closing = close(&device);
        peer.expect_disconnect().await;
        assert_eq!(closing.get().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn the_request_is_that_of_the_rfc() {
    let hub = Hub::new().await;
    let device = device(config(&hub));
    let _sent = send(&device, "hello");
    let (head, _stream) = request(&hub).await;
    let (start, fields) = head.split_once("\r\n").unwrap();
    assert_eq!(start, "GET /$iothub/websocket HTTP/1.1");
    let mut fields: Vec<_> = fields.trim_end().split("\r\n").collect();
    let key = fields.remove(3).strip_prefix("Sec-WebSocket-Key: ").unwrap();
    assert!(key.len() == 24 && key.ends_with("=="), "{key}");
    let host = format!("Host: localhost:{}", hub.port());
    assert_eq!(
        fields,
        [
            &host,
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: mqtt"
        ]
    );
}

#[tokio::test]
async fn pings_are_answered_and_packets_may_be_cut_anywhere() {
    let hub = Hub::new().await;
    let device = device(config(&hub));
    let mut socket = foreign(&hub, &device).await;
    socket.send(Message::Ping(Bytes::from_static(b"there?"))).await.unwrap();
    let pong = within(socket.next()).await.unwrap().unwrap();
    assert_eq!(pong, Message::Pong(Bytes::from_static(b"there?")));
    let sent = send(&device, "hello");
    let Message::Binary(publish) = within(socket.next()).await.unwrap().unwrap() else { panic!("no bytes") };
    let id = publish.windows(7).position(|window| window == b"events/").unwrap() + 7;
    for byte in [0x40, 2, publish[id], publish[id + 1]] {
        socket.send(Message::Binary(Bytes::copy_from_slice(&[byte]))).await.unwrap();
    }
    sent.get().await.unwrap();
}

#[tokio::test]
async fn what_ends_a_websocket_ends_the_connection() {
    for ending in
        [Message::Text("hello".into()), Message::Close(None), Message::Binary(vec![0; 2 << 20].into())]
    {
        let hub = Hub::new().await;
        let device = device(config(&hub));
        let mut socket = foreign(&hub, &device).await;
        // The device may close before it has taken all of it.
        let _ = within(socket.send(ending)).await;
        until("the connection is lost", || device.stats().connections_lost == 1).await;
        let _peer = accept(&hub).await;
        until("it is back", || device.state() == State::Connected).await;
    }
}

/// Connects to a server that answers the upgrade with what `answer` makes of the request, then waits for the client.
async fn refused(answer: impl Fn(&str) -> Vec<u8>) -> (Error, Duration) {
    let hub = Hub::new().await;
    let mut config = config(&hub);
    config.deadlines.stream.websocket = short();
    let peer = async {
        let (head, mut stream) = request(&hub).await;
        let _ = within(stream.write_all(&answer(&head))).await;
        let _ = within(stream.read_to_end(&mut Vec::new())).await;
    };
    let (error, elapsed) = connect(config, peer).await;
    assert!(!format!("{error} {error:?}").contains("sesame"), "{error}");
    (error, elapsed)
}

#[tokio::test]
async fn refusals_say_what_they_usually_mean() {
    for (status, needle) in [
        ("200 OK", "knows nothing of WebSockets"),
        ("302 Found\r\nLocation: https://sesame/", "does not follow"),
        ("400 Bad Request", "refused this upgrade"),
        ("401 sesame\r\nWWW-Authenticate: sesame", "is there a gateway in between?"),
        ("403 Forbidden", "IP filter"),
        ("404 Not Found", "is this host an IoT Hub?"),
        ("407 sesame", "a proxy in between"),
        ("426 Upgrade Required", "refused this upgrade"),
        ("429 Too Many Requests", "overloaded"),
        ("503 Service Unavailable", "an internal problem (HTTP status 503)"),
    ] {
        let outcome = refused(|_| format!("HTTP/1.1 {status}\r\n\r\nsesame").into_bytes()).await;
        failed_at(Step::WebSocket, needle, outcome);
    }
}

#[tokio::test]
async fn an_upgrade_that_breaks_a_rule() {
    for (old, new, needle) in [
        ("Upgrade: WebSocket", "Upgrade: h2c", "another protocol"),
        ("Connection: keep-alive, upgrade", "Connection: close", "another protocol"),
        ("Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: x", "does not fit"),
        ("Sec-WebSocket-Accept", "X", "does not fit"),
        ("Sec-WebSocket-Protocol: mqtt", "Sec-WebSocket-Protocol: AMQPWSB10", "subprotocol mqtt"),
        ("Sec-WebSocket-Protocol: mqtt", "X: mqtt", "subprotocol mqtt"),
        ("Sec-WebSocket-Protocol: mqtt", "Sec-WebSocket-Protocol: mqtt, b", "subprotocol mqtt"),
        ("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "an extension"),
        ("HTTP/1.1", "SSH-2.0", "is not HTTP"),
        ("\r\n\r\n", "\r\n", "no answer within 0.1 s"),
    ] {
        let answer = |head: &str| {
            let right = switching(head);
            let wrong = right.replacen(old, new, 1);
            assert_ne!(right, wrong);
            wrong.into_bytes()
        };
        failed_at(Step::WebSocket, needle, refused(answer).await);
    }
    failed_at(Step::WebSocket, "is not HTTP", refused(|_| vec![0x20, 2, 0, 0]).await);
    failed_at(Step::WebSocket, "no answer within 0.1 s", refused(|_| Vec::new()).await);
}

#[tokio::test]
async fn a_server_that_closes_in_the_upgrade() {
    let hub = Hub::new().await;
    let peer = async { drop(request(&hub).await) };
    failed_at(Step::WebSocket, "", connect(config(&hub), peer).await);
}

#[tokio::test]
async fn a_wrong_clock_is_told_with_a_refusal() {
    let hub = Hub::new().await;
    let device = device(config(&hub));
    let connecting = ask(|reply| device.connect(LONG, reply));
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3630));
    let refusals = async {
        for _ in 0..2 {
            let (head, mut stream) = request(&hub).await;
            let answer = switching(&head).replacen("\r\n", &format!("\r\nDate: {date}\r\n"), 1);
            within(stream.write_all(answer.as_bytes())).await.unwrap();
            let mut peer = Peer::new(WebSocketBytes::new(stream, Role::Server, Vec::new()).await);
            peer.connect().await;
            peer.server.refuse(ReasonCode::NotAuthorized, Properties::default());
            peer.flush().await;
        }
    };
    let (outcome, ()) = tokio::join!(connecting.get(), refusals);
    let Err(Error::AuthenticationFailed { reason }) = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("this machine's clock is 1 h 0 min slow"), "{reason}");
}

#[tokio::test]
async fn a_websocket_through_a_proxy() {
    let (hub, proxy) = (Hub::new().await, ProxyPeer::new().await);
    let device = device(proxy.before(config(&hub), "http://"));
    let sent = send(&device, "hello");
    let (_, tcp) = proxy.answer(b"HTTP/1.1 200 OK\r\n\r\n").await;
    let work = async {
        assert_eq!(accept(&hub).await.take_message().await, "hello");
        sent.get().await.unwrap();
    };
    passing_on(tcp, &hub, Box::pin(work)).await;
}

#[tokio::test]
async fn a_renewal_that_meets_a_refusal_or_a_server_that_hangs_keeps_the_connection() {
    const OK: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
    let (hub, proxy) = (Hub::new().await, ProxyPeer::new().await);
    let mut config = proxy.before(config(&hub), "http://");
    config.sas_ttl = Duration::from_secs(1);
    config.deadlines.stream.websocket = short();
    let device = device(config);
    let pass = async || {
        let (_, tcp) = proxy.answer(OK).await;
        tokio::spawn(pass_on(tcp, hub.port()));
    };
    let connecting = ask(|reply| device.connect(LONG, reply));
    pass().await;
    let mut peer = accept(&hub).await;
    connecting.get().await.unwrap();

    drop(proxy.answer(b"HTTP/1.1 407 x\r\n\r\n").await);
    let sent = send(&device, "a");
    assert_eq!(peer.take_message().await, "a");
    sent.get().await.unwrap();
    pass().await;
    let _silent = request(&hub).await;
    // The next attempt comes when that one's time is over.
    pass().await;
    let sent = send(&device, "b");
    assert_eq!(peer.take_message().await, "b");
    sent.get().await.unwrap();
    let stream = WebSocketBytes::new(upgrade(&hub).await, Role::Server, Vec::new()).await;
    assert_eq!(
        peer.event().await,
        Some(azmqtt_mqtt::server::Event::Disconnect(Disconnect::new(ReasonCode::Success)))
    );
    let mut next = Peer::new(stream);
    next.connect().await;
    next.accept(true).await;
    let stats = device.stats();
    assert_eq!((stats.connections_lost, stats.tokens_renewed), (0, 1));
}
