//! Strangers and clients that do not behave: the others do not notice.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use azmqtt_mqtt::codec::{self, Sender};
use azmqtt_mqtt::{
    ConnAck, Connect, LARGEST_PACKET, Level, Packet, Publish, QoS, ReasonCode, Subscribe, Version,
};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::support::*;
use crate::NamespaceConfig;
use crate::config::ConnectionLimits;
use crate::names::ClientName;
use crate::resources::{CertificateRule, Client, Thumbprint};

/// A TLS connection whose every byte a test writes.
pub async fn shaken(world: &World, name: &str) -> TlsStream<TcpStream> {
    shaken_on(world, name, world.namespace.port()).await
}

/// The same on that port.
pub async fn shaken_on(world: &World, name: &str, port: u16) -> TlsStream<TcpStream> {
    let (certificate, key, der) = azmqtt_local::certificate_authority::client_certificate(
        None,
        name,
        Duration::from_secs(60),
        Duration::from_secs(3600),
    )
    .unwrap();
    let rule = CertificateRule::Thumbprint(vec![Thumbprint::sha256(&der)]);
    let client = Client::new(ClientName::parse(name).unwrap()).with_certificate(rule);
    world.namespace.put_client(client).unwrap();

    tls(world, port, Some((&certificate, &key))).await
}

/// A TLS connection on that port that shows this certificate, which has this key; or none.
pub async fn tls(world: &World, port: u16, shown: Option<(&str, &str)>) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    let authority = world.namespace.authority().certificate.clone();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match shown {
        Some((certificate, key)) => config
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap(),
        None => config.with_no_client_auth(),
    };
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
}

pub async fn write(stream: &mut TlsStream<TcpStream>, packet: &Packet) -> io::Result<()> {
    let mut bytes = BytesMut::new();
    codec::encode(packet, Version::Mqtt5, &mut bytes, LARGEST_PACKET).unwrap();
    stream.write_all(&bytes).await
}

/// The next packet; `None` at the end.
pub async fn read(stream: &mut TlsStream<TcpStream>, input: &mut BytesMut) -> Option<Packet> {
    loop {
        if let Some(packet) = codec::decode(input, Sender::Server, Version::Mqtt5, LARGEST_PACKET).unwrap() {
            return Some(packet);
        }
        if timeout(LONG, stream.read_buf(input)).await.expect("nothing comes").unwrap_or(0) == 0 {
            return None;
        }
    }
}

pub fn connect_packet(name: &str) -> Packet {
    Packet::Connect(Box::new(Connect { level: Level::Mqtt5, ..Connect::new(name) }))
}

pub async fn connected(world: &World, name: &str) -> (TlsStream<TcpStream>, BytesMut) {
    let mut stream = shaken(world, name).await;
    let mut input = BytesMut::new();
    write(&mut stream, &connect_packet(name)).await.unwrap();
    match read(&mut stream, &mut input).await {
        Some(Packet::ConnAck(ConnAck { reason: ReasonCode::Success, .. })) => (stream, input),
        other => panic!("{other:?}: {:?}", world.namespace.last_refusal()),
    }
}

#[tokio::test]
async fn strangers_who_say_nothing_are_closed() {
    let limits = ConnectionLimits {
        handshake_timeout: Duration::from_millis(100),
        connect_timeout: Duration::from_millis(100),
        unauthenticated: 4,
        ..ConnectionLimits::default()
    };
    let world = World::with(NamespaceConfig { connections: limits, ..config() });
    // More than there are places: each makes room in time.
    let mut silent = Vec::new();
    for _ in 0..12 {
        silent.push(TcpStream::connect(("127.0.0.1", world.namespace.port())).await.unwrap());
    }
    let mut shaken = shaken(&world, "stranger").await;
    for stream in &mut silent {
        assert_eq!(timeout(LONG, stream.read(&mut [0; 8])).await.unwrap().unwrap_or(0), 0);
    }
    assert_eq!(timeout(LONG, shaken.read(&mut [0; 8])).await.unwrap().unwrap_or(0), 0);
    let noted = world.namespace.last_refusal().expect("a reason");
    assert!(noted.contains("no CONNECT within 100ms"), "{noted}");
    connect(&world.client("client")).await.unwrap();
}

