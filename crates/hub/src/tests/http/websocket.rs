//! MQTT over WebSockets, by clients that keep the rules.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::tests::support::client::{DEADLINE, Options, TestClient, https, hub, start, tls, tls_with};
use crate::{CloseReason, Hub, HubConfig};
use azmqtt_dialect::MessageProperties;
use azmqtt_mqtt::{MAX_PACKET_SIZE, Packet, QoS, ReasonCode, Version, codec};
use azmqtt_net::websocket::{Role, WebSocketBytes};

/// A correct request for the upgrade; its key is the RFC's example.
pub const UPGRADE: &str = "GET /$iothub/websocket HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\n\
    Upgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: AMQPWSB10, mqtt\r\n\r\n";

/// The head of the answer to `request`, and the stream after it.
pub async fn ask(hub: &Hub, request: &str) -> (String, TlsStream<TcpStream>) {
    ask_on(https(hub).await, request).await
}

pub async fn ask_on(mut stream: TlsStream<TcpStream>, request: &str) -> (String, TlsStream<TcpStream>) {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    let reading = async {
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
    };
    timeout(DEADLINE, reading).await.expect("an answer in time");
    (String::from_utf8(head).unwrap(), stream)
}

/// A WebSocket to the hub, and nothing sent on it.
pub async fn upgraded(hub: &Hub) -> TlsStream<TcpStream> {
    let (head, stream) = ask(hub, UPGRADE).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    stream
}

pub async fn websocket(hub: &Hub) -> WebSocketBytes<TlsStream<TcpStream>> {
    WebSocketBytes::new(upgraded(hub).await, Role::Client, Vec::new()).await
}

/// A WebSocket by another client than ours, with `CONNECT` sent and `CONNACK` read.
async fn foreign(hub: &Hub) -> WebSocketStream<TlsStream<TcpStream>> {
    let stream = https(hub).await;
    let request = http_request(&format!("wss://localhost:{}/$iothub/websocket", hub.https_port()));
    let (mut socket, response) = client_async(request, stream).await.unwrap();
    assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "mqtt");
    let mut connect = bytes::BytesMut::new();
    codec::encode(
        &Packet::Connect(Box::new(Options::new(hub, "dev1").connect)),
        Version::Mqtt311,
        &mut connect,
        MAX_PACKET_SIZE,
    )
    .unwrap();
    socket.send(Message::Binary(connect.freeze())).await.unwrap();
    let connack = timeout(DEADLINE, socket.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(connack, Message::Binary(Bytes::from_static(&[0x20, 2, 0, 0])));
    socket
}

fn http_request(url: &str) -> hyper::Request<()> {
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", "mqtt".parse().unwrap());
    request
}

