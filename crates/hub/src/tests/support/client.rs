//! A client for tests: the MQTT session over tokio-rustls, one packet at a time, every wait with a deadline.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use azmqtt_mqtt::{Connect, Properties, Subscribe, Unsubscribe, Will};
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, crypto, version};

use crate::unix_time::unix_now;
use crate::{Hub, HubConfig, Id};
use azmqtt_dialect::sas::{SasToken, SymmetricKey};
use azmqtt_dialect::{Auth, ConnectionString, Identity, UsernameOptions};
use azmqtt_mqtt::client::Event;
use azmqtt_mqtt::{Client, Publish, QoS, ReasonCode};

/// No wait of a test is longer.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// A hub with the devices `dev1` and `dev2`.
pub fn start(config: HubConfig) -> Hub {
    let hub = Hub::start(config).unwrap();
    hub.create_device("dev1", None).unwrap();
    hub.create_device("dev2", None).unwrap();
    hub
}

pub fn hub() -> Hub {
    start(HubConfig::default())
}

pub fn key<'a>(hub: &Hub, id: impl Into<Id<'a>>) -> SymmetricKey {
    let parts = ConnectionString::parse(&hub.connection_string(id).unwrap()).unwrap();
    match parts.auth {
        Auth::SharedAccessKey(key) => key,
        _ => panic!("a hub's device has a key"),
    }
}

/// What a test may want otherwise in a CONNECT.
pub struct Options {
    pub connect: Connect,
}

impl Options {
    /// What an honest device or module sends.
    pub fn new<'a>(hub: &Hub, id: impl Into<Id<'a>>) -> Self {
        let id = id.into();
        Self::with_key(hub, id, &key(hub, id))
    }

    /// [`Self::new`] with a key that the device has, or had.
    pub fn with_key<'a>(hub: &Hub, id: impl Into<Id<'a>>, key: &SymmetricKey) -> Self {
        let id = id.into();
        let identity = Identity::new(hub.hostname(), id.device, id.module).unwrap();
        let token = SasToken::sign(&identity.sas_resource(), key, unix_now() + 3600, None);
        let mut connect = Connect::new(identity.client_id());
        connect.keep_alive = 60;
        connect.set_login(identity.username(&UsernameOptions::default()), token.to_token());
        Self { connect }
    }

    /// A token for another resource, by another key, or of another expiry.
    pub fn token(mut self, resource: &str, key: &SymmetricKey, expiry: u64) -> Self {
        self.connect.password = Some(SasToken::sign(resource, key, expiry, None).to_token().into());
        self
    }

    pub fn username(mut self, username: &str) -> Self {
        self.connect.username = Some(username.to_owned());
        self
    }

    pub fn persistent(mut self) -> Self {
        self.connect.clean_start = false;
        self
    }

    pub fn will(mut self, topic: &str, qos: QoS) -> Self {
        self.connect.will = Some(Will::new(topic, "gone", qos, false));
        self
    }
}

pub struct TestClient<S = TlsStream<TcpStream>> {
    stream: S,
    mqtt: Client<()>,
    input: BytesMut,
    pub session_present: bool,
}