#[tokio::test]
async fn a_packet_byte_for_byte_is_a_packet() {
    let world = World::new();
    let mut stream = shaken(&world, "slow").await;
    let mut bytes = BytesMut::new();
    codec::encode(&connect_packet("slow"), Version::Mqtt5, &mut bytes, LARGEST_PACKET).unwrap();
    codec::encode(&Packet::PingReq, Version::Mqtt5, &mut bytes, LARGEST_PACKET).unwrap();
    for byte in &bytes {
        stream.write_all(&[*byte]).await.unwrap();
        stream.flush().await.unwrap();
    }
    let mut input = BytesMut::new();
    assert!(matches!(read(&mut stream, &mut input).await, Some(Packet::ConnAck(_))));
    assert_eq!(read(&mut stream, &mut input).await, Some(Packet::PingResp));
}

#[tokio::test]
async fn what_comes_behind_connect_is_not_lost() {
    let world = World::new();
    world.contoso(&["t/#"]);
    let mut stream = shaken(&world, "hasty").await;
    let mut bytes = BytesMut::new();
    let subscribe = Subscribe { packet_id: 1, ..Subscribe::new("t/#", QoS::AtLeastOnce) };
    let publish = Publish::new("t/a", QoS::AtMostOnce, "x");
    for packet in [connect_packet("hasty"), Packet::Subscribe(subscribe), Packet::Publish(publish.clone())] {
        codec::encode(&packet, Version::Mqtt5, &mut bytes, LARGEST_PACKET).unwrap();
    }
    stream.write_all(&bytes).await.unwrap();
    let mut input = BytesMut::new();
    assert!(matches!(read(&mut stream, &mut input).await, Some(Packet::ConnAck(_))));
    assert!(matches!(read(&mut stream, &mut input).await, Some(Packet::SubAck(_))));
    assert_eq!(read(&mut stream, &mut input).await, Some(Packet::Publish(publish)));
}

#[tokio::test]
async fn who_breaks_the_protocol_is_told_and_closed() {
    let world = World::new();
    let (mut stream, mut input) = connected(&world, "rude").await;
    stream.write_all(&[0xf0, 0x00]).await.unwrap();
    let said = read(&mut stream, &mut input).await;
    assert!(matches!(said, Some(Packet::Disconnect(_))), "{said:?}");
    assert_eq!(read(&mut stream, &mut input).await, None);
    until(|| world.namespace.with_broker(|broker| broker.sessions() == 0)).await;
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_is_closed_and_holds_nobody_up() {
    let limits =
        ConnectionLimits { write_timeout: Duration::from_millis(300), ..ConnectionLimits::default() };
    let world = World::with(NamespaceConfig { connections: limits, ..config() });
    world.contoso(&["t/#"]);
    let (mut deaf, mut input) = connected(&world, "deaf").await;
    let subscribe = Subscribe { packet_id: 1, ..Subscribe::new("t/#", QoS::AtMostOnce) };
    write(&mut deaf, &Packet::Subscribe(subscribe)).await.unwrap();
    assert!(matches!(read(&mut deaf, &mut input).await, Some(Packet::SubAck(_))));
    let (publisher, subscriber) = (world.client("publisher"), world.client("subscriber"));
    let receiver = subscriber.receiver(None).unwrap();
    super::support::subscribe(&subscriber, "t/#").await.unwrap();
    let body = "x".repeat(60_000);
    // Far more than the sockets take.
    for _ in 0..600 {
        publish(&publisher, "t/a", &body).await.unwrap();
        assert_eq!(next(&receiver).await.publish.payload.len(), body.len());
    }
    until(|| world.namespace.with_broker(|broker| broker.connected() == 2)).await;
}

#[tokio::test]
async fn a_client_that_floods_leaves_others_their_turn() {
    let world = World::new();
    world.contoso(&["t/#"]);
    let (publisher, subscriber) = (world.client("publisher"), world.client("subscriber"));
    let receiver = subscriber.receiver(None).unwrap();
    super::support::subscribe(&subscriber, "t/#").await.unwrap();
    connect(&publisher).await.unwrap();
    let (mut flood, _) = connected(&world, "flood").await;
    let mut pings = BytesMut::new();
    for _ in 0..100_000 {
        codec::encode(&Packet::PingReq, Version::Mqtt5, &mut pings, LARGEST_PACKET).unwrap();
    }
    // It reads no answer: it is paused at some point.
    let flooding = tokio::spawn(async move {
        loop {
            if flood.write_all(&pings).await.is_err() {
                return;
            }
        }
    });
    for index in 0..100 {
        publish(&publisher, "t/a", &index.to_string()).await.unwrap();
        assert_eq!(next_body(&receiver).await, index.to_string());
    }
    flooding.abort();
}
