//! A scripted hub: real TCP and TLS on a free port of 127.0.0.1, with every answer in the test's hands.

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::NoClientAuth;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::{ALL_VERSIONS, ServerConfig, SupportedProtocolVersion};
use tokio_rustls::server::TlsStream;

use crate::{
    ConnectDeadlines, Credentials, Device, DeviceConfig, Endpoint, Error, Outgoing, Reply, RetryPolicy,
    State, Trust,
};
use azmqtt_dialect::{Identity, SymmetricKey};
use azmqtt_mqtt::server::Event;
use azmqtt_mqtt::session::Session;
use azmqtt_mqtt::{Connect, Disconnect, Properties, Publish, QoS, ReasonCode, Server, Subscribe};

/// Longer than anything here takes on a busy machine; a test that waits for it has failed.
pub(super) const LONG: Duration = Duration::from_secs(10);

/// Awaits `future`, not for ever.
pub(super) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future).await.expect("it did not happen in time")
}

/// The answer to an operation begun by `start`, when it is awaited.
pub(super) fn ask<T: Send + 'static>(start: impl FnOnce(Reply<T>)) -> Answer<T> {
    let (reply, receiver) = Reply::channel();
    start(reply);
    Answer(receiver)
}

/// An outcome on its way.
pub(super) struct Answer<T>(oneshot::Receiver<Result<T, Error>>);

impl<T> Answer<T> {
    pub(super) async fn get(self) -> Result<T, Error> {
        within(self.0).await.expect("every reply is answered")
    }

    /// Whether there is no outcome yet.
    pub(super) fn is_open(&mut self) -> bool {
        matches!(self.0.try_recv(), Err(oneshot::error::TryRecvError::Empty))
    }
}

/// Awaits until `condition` holds; for what only shows in counters.
pub(super) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < LONG, "it never happened: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub(super) fn message(qos: QoS, text: &str) -> Outgoing {
    let payload = Bytes::copy_from_slice(text.as_bytes());
    Outgoing { topic: "devices/dev/messages/events/".into(), payload, qos }
}

pub(super) fn send(device: &Device, text: &str) -> Answer<()> {
    ask(|reply| device.send(message(QoS::AtLeastOnce, text), LONG, reply))
}

pub(super) fn close(device: &Device) -> Answer<usize> {
    ask(|reply| device.close(LONG, reply))
}

struct Certificate {
    pem: String,
    der: Vec<u8>,
    key: Vec<u8>,
}

/// A name of the newer kind, which no resolver knows.
pub(super) const DEVICE_HOST: &str = "hub.device.azure-devices.net";

/// One certificate in the whole run: making keys takes time.
fn certificate() -> &'static Certificate {
    static CERTIFICATE: OnceLock<Certificate> = OnceLock::new();
    CERTIFICATE.get_or_init(|| make_certificate(|_| {}))
}

fn make_certificate(change: impl FnOnce(&mut rcgen::CertificateParams)) -> Certificate {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".into(), DEVICE_HOST.into()]).unwrap();
    change(&mut params);
    let certificate = params.self_signed(&key).unwrap();
    Certificate { pem: certificate.pem(), der: certificate.der().to_vec(), key: key.serialize_der() }
}

pub(super) struct Hub {
    pub listener: TcpListener,
    acceptor: TlsAcceptor,
    trust: Trust,
}

impl Hub {
    pub(super) async fn new() -> Self {
        Self::with_versions(ALL_VERSIONS).await
    }

