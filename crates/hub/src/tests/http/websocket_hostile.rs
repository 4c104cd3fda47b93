//! The HTTPS port and clients that break the rules, or mean harm.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;

use super::websocket::{UPGRADE, ask, upgraded};
use crate::config::Limits;
use crate::tests::support::client::{DEADLINE, Options, TestClient, ends, https, hub, start, tcp_to};
use crate::{Hub, HubConfig};
use azmqtt_net::websocket::{Role, WebSocketBytes};

fn impatient(unauthenticated: usize) -> Hub {
    let short = Duration::from_millis(300);
    let limits = Limits {
        unauthenticated,
        handshake_timeout: short,
        connect_timeout: short,
        http_idle_timeout: short,
        write_timeout: short,
        ..Limits::default()
    };
    start(HubConfig { limits, ..HubConfig::default() })
}

async fn assert_others_are_served(hub: &Hub) {
    let stream = WebSocketBytes::new(upgraded(hub).await, Role::Client, Vec::new()).await;
    let mut client = TestClient::over(stream, &Options::new(hub, "dev2")).await.expect("accepted");
    assert!(client.send("devices/dev2/messages/events/", "x").await);
}

#[tokio::test]
async fn requests_that_break_a_rule_are_refused() {
    let hub = hub();
    for (status, old, new) in [
        ("404", "/$iothub/websocket", "/mqtt"),
        ("404", "/$iothub/websocket", "/$iothub/websocket/more"),
        ("405", "GET", "POST"),
        ("405", "GET", "HEAD"),
        ("400", "HTTP/1.1", "HTTP/1.0"),
        ("400", "Host: localhost\r\n", ""),
        ("400", "Host: localhost", "Host: a\r\nHost: b"),
        ("426", "Upgrade: WebSocket\r\n", ""),
        ("426", "Upgrade: WebSocket", "Upgrade: h2c"),
        ("426", "Connection: keep-alive, Upgrade", "Connection: keep-alive"),
        ("426", "Version: 13", "Version: 8"),
        ("400", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
        ("400", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ=="),
        ("400", "dGhlIHNhbXBsZSBub25jZQ==", "not base64 at all"),
        ("400", "Sec-WebSocket-Protocol: AMQPWSB10, mqtt\r\n", ""),
        ("400", "AMQPWSB10, mqtt", "AMQPWSB10"),
        ("400", "AMQPWSB10, mqtt", "Mqtt"),
    ] {
        let request = UPGRADE.replacen(old, new, 1);
        assert_ne!(request, UPGRADE, "{old}");
        let (head, _) = ask(&hub, &request).await;
        assert!(head.split(' ').nth(1) == Some(status), "{new}: {head}");
        if status == "426" {
            assert!(head.to_ascii_lowercase().contains("sec-websocket-version: 13"), "{head}");
        }
    }
    assert!(hub.last_refusal().unwrap().contains("subprotocol"));
    assert_others_are_served(&hub).await;
}

#[tokio::test]
async fn strangers_that_do_not_go_on_are_closed() {
    let hub = impatient(100);
    let begun = Instant::now();
    let mut silent_tcp = tcp_to(hub.https_port()).await;
    let mut silent_tls = https(&hub).await;
    let mut half_request = https(&hub).await;
    half_request.write_all(&UPGRADE.as_bytes()[..60]).await.unwrap();
    let mut half_body = https(&hub).await;
    half_body.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf").await.unwrap();
    let (_, mut after_an_answer) = ask(&hub, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut no_connect = upgraded(&hub).await;
    let mut half_frame = upgraded(&hub).await;
    half_frame.write_all(&[0x82, 0xFE, 0x01]).await.unwrap();
    for stream in [
        &mut silent_tls,
        &mut half_request,
        &mut half_body,
        &mut after_an_answer,
        &mut no_connect,
        &mut half_frame,
    ] {
        assert!(ends(stream).await);
    }
    assert!(ends(&mut silent_tcp).await);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_others_are_served(&hub).await;
}

#[tokio::test]
async fn a_request_that_trickles_in_is_closed() {
    let hub = impatient(100);
    let mut stream = https(&hub).await;
    let begun = Instant::now();
    for byte in UPGRADE.bytes() {
        let written = stream.write_all(&[byte]).await.is_ok() && stream.flush().await.is_ok();
        if !written || begun.elapsed() > DEADLINE {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn strangers_cannot_keep_others_out() {
    let hub = impatient(4);
    let mut strangers = Vec::new();
    for _ in 0..12 {
        strangers.push(tcp_to(hub.https_port()).await);
    }
    assert_others_are_served(&hub).await;
    // Nor do they take from the other listener.
    let begun = Instant::now();
    TestClient::connect(&hub, "dev1").await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn devices_take_no_place_among_the_strangers() {
    let hub = impatient(2);
    let mut devices = Vec::new();
    for number in 0..6 {
        let id = format!("d{number}");
        hub.create_device(&id, None).unwrap();
        let stream = WebSocketBytes::new(upgraded(&hub).await, Role::Client, Vec::new()).await;
        devices.push(TestClient::over(stream, &Options::new(&hub, &id)).await.expect("accepted"));
    }
    assert_others_are_served(&hub).await;
}

#[tokio::test]
async fn large_heads_and_frames_are_refused() {
    let hub = hub();
    let large = UPGRADE.replace("Host:", &format!("X: {}\r\nHost:", "x".repeat(20_000)));
    let (head, mut stream) = ask(&hub, &large).await;
    assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
    assert!(ends(&mut stream).await);

    // A ping of more than 125 bytes [RFC 6455 §5.5].
    let mut long_ping = vec![0x89, 0xFE, 0, 126];
    long_ping.resize(8 + 126, 0);
    for frame in [
        &long_ping[..],
        &[0x82, 0xFF, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4], // 2 GiB
        &[0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4],
        &[0x82, 0xFF, 0, 0, 0, 0, 0, 0x10, 0, 1, 1, 2, 3, 4], // a byte more than 1 MiB
        &[0x82, 2, 0xC0, 0],                                  // not masked [RFC 6455 §5.1]
        &[0x81, 0x82, 0, 0, 0, 0, b'h', b'i'],                // text
        &[0xC2, 0x80, 0, 0, 0, 0],                            // a reserved bit
        &[0x83, 0x80, 0, 0, 0, 0],                            // an opcode nobody knows
        &[0x80, 0x80, 0, 0, 0, 0],                            // the rest of nothing
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let mut stream = upgraded(&hub).await;
        stream.write_all(frame).await.unwrap();
        let begun = Instant::now();
        assert!(ends(&mut stream).await, "{frame:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{frame:?}");
    }
    assert_others_are_served(&hub).await;
}

#[tokio::test]
async fn fragments_of_one_message_count_together() {
    let hub = hub();
    let begun = Instant::now();
    let mut stream = upgraded(&hub).await;
    let mut frame = vec![0x02, 0xFF, 0, 0, 0, 0, 0, 0x01, 0, 0, 0, 0, 0, 0];
    frame.resize(14 + (64 << 10), 0);
    for _ in 0..100 {
        if stream.write_all(&frame).await.is_err() {
            break;
        }
        frame[0] = 0;
    }
    assert!(ends(&mut stream).await);
    // Long before the time for a CONNECT is over.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_others_are_served(&hub).await;
}

#[tokio::test]
async fn answers_that_nobody_reads_end_the_connection() {
    let hub = impatient(100);
    let mut stream = https(&hub).await;
    // Each is answered with some 80 bytes, so that the sockets are full at some time, and nobody reads.
    let request = "GET /$iothub/websocket HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
    let flooding = async { while stream.write_all(request.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(DEADLINE, flooding).await.expect("the hub closes");
    assert_others_are_served(&hub).await;
}