#[tokio::test]
async fn the_answer_is_that_of_the_rfc() {
    let (head, _stream) = ask(&hub(), UPGRADE).await;
    let head = head.to_ascii_lowercase();
    for line in [
        "http/1.1 101 switching protocols\r\n",
        "connection: upgrade\r\n",
        "upgrade: websocket\r\n",
        "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n",
        "sec-websocket-protocol: mqtt\r\n",
        "date: ",
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
}

#[tokio::test]
async fn what_other_clients_ask_for_is_granted() {
    // The client for C spells the subprotocol so, those for Java and C# ask not to be asked for a certificate.
    for (old, new) in
        [("AMQPWSB10, mqtt", "MQTT"), ("/$iothub/websocket", "/$iothub/websocket?iothub-no-client-cert=true")]
    {
        let (head, _stream) = ask(&hub(), &UPGRADE.replacen(old, new, 1)).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{new}: {head}");
        let name = if new == "MQTT" { "MQTT" } else { "mqtt" };
        assert!(head.contains(&format!("sec-websocket-protocol: {name}\r\n")), "{new}: {head}");
    }
}

#[tokio::test]
async fn web_pages_of_elsewhere_are_refused() {
    let allowed_origins = vec!["https://example.com".to_owned()];
    let hub = start(HubConfig { allowed_origins, ..HubConfig::default() });
    for (origin, status) in [
        ("https://evil.example", "403 Forbidden"),
        ("null", "403 Forbidden"),
        ("https://example.com", "101 Switching Protocols"),
        ("http://localhost:3000", "101 Switching Protocols"),
    ] {
        let request =
            UPGRADE.replacen("Upgrade: WebSocket", &format!("Origin: {origin}\r\nUpgrade: WebSocket"), 1);
        let (head, _stream) = ask(&hub, &request).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{origin}: {head}");
    }
}

#[tokio::test]
async fn a_device_lives_on_a_websocket() {
    let hub = hub();
    let options = Options::new(&hub, "dev1");
    let mut client = TestClient::over(websocket(&hub).await, &options).await.expect("accepted");
    assert!(client.send("devices/dev1/messages/events/", "hello").await);
    client.subscribe("devices/dev1/messages/devicebound/#", QoS::AtLeastOnce).await.unwrap();
    hub.send_c2d("dev1", Bytes::from(vec![7; 60_000]), MessageProperties::default()).unwrap();
    let message = client.message().await;
    assert_eq!(message.payload.len(), 60_000);
    client.acknowledge(&message).await;
    client.disconnect().await;
    assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
    assert_eq!(hub.last_close("dev1").unwrap(), Some(CloseReason::Disconnect));
    assert_eq!(hub.telemetry_count(None).unwrap(), 1);
}

#[tokio::test]
async fn a_refusal_is_read_before_the_end() {
    let hub = hub();
    let mut options = Options::new(&hub, "dev1");
    options.connect.password = Some("no token".into());
    let refused = TestClient::over(websocket(&hub).await, &options).await.err();
    assert_eq!(refused, Some(Some(ReasonCode::NotAuthorized)));
}

#[tokio::test]
async fn both_listeners_serve_one_device_and_the_newer_connection_wins() {
    let hub = hub();
    let mut plain = TestClient::connect(&hub, "dev1").await;
    let options = Options::new(&hub, "dev1");
    let mut client = TestClient::over(websocket(&hub).await, &options).await.expect("accepted");
    assert!(plain.is_closed().await);
    let _plain = TestClient::connect(&hub, "dev1").await;
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn pings_are_answered_and_packets_may_be_cut_anywhere() {
    let hub = hub();
    let mut socket = foreign(&hub).await;
    socket.send(Message::Ping(Bytes::from_static(b"are you there"))).await.unwrap();
    let pong = timeout(DEADLINE, socket.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(pong, Message::Pong(Bytes::from_static(b"are you there")));
    let mut publish = bytes::BytesMut::new();
    let message = azmqtt_mqtt::Publish::new("devices/dev1/messages/events/", QoS::AtMostOnce, "x");
    codec::encode(&Packet::Publish(message), Version::Mqtt311, &mut publish, MAX_PACKET_SIZE).unwrap();
    // Byte by byte, then two in one.
    for byte in &publish {
        socket.send(Message::Binary(Bytes::copy_from_slice(&[*byte]))).await.unwrap();
    }
    socket.send(Message::Binary([&publish[..], &publish[..]].concat().into())).await.unwrap();
    hub.wait_for_telemetry(Some("dev1"), 3, DEADLINE).unwrap();
}

#[tokio::test]
async fn a_client_that_closes_its_websocket_is_gone() {
    let hub = hub();
    let mut socket = foreign(&hub).await;
    socket.close(None).await.unwrap();
    assert!(hub.wait_for_connection("dev1", false, DEADLINE).unwrap());
    assert_eq!(hub.last_close("dev1").unwrap(), Some(CloseReason::Lost));
}

#[tokio::test]
async fn the_hosts_of_devices_want_to_be_called_by_name() {
    let hub = start(HubConfig { hostname: "my.device.azure-devices.net".to_owned(), ..HubConfig::default() });
    let options = Options::new(&hub, "dev1");
    // An address is not sent as a name (RFC 6066 §3).
    let version = &tokio_rustls::rustls::version::TLS12;
    let mut nameless = tls_with(&hub, "127.0.0.1", &[version]).await.unwrap();
    assert!(matches!(nameless.read(&mut [0]).await, Ok(0) | Err(_)));
    assert!(TestClient::over(tls(&hub).await, &options).await.is_ok());
}
