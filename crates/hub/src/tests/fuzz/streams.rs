//! Byte streams: MQTT with the hub and with the provisioning service, frames of WebSockets, requests over HTTPS.

use std::sync::Arc;
use std::time::{Duration, Instant};

use azmqtt_mqtt::{Connect, Disconnect, Packet, Properties, ReasonCode, Subscribe, Version};
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::{Budget, Mutator, fuzz};
use crate::Hub;
use crate::provisioning::Enrollment;
use crate::sessions::{connection, provisioning};
use crate::tests::support::client::{DEADLINE, Options, TestClient, hub, tls_over_https};
use azmqtt_dialect::provisioning::{ProvisioningRequest, RESPONSES, Registrant};
use azmqtt_dialect::sas::{SasToken, SymmetricKey};
use azmqtt_local::client_certificates::ClientChain;
use azmqtt_mqtt::server::Event;
use azmqtt_mqtt::{Publish, QoS, Server};
use azmqtt_net::websocket::WebSocketBytes;

fn encoded(packets: &[Packet]) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    for packet in packets {
        azmqtt_mqtt::codec::encode(packet, Version::Mqtt311, &mut bytes, usize::MAX).unwrap();
    }
    bytes.to_vec()
}

fn publish(topic: &str, qos: QoS, body: &str) -> Packet {
    let mut publish = Publish::new(topic, qos, body.to_owned());
    publish.packet_id = 7;
    Packet::Publish(publish)
}

fn subscribe(filter: &str) -> Packet {
    let mut subscribe = Subscribe::new(filter, QoS::AtLeastOnce);
    subscribe.packet_id = 3;
    Packet::Subscribe(subscribe)
}

