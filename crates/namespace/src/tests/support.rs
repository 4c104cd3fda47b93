//! A namespace, and clients of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use azmqtt_client::managed::{Client, Config, Error, Published, Received, Receiver};
use azmqtt_client::reply::Reply;
use azmqtt_client::watch::StateChange;
use azmqtt_client::{Broker, StateChanges};
use azmqtt_mqtt::{Publish, QoS, ReasonCode, SubscribeFilter};
use azmqtt_net::{ClientCertificate, ConnectDeadlines, Endpoint, Trust};
use rcgen::{CertificateParams, CertifiedIssuer, DnType, Issuer, KeyPair, SanType};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::names::ClientName;
use crate::resources::{self, Permission};
use crate::{Namespace, NamespaceConfig};

/// Longer than anything takes that works.
pub const LONG: Duration = Duration::from_secs(20);

/// A certificate authority of a test's own.
pub struct TestAuthority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl TestAuthority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "test authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// An authority that this one has signed.
    pub fn intermediate(&self) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "intermediate");
        params.use_authority_key_identifier_extension = true;
        let issuer: &Issuer<'_, KeyPair> = &self.issuer;
        let issuer = CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), issuer).unwrap();
        Self { issuer }
    }

    /// A client certificate with this common name and these alternative names.
    pub fn client(&self, common_name: &str, names: Vec<SanType>) -> ClientCertificate {
        let key = KeyPair::generate().unwrap();
        let certificate = params(common_name, names).signed_by(&key, &self.issuer).unwrap();
        shown(&certificate.pem(), &key)
    }
}

pub fn params(common_name: &str, names: Vec<SanType>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.subject_alt_names = names;
    params.use_authority_key_identifier_extension = true;
    params
}

/// A certificate that nobody but its own key has signed.
pub fn self_signed(params: &CertificateParams) -> ClientCertificate {
    let key = KeyPair::generate().unwrap();
    shown(&params.self_signed(&key).unwrap().pem(), &key)
}

fn shown(certificate: &str, key: &KeyPair) -> ClientCertificate {
    let pem = key.serialize_pem();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    ClientCertificate::from_pem(certificate.as_bytes(), Some(pem.as_bytes()), None, now).unwrap()
}

/// A namespace on free ports, with an authority of clients.
pub struct World {
    pub namespace: Namespace,
    pub authority: TestAuthority,
}

pub fn config() -> NamespaceConfig {
    NamespaceConfig { port: 0, https_port: 0, ..NamespaceConfig::default() }
}

impl World {
    pub fn new() -> Self {
        Self::with(config())
    }

    pub fn with(config: NamespaceConfig) -> Self {
        let namespace = Namespace::start(config).unwrap();
        let authority = TestAuthority::new();
        namespace.put_ca_certificate("test-ca", authority.pem().as_bytes()).unwrap();
        Self { namespace, authority }
    }

    /// `ContosoTopicSpace` with these templates, and both bindings on `$all`.
    pub fn contoso(&self, templates: &[&str]) {
        self.namespace.put_topic_space("ContosoTopicSpace", templates).unwrap();
        for (name, permission) in [
            ("contosopublisherbinding", Permission::Publisher),
            ("contososubscriberbinding", Permission::Subscriber),
        ] {
            self.namespace.put_permission_binding(name, "$all", "ContosoTopicSpace", permission).unwrap();
        }
    }

    /// Where a client with this certificate connects to.
    pub fn broker(&self, certificate: Option<ClientCertificate>) -> Broker {
        let mut endpoint = Endpoint::new("localhost", self.namespace.port());
        endpoint.trust = Trust::from_pem(self.namespace.authority().certificate.as_bytes()).unwrap();
        endpoint.client_certificate = certificate;
        Broker::secure(endpoint, ConnectDeadlines::default())
    }

    /// How a client of this name connects, which is known by its certificate's subject.
    pub fn config(&self, name: &str) -> Config {
        let client = resources::Client::new(ClientName::parse(name).unwrap());
        self.namespace.put_client(client).unwrap();
        Config::new(self.broker(Some(self.authority.client(name, Vec::new()))), name)
    }

    /// A client of this name.
    pub fn client(&self, name: &str) -> Client {
        client(self.config(name))
    }
}

/// A client on the test's runtime.
pub fn client(config: Config) -> Client {
    Client::new(config, Handle::current)
}

/// Waits for an outcome.
pub async fn ask<T: Send + 'static>(start: impl FnOnce(Reply<T>)) -> Result<T, Error> {
    let (reply, outcome) = oneshot::channel();
    // Nobody waits any more only if the test has failed.
    start(Reply::new(move |result| drop(reply.send(result))));
    timeout(LONG, outcome).await.expect("no outcome").expect("the reply is answered")
}

pub async fn connect(client: &Client) -> Result<(), Error> {
    ask(|reply| client.connect(LONG, reply)).await
}

pub async fn subscribe(client: &Client, filter: &str) -> Result<Vec<ReasonCode>, Error> {
    let filters = vec![SubscribeFilter::new(filter, QoS::AtLeastOnce)];
    ask(|reply| client.subscribe(filters, LONG, reply)).await
}

pub async fn publish(client: &Client, topic: &str, body: &str) -> Result<Published, Error> {
    let publish = Publish::new(topic, QoS::AtLeastOnce, body.to_owned());
    ask(|reply| client.publish(publish, LONG, reply)).await
}

pub async fn close(client: &Client) {
    ask(|reply| client.close(LONG, reply)).await.unwrap();
}

pub async fn next(receiver: &Receiver) -> Received {
    timeout(LONG, receiver.next()).await.expect("no message").expect("the receiver goes on")
}

pub async fn next_body(receiver: &Receiver) -> String {
    String::from_utf8(next(receiver).await.publish.payload.to_vec()).unwrap()
}

/// The clients in the events `connection.refused`; null if an event has none.
pub fn refused_clients(world: &World) -> Vec<Value> {
    let lines = world.namespace.events_after(0, Duration::ZERO);
    let events = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let refused = events.filter(|event| event["type"] == "connection.refused");
    refused.map(|event| event["client"].clone()).collect()
}

/// Waits until something holds.
pub async fn until(mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(LONG, waiting).await.expect("it does not come true");
}

/// Waits until a client changes its state for a reason with these words, which its last error may be too short a time to be
/// seen.
pub async fn changes_for(changes: &StateChanges, words: &str) {
    let is_told = |change: StateChange| change.reason.is_some_and(|reason| reason.contains(words));
    until(|| std::iter::from_fn(|| changes.take()).any(is_told)).await;
}