impl TestClient {
    /// Connects a device or module.
    pub async fn connect<'a>(hub: &Hub, id: impl Into<Id<'a>>) -> Self {
        Self::open(hub, &Options::new(hub, id)).await.expect("accepted")
    }

    /// Connects, or says why not; `None` when the hub closed without words.
    pub async fn open(hub: &Hub, options: &Options) -> Result<Self, Option<ReasonCode>> {
        Self::over(tls(hub).await, options).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TestClient<S> {
    /// Connects on a stream that is there already.
    pub async fn over(stream: S, options: &Options) -> Result<Self, Option<ReasonCode>> {
        let mut mqtt = Client::new(u16::MAX, Instant::now());
        mqtt.connect(&options.connect, DEADLINE, Instant::now());
        let mut client = Self { stream, mqtt, input: BytesMut::new(), session_present: false };
        client.flush().await;
        match client.next().await {
            Some(Event::Connected { session_present, .. }) => client.session_present = session_present,
            Some(Event::Refused { reason, .. }) => return Err(Some(reason)),
            _ => return Err(None),
        }
        Ok(client)
    }

    /// The next event; `None` when the hub has closed the connection.
    pub async fn next(&mut self) -> Option<Event<()>> {
        loop {
            let event = self.mqtt.poll(&mut self.input, Instant::now()).expect("the hub speaks MQTT");
            if event.is_some() {
                return event;
            }
            let read = timeout(DEADLINE, self.stream.read_buf(&mut self.input)).await;
            if let Ok(0) | Err(_) = read.expect("an answer or the end in time") {
                return None;
            }
        }
    }

    /// The next event, a message.
    pub async fn message(&mut self) -> Publish {
        match self.next().await {
            Some(Event::Message(publish)) => publish,
            other => panic!("not a message: {other:?}"),
        }
    }

    /// Whether the hub closes the connection without another packet.
    pub async fn is_closed(&mut self) -> bool {
        self.next().await.is_none()
    }

    pub async fn flush(&mut self) {
        // A hub that has closed the connection may refuse the bytes; what follows shows it.
        let _ = self.stream.write_all_buf(self.mqtt.output()).await;
        let _ = self.stream.flush().await;
    }

    /// Sends a message without waiting for anything.
    pub async fn publish(&mut self, topic: &str, qos: QoS, body: impl Into<Bytes>) {
        self.queue(topic, qos, body);
        self.flush().await;
    }

    /// Has a message leave with the next flush, in one piece with others.
    pub fn queue(&mut self, topic: &str, qos: QoS, body: impl Into<Bytes>) {
        let publish = Publish::new(topic, qos, body.into());
        let now = Instant::now();
        match qos {
            QoS::AtMostOnce => self.mqtt.publish_qos0(&publish, now, now).expect("a connection"),
            _ => self.mqtt.publish(publish, (), now, now).expect("room in the window"),
        }
    }

    /// Sends a telemetry message and waits for its PUBACK. False if the connection ended instead.
    pub async fn send(&mut self, topic: &str, body: impl Into<Bytes>) -> bool {
        self.publish(topic, QoS::AtLeastOnce, body).await;
        self.next().await == Some(Event::acknowledged(()))
    }

    /// Subscribes and returns what was granted; `None` if the connection ended instead.
    pub async fn subscribe(&mut self, filter: &str, qos: QoS) -> Option<ReasonCode> {
        self.mqtt.subscribe(Subscribe::new(filter, qos), Instant::now()).expect("a connection");
        self.flush().await;
        match self.next().await? {
            Event::Subscribed { reasons, .. } => reasons.first().copied(),
            other => panic!("not a SUBACK: {other:?}"),
        }
    }

    /// Unsubscribes; `false` if the connection ended instead.
    pub async fn unsubscribe(&mut self, filter: &str) -> bool {
        let unsubscribe = Unsubscribe::of(vec![filter.to_owned()]);
        self.mqtt.unsubscribe(unsubscribe, Instant::now()).expect("a connection");
        self.flush().await;
        matches!(self.next().await, Some(Event::Unsubscribed { .. }))
    }

    pub async fn acknowledge(&mut self, publish: &Publish) {
        self.mqtt.acknowledge(publish.packet_id, ReasonCode::Success, Instant::now());
        self.flush().await;
    }

    /// Sends DISCONNECT.
    pub async fn disconnect(mut self) {
        self.mqtt.disconnect(ReasonCode::Success, Properties::default());
        self.flush().await;
        assert!(self.is_closed().await);
    }

    /// The stream, for bytes that no honest client sends.
    pub fn into_stream(self) -> S {
        self.stream
    }
}

/// A TLS connection to the hub, and nothing sent on it.
pub async fn tls(hub: &Hub) -> TlsStream<TcpStream> {
    tls_with(hub, "localhost", &[&version::TLS13, &version::TLS12]).await.expect("a handshake")
}

pub async fn tls_with(
    hub: &Hub,
    name: &'static str,
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    tls_over(hub, tcp(hub).await, name, versions).await
}

/// A TLS connection to the hub's HTTPS port, and nothing sent on it.
pub async fn https(hub: &Hub) -> TlsStream<TcpStream> {
    let stream = tcp_to(hub.https_port()).await;
    tls_over(hub, stream, "localhost", &[&version::TLS13]).await.expect("a handshake")
}

/// [`https`] with a configuration that many connections share.
pub async fn tls_over_https(hub: &Hub, config: &Arc<ClientConfig>) -> TlsStream<TcpStream> {
    let stream = tcp_to(hub.https_port()).await;
    let name = ServerName::try_from("localhost").unwrap();
    let connecting = TlsConnector::from(config.clone()).connect(name, stream);
    timeout(DEADLINE, connecting).await.expect("in time").expect("a handshake")
}

/// A TLS connection to the provisioning service, and nothing sent on it.
pub async fn provisioning(hub: &Hub) -> TlsStream<TcpStream> {
    let stream = tcp_to(hub.provisioning_port()).await;
    tls_over(hub, stream, "localhost", &[&version::TLS13]).await.expect("a handshake")
}

async fn tls_over(
    hub: &Hub,
    stream: TcpStream,
    name: &'static str,
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    let config = tls_config(hub, versions);
    let name = ServerName::try_from(name).unwrap();
    timeout(DEADLINE, TlsConnector::from(Arc::new(config)).connect(name, stream)).await.expect("in time")
}

pub fn tls_config(hub: &Hub, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(hub.ca_pem().as_bytes()).unwrap()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

pub async fn tcp(hub: &Hub) -> TcpStream {
    tcp_to(hub.port()).await
}

pub async fn tcp_to(port: u16) -> TcpStream {
    let stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Whether the peer ends the stream in time, however rudely; what it says before is dropped.
pub async fn ends(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> bool {
    let reading = async { while let Ok(1..) = stream.read(&mut [0; 4096]).await {} };
    timeout(DEADLINE, reading).await.is_ok()
}