/// A whole session of a device.
fn session(hub: &Hub) -> Vec<u8> {
    let connect =
        Options::new(hub, "dev1").will("devices/dev1/messages/events/a=b", QoS::AtLeastOnce).connect;
    encoded(&[
        Packet::Connect(Box::new(connect)),
        subscribe("$iothub/twin/res/#"),
        subscribe("$iothub/methods/POST/#"),
        subscribe("devices/dev1/messages/devicebound/#"),
        publish("devices/dev1/messages/events/%24.mid=1&a=b", QoS::AtLeastOnce, "hello"),
        publish("$iothub/twin/PATCH/properties/reported/?$rid=1", QoS::AtMostOnce, r#"{"a":{"b":1}}"#),
        publish("$iothub/twin/GET/?$rid=2", QoS::AtLeastOnce, ""),
        publish("$iothub/methods/res/200/?$rid=1", QoS::AtMostOnce, "{}"),
        Packet::PingReq,
        Packet::Disconnect(Disconnect::normal()),
    ])
}

#[test]
fn the_mqtt_session() {
    let hub = hub();
    fuzz("the MQTT session", &[&session(&hub)], |input| {
        let now = Instant::now();
        let (mut server, mut bytes) = (Server::<u32>::new(8, now), BytesMut::new());
        // Cut where the bytes themselves say.
        for piece in input.chunks(usize::from(input.first().copied().unwrap_or(1)).max(1)) {
            bytes.extend_from_slice(piece);
            loop {
                match server.poll(&mut bytes, now) {
                    Ok(Some(Event::Connect(_))) => server.accept(None, Properties::default(), now),
                    Ok(Some(Event::Publish(publish))) => {
                        server.acknowledge(publish.packet_id, ReasonCode::Success);
                    }
                    Ok(Some(_)) => drop(server.publish(Publish::new("a", QoS::AtLeastOnce, ""), 1, now, now)),
                    Ok(None) => break,
                    Err(_) => return,
                }
            }
            assert!(server.output().len() < 64 * input.len() + 1024);
        }
    });
}

/// Lets the hub's side serve a stream that carries an input and then ends; it must come to its end, too.
async fn carry<F>(input: &[u8], piece: usize, serve: impl FnOnce(DuplexStream) -> F) -> bool
where
    F: Future<Output = ()> + Send + 'static,
{
    let (near, far) = tokio::io::duplex(256);
    let serving = tokio::spawn(serve(far));
    let (mut reader, mut writer) = tokio::io::split(near);
    let writing = async {
        for piece in input.chunks(piece) {
            if writer.write_all(piece).await.is_err() {
                break;
            }
        }
        let _ = writer.shutdown().await;
    };
    let reading = async { while let Ok(1..) = reader.read(&mut [0; 4096]).await {} };
    let all = async { tokio::join!(writing, reading, serving).2.is_ok() };
    timeout(DEADLINE, all).await == Ok(true)
}

/// Fuzzes what serves a stream.
async fn fuzz_served<F>(name: &str, corpus: &[&[u8]], inputs: u64, serve: impl Fn(DuplexStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut mutator = Mutator::new(name, corpus);
    let (budget, mut done) = (Budget::new(inputs), 0);
    while budget.goes_on(done) {
        let input = mutator.next_input();
        let piece = [1, 7, 100, 100_000][mutator.below(4)];
        let ended = carry(&input, piece, &serve).await;
        assert!(ended, "{name}, {}: {}", mutator.seed(), input.escape_ascii());
        done += 1;
    }
}

#[tokio::test]
async fn a_device_at_the_hub() {
    let hub = hub();
    let room = Arc::new(Semaphore::new(64));
    fuzz_served("a device", &[&session(&hub)], 400, |stream| {
        let shared = hub.shared.clone();
        let place = shared.unauthenticated.admit(room.clone().try_acquire_owned().unwrap());
        async {
            let admitted =
                connection::admit(place.limit(stream), ClientChain::default(), shared, place).await;
            if let Some(connection) = admitted {
                connection.run().await;
            }
        }
    })
    .await;
    assert!(TestClient::connect(&hub, "dev2").await.send("devices/dev2/messages/events/", "x").await);
}

#[tokio::test]
async fn a_device_at_the_provisioning_service() {
    let hub = hub();
    let keys =
        [SymmetricKey::generate(getrandom::fill).unwrap(), SymmetricKey::generate(getrandom::fill).unwrap()];
    hub.create_enrollment(Enrollment::new("r", keys.clone())).unwrap();
    let registrant = Registrant::new(hub.id_scope(), "r").unwrap();
    let mut connect = Connect::new("r");
    let token = SasToken::sign(&registrant.sas_resource(), &keys[0], 4_000_000_000, Some("registration"));
    connect.set_login(registrant.username(None), token.to_token());
    let register = ProvisioningRequest::Register { request_id: "1".into() }.to_string();
    let status =
        ProvisioningRequest::OperationStatus { request_id: "2".into(), operation_id: "4.a.b".into() };
    let session = encoded(&[
        Packet::Connect(Box::new(connect)),
        subscribe(RESPONSES),
        publish(&register, QoS::AtLeastOnce, r#"{"registrationId":"r","payload":{"a":1}}"#),
        publish(&status.to_string(), QoS::AtMostOnce, ""),
    ]);
    let room = Arc::new(Semaphore::new(64));
    fuzz_served("a registration", &[&session], 400, |stream| {
        let shared = hub.shared.clone();
        let place = shared.unauthenticated.admit(room.clone().try_acquire_owned().unwrap());
        provisioning::serve(place.limit(stream), ClientChain::default(), shared, place)
    })
    .await;
}

/// Reads a stream to its end.
async fn read_all<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let mut buffer = [0; 512];
    while let Ok(1..) = stream.read(&mut buffer).await {}
}

#[tokio::test]
async fn frames_of_a_websocket() {
    let mut frames = Vec::new();
    for (first, length) in [(0x82, 5), (0x02, 3), (0x80, 4), (0x89, 2), (0x8a, 0), (0x88, 2)] {
        frames.extend([first, 0x80 | length, 1, 2, 3, 4]);
        frames.extend(std::iter::repeat_n(b'x', length.into()));
    }
    let long = [&[0x82, 0xfe, 0x01, 0x00, 0, 0, 0, 0][..], &[7; 256]].concat();
    let longer = b"\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00xxxx";
    fuzz_served("WebSocket frames", &[&frames, &long, longer], 800, |stream| async {
        read_all(WebSocketBytes::new(stream, Role::Server, Vec::new()).await).await;
    })
    .await;
}

#[tokio::test]
async fn requests_over_https() {
    let hub = hub();
    let requests: [&[u8]; 4] = [
        b"GET /$iothub/websocket HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
          sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: mqtt\r\n\r\n",
        b"POST /devices/dev1/files?api-version=2021-04-12 HTTP/1.1\r\nhost: localhost\r\nauthorization: \
          SharedAccessSignature sr=localhost%2Fdevices%2Fdev1&sig=eA%3D%3D&se=4000000000\r\ncontent-length: 16\r\n\r\n\
          {\"blobName\":\"b\"}",
        b"PUT /uploads/dev1/b?sv=1&se=2030-01-01T00%3A00%3A00Z&sig=x&comp=block&blockid=MDE%3D HTTP/1.1\r\n\
          host: localhost\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"GET /statistics/devices?api-version=2021-04-12 HTTP/1.1\r\nhost: localhost\r\nauthorization: \
          SharedAccessSignature sr=localhost&sig=eA%3D%3D&se=4000000000&skn=iothubowner\r\n\r\n",
    ];
    let mut mutator = Mutator::new("HTTPS", &requests);
    let (budget, mut done) = (Budget::new(60), 0);
    let config =
        Arc::new(crate::tests::support::client::tls_config(&hub, &[&tokio_rustls::rustls::version::TLS13]));
    while budget.goes_on(done) {
        let input = mutator.next_input();
        let mut stream = tls_over_https(&hub, &config).await;
        let _ = stream.write_all(&input).await;
        let _ = stream.shutdown().await;
        let over = timeout(2 * DEADLINE, read_all(stream)).await.is_ok();
        assert!(over, "{}: {}", mutator.seed(), input.escape_ascii());
        done += 1;
    }
    let quick = Duration::from_secs(8);
    let served =
        async { TestClient::connect(&hub, "dev2").await.send("devices/dev2/messages/events/", "x").await };
    assert_eq!(timeout(quick, served).await, Ok(true));
}