    pub(super) async fn with_versions(versions: &[&'static SupportedProtocolVersion]) -> Self {
        Self::with(certificate(), versions, Arc::new(NoClientAuth)).await
    }

    /// One that asks for client certificates and has a say on them.
    pub(super) async fn with_verifier(
        versions: &[&'static SupportedProtocolVersion],
        verifier: Arc<dyn ClientCertVerifier>,
    ) -> Self {
        Self::with(certificate(), versions, verifier).await
    }

    /// One whose certificate's time is over.
    pub(super) async fn expired() -> Self {
        let expired = make_certificate(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
        Self::with(&expired, ALL_VERSIONS, Arc::new(NoClientAuth)).await
    }

    async fn with(
        certificate: &Certificate,
        versions: &[&'static SupportedProtocolVersion],
        verifier: Arc<dyn ClientCertVerifier>,
    ) -> Self {
        let Certificate { pem, der, key } = certificate;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.clone()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![der.clone().into()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let trust = Trust::from_pem(pem.as_bytes()).unwrap();
        Self { listener, acceptor: TlsAcceptor::from(Arc::new(config)), trust }
    }

    pub(super) fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// A device of this hub that tries again quickly.
    pub(super) fn config(&self) -> DeviceConfig {
        let mut config = config(self.port());
        config.endpoint.trust = self.trust.clone();
        config
    }

    pub(super) fn device(&self) -> Device {
        device(self.config())
    }

    pub(super) async fn accept_tcp(&self) -> TcpStream {
        let (tcp, _) = within(self.listener.accept()).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp
    }

    /// A handshake that may fail.
    pub(super) async fn handshake(&self, tcp: &mut TcpStream) -> std::io::Result<()> {
        within(self.acceptor.accept(tcp)).await?.read_u8().await.map(drop)
    }

    /// The next connection, up to the end of the handshake.
    pub(super) async fn accept_tls(&self) -> Peer {
        let tcp = self.accept_tcp().await;
        let stream = within(self.acceptor.accept(tcp)).await.unwrap();
        Peer::new(stream)
    }

    /// The next connection, up to its CONNECT.
    pub(super) async fn accept_mqtt(&self) -> (Peer, Connect) {
        let mut peer = self.accept_tls().await;
        let connect = peer.connect().await;
        (peer, connect)
    }

    /// The next connection, accepted with `session_present`.
    pub(super) async fn accept(&self, session_present: bool) -> Peer {
        let (mut peer, _) = self.accept_mqtt().await;
        peer.accept(session_present).await;
        peer
    }

    /// Connects `device` to a fresh session.
    pub(super) async fn connect(&self, device: &Device) -> Peer {
        let connected = ask(|reply| device.connect(LONG, reply));
        let peer = self.accept(false).await;
        connected.get().await.unwrap();
        assert_eq!(device.state(), State::Connected);
        peer
    }

    /// Nobody connects for `span`.
    pub(super) async fn stays_alone(&self, span: Duration) {
        let accepted = tokio::time::timeout(span, self.listener.accept()).await;
        assert!(accepted.is_err(), "a connection came that should not");
    }
}

pub(super) fn config(port: u16) -> DeviceConfig {
    let identity = Identity::new("localhost", "dev", None).unwrap();
    let key = SymmetricKey::from_base64("c2VjcmV0IGtleSBvZiBhIHRlc3Q=").unwrap();
    let span = Duration::from_secs(2);
    DeviceConfig {
        endpoint: Endpoint {
            trust: Trust::from_pem(certificate().pem.as_bytes()).unwrap(),
            ..Endpoint::new("localhost", port)
        },
        retry: RetryPolicy {
            base: Duration::from_millis(5),
            max: Duration::from_millis(50),
            first_connect: false,
        },
        deadlines: ConnectDeadlines {
            stream: azmqtt_net::ConnectDeadlines {
                dns: LONG,
                tcp: span,
                proxy: span,
                tls: span,
                websocket: span,
            },
            credentials: span,
            connack: span,
            suback: span,
        },
        ..DeviceConfig::new(identity, Credentials::key(key))
    }
}

pub(super) fn device(config: DeviceConfig) -> Device {
    Device::new(config, Handle::current)
}

/// The hub's end of one connection.
pub(super) struct Peer<S = TlsStream<TcpStream>> {
    pub stream: S,
    input: BytesMut,
    pub server: Server<u32>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, input: BytesMut::new(), server: Server::new(1000, Instant::now()) }
    }

    /// Reads CONNECT.
    pub(super) async fn connect(&mut self) -> Connect {
        match self.event().await {
            Some(Event::Connect(connect)) => *connect,
            other => panic!("{other:?} in place of CONNECT"),
        }
    }

    /// The next event; `None` when the device closed the connection.
    pub(super) async fn event(&mut self) -> Option<Event<u32>> {
        within(async {
            loop {
                let event =
                    self.server.poll(&mut self.input, Instant::now()).expect("the device speaks MQTT");
                self.flush().await;
                if event.is_some() {
                    return event;
                }
                match self.stream.read_buf(&mut self.input).await {
                    Ok(0) | Err(_) => return None,
                    Ok(_) => {}
                }
            }
        })
        .await
    }

    pub(super) async fn accept(&mut self, session_present: bool) {
        self.server.accept(
            session_present.then(|| Session::new(1000)),
            Properties::default(),
            Instant::now(),
        );
        self.flush().await;
    }

    pub(super) async fn flush(&mut self) {
        let output = self.server.output().split();
        self.raw(&output).await;
    }

    /// Writes any bytes. The device may have closed already: then nobody misses them.
    pub(super) async fn raw(&mut self, bytes: &[u8]) {
        let _ = within(self.stream.write_all(bytes)).await;
        let _ = within(self.stream.flush()).await;
    }

    /// The next message, not acknowledged.
    pub(super) async fn message(&mut self) -> Publish {
        match self.event().await {
            Some(Event::Publish(publish)) => publish,
            other => panic!("{other:?} in place of a message"),
        }
    }

    pub(super) async fn acknowledge(&mut self, packet_id: u16) {
        self.server.acknowledge(packet_id, ReasonCode::Success);
        self.flush().await;
    }

    /// The next message's text, acknowledged.
    pub(super) async fn take_message(&mut self) -> String {
        let publish = self.message().await;
        if publish.qos == QoS::AtLeastOnce {
            self.acknowledge(publish.packet_id).await;
        }
        text(&publish)
    }

    pub(super) async fn subscribe(&mut self) -> Subscribe {
        match self.event().await {
            Some(Event::Subscribe(subscribe)) => subscribe,
            other => panic!("{other:?} in place of SUBSCRIBE"),
        }
    }

    /// Grants, or refuses, the next subscription and returns its filter.
    pub(super) async fn answer_subscribe(&mut self, granted: bool) -> String {
        let subscribe = self.subscribe().await;
        let agreed = ReasonCode::GrantedQoS1;
        let code = if granted { agreed } else { ReasonCode::UnspecifiedError };
        self.server.suback(subscribe.packet_id, vec![code; subscribe.filters.len()]);
        self.flush().await;
        subscribe.filters[0].filter.clone()
    }

    pub(super) async fn grant(&mut self, subscribe: &Subscribe) {
        let agreed = ReasonCode::GrantedQoS1;
        self.server.suback(subscribe.packet_id, vec![agreed; subscribe.filters.len()]);
        self.flush().await;
    }

    /// Publishes to the device at QoS 0.
    pub(super) async fn publish(&mut self, topic: &str, body: &str) {
        let now = Instant::now();
        let publish = Publish::new(topic, QoS::AtMostOnce, body.to_owned());
        self.server.publish_qos0(&publish, now, now).expect("a connection");
        self.flush().await;
    }

    /// Publishes to the device at QoS 1; `token` comes back with its acknowledgement.
    pub(super) async fn deliver(&mut self, topic: &str, body: &str, token: u32) {
        let publish = Publish::new(topic, QoS::AtLeastOnce, body.to_owned());
        let now = Instant::now();
        self.server.publish(publish, token, now, now).expect("the window has room");
        self.flush().await;
    }

    /// DISCONNECT and the end of the device's bytes.
    pub(super) async fn expect_disconnect(&mut self) {
        assert_eq!(self.event().await, Some(Event::Disconnect(Disconnect::new(ReasonCode::Success))));
        assert_eq!(within(self.stream.read_buf(&mut self.input)).await.unwrap(), 0);
    }
}

pub(super) fn text(publish: &Publish) -> String {
    String::from_utf8(publish.payload.to_vec()).unwrap()
}
