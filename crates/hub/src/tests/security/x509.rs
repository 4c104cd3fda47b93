//! Client certificates: who is let in, and what is worth nothing.

use std::sync::Arc;
use std::time::Duration;

use azmqtt_mqtt::Connect;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::SupportedProtocolVersion;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::tests::support::client::{DEADLINE, Options, TestClient, hub, tcp, tls_config};
use crate::{Authentication, CloseReason, DeviceCertificate, Hub, HubError, SignedBy};
use azmqtt_dialect::x509::Thumbprint;
use azmqtt_dialect::{Identity, UsernameOptions};
use azmqtt_mqtt::ReasonCode::{self, NotAuthorized, ServerUnavailable};

const DAY: Duration = Duration::from_secs(24 * 3600);
const BOTH: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// A CONNECT without a password.
pub fn without_password(id: &str) -> Options {
    let identity = Identity::new("localhost", id, None).unwrap();
    let mut connect = Connect::new(id);
    connect.username = Some(identity.username(&UsernameOptions::default()));
    Options { connect }
}

fn current(hub: &Hub, name: &str) -> DeviceCertificate {
    hub.create_certificate(name, DAY, 2 * DAY, SignedBy::Hub).unwrap()
}

pub fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// A handshake that shows `chain` and signs with `key`, whether or not they belong together.
pub async fn shaken(
    hub: &Hub,
    version: &'static SupportedProtocolVersion,
    chain: Vec<CertificateDer<'static>>,
    key: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    shaken_over(hub, tcp(hub).await, version, chain, key).await
}

/// [`shaken`] on any port of the hub's.
pub async fn shaken_over(
    hub: &Hub,
    stream: TcpStream,
    version: &'static SupportedProtocolVersion,
    chain: Vec<CertificateDer<'static>>,
    key: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let key = ring::default_provider().key_provider.load_private_key(key).unwrap();
    let mut config = tls_config(hub, &[version]);
    let certified = Arc::new(CertifiedKey::new(chain, key));
    config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified));
    let name = ServerName::try_from("localhost").unwrap();
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    timeout(DEADLINE, connecting).await.expect("in time")
}

/// What the hub answers to `id`, which shows this certificate.
async fn connect(
    hub: &Hub,
    version: &'static SupportedProtocolVersion,
    id: &str,
    made: &DeviceCertificate,
) -> Result<TestClient, Option<ReasonCode>> {
    let stream =
        shaken(hub, version, vec![der(&made.certificate)], &made.private_key).await.map_err(|_| None)?;
    TestClient::over(stream, &without_password(id)).await
}

async fn refused(hub: &Hub, id: &str, made: &DeviceCertificate) -> String {
    let Err(code) = connect(hub, &TLS13, id, made).await else { panic!("it was let in") };
    assert_eq!(code, Some(NotAuthorized));
    hub.last_refusal().unwrap()
}

#[tokio::test]
async fn a_certificate_of_the_hub_s_authority_lets_its_device_in() {
    let hub = hub();
    hub.create_x509_device("ca", Authentication::CertificateAuthority).unwrap();
    let made = current(&hub, "ca");
    for version in BOTH {
        let mut client = connect(&hub, version, "ca", &made).await.unwrap_or_else(|_| panic!("refused"));
        assert!(client.send("devices/ca/messages/events/", "x").await);
        client.disconnect().await;
    }
    let stamped = hub.telemetry("ca")[0].system_properties();
    let method = stamped.iter().find(|(name, _)| *name == "iothub-connection-auth-method").unwrap();
    assert_eq!(
        method.1,
        r#"{"scope":"device","type":"x509","issuer":"external","acceptingIpFilterRule":null}"#
    );
    assert_eq!(hub.twin("ca").unwrap()["authenticationType"], "certificateAuthority");
    hub.set_enabled("ca", false).unwrap();
    assert_eq!(connect(&hub, &TLS13, "ca", &made).await.err(), Some(Some(ServerUnavailable)));
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_a_refusal_with_5() {
    let hub = hub();
    hub.create_x509_device("ca", Authentication::CertificateAuthority).unwrap();
    let expired = hub.create_certificate("ca", 2 * DAY, DAY, SignedBy::Hub).unwrap();
    let itself = hub.create_certificate("ca", DAY, 2 * DAY, SignedBy::Itself).unwrap();
    let cases = [
        (current(&hub, "Ca"), "the client certificate's common name is not ca"),
        (current(&hub, "ca/module"), "the client certificate's common name is not ca"),
        (expired, "the client certificate has expired or is not valid yet"),
        (itself, "the client certificate does not lead to an authority of this hub"),
    ];
    for (made, expected) in cases {
        let reason = refused(&hub, "ca", &made).await;
        assert!(reason.starts_with(expected), "{reason}");
    }
    let nothing = TestClient::open(&hub, &without_password("ca")).await;
    assert_eq!(nothing.err(), Some(Some(NotAuthorized)));
    assert_eq!(
        hub.last_refusal().unwrap(),
        "the device authenticates with X.509, but presented no client certificate"
    );
    let keys = "the device authenticates with SAS tokens, but sent no password";
    assert_eq!(refused(&hub, "dev1", &current(&hub, "dev1")).await, keys);
}

#[tokio::test]
async fn a_certificate_beside_a_token_does_no_harm() {
    let hub = hub();
    let made = current(&hub, "dev1");
    let stream = shaken(&hub, &TLS13, vec![der(&made.certificate)], &made.private_key).await.unwrap();
    assert!(TestClient::over(stream, &Options::new(&hub, "dev1")).await.is_ok());
}

#[tokio::test]
async fn a_thumbprint_does_not_outlast_its_certificate() {
    let hub = hub();
    let expired = hub.create_certificate("any name", 2 * DAY, DAY, SignedBy::Itself);
    assert!(matches!(expired, Err(HubError::Identity(_))), "a space is not part of an id");
    let expired = hub.create_certificate("any", 2 * DAY, DAY, SignedBy::Itself).unwrap();
    let valid = hub.create_certificate("any", DAY, 2 * DAY, SignedBy::Itself).unwrap();
    let secondary = Some(Thumbprint::sha1(&der(&expired.certificate)));
    let primary = Some(valid.thumbprint.clone());
    let how = Authentication::SelfSigned { primary, secondary };
    hub.create_x509_device("known", how).unwrap();
    assert!(connect(&hub, &TLS12, "known", &valid).await.is_ok());
    let reason = refused(&hub, "known", &expired).await;
    assert_eq!(reason, "the client certificate has expired or is not valid yet");
    let unknown = Authentication::SelfSigned { primary: None, secondary: None };
    hub.create_x509_device("unknown", unknown).unwrap();
    assert!(connect(&hub, &TLS12, "unknown", &expired).await.is_err());
}

#[tokio::test]
async fn a_certificate_without_its_key_is_worth_nothing() {
    let hub = hub();
    hub.create_x509_device("ca", Authentication::CertificateAuthority).unwrap();
    let (made, other) = (current(&hub, "ca"), current(&hub, "ca"));
    for version in BOTH {
        for chain in [vec![der(&made.certificate)], vec![b"rubbish".to_vec().into()]] {
            // In TLS 1.3 the client is done before the server has looked.
            if let Ok(stream) = shaken(&hub, version, chain, &other.private_key).await {
                assert_eq!(TestClient::over(stream, &without_password("ca")).await.err(), Some(None));
            }
        }
    }
    assert_eq!(hub.connection_count("ca").unwrap(), 0);
    assert!(connect(&hub, &TLS13, "ca", &made).await.is_ok(), "others are served");
}

#[tokio::test]
async fn a_token_does_not_let_a_device_with_a_certificate_in() {
    let hub = hub();
    hub.create_x509_device("ca", Authentication::CertificateAuthority).unwrap();
    let mut options = without_password("ca");
    options.connect.password = Options::new(&hub, "dev1").connect.password;
    assert_eq!(TestClient::open(&hub, &options).await.err(), Some(Some(NotAuthorized)));
    assert_eq!(hub.last_refusal().unwrap(), "the device authenticates with X.509, but sent a password");
}

#[tokio::test]
async fn a_connection_that_is_replaced_shows_its_own_certificate() {
    let hub = hub();
    hub.create_x509_device("ca", Authentication::CertificateAuthority).unwrap();
    let made = current(&hub, "ca");
    let mut first = connect(&hub, &TLS13, "ca", &made).await.unwrap_or_else(|_| panic!("refused"));
    let _second = connect(&hub, &TLS13, "ca", &made).await.unwrap_or_else(|_| panic!("refused"));
    assert!(first.is_closed().await);
    assert_eq!(hub.last_close("ca").unwrap(), Some(CloseReason::TakenOver));
}

#[test]
fn authorities_are_looked_at_and_counted() {
    let hub = Hub::start(crate::HubConfig::default()).unwrap();
    for text in [
        "",
        "-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n",
    ] {
        assert!(
            matches!(hub.add_client_authority(text.as_bytes()), Err(HubError::ClientAuthority(_))),
            "{text}"
        );
    }
    // Any certificate can be one; the same again does not count.
    let own = hub.ca_pem().to_owned();
    for _ in 0..30 {
        hub.add_client_authority(own.as_bytes()).unwrap();
    }
    let fresh = || hub.create_certificate("x", DAY, DAY * 2, SignedBy::Itself).unwrap().certificate;
    for _ in 1..25 {
        hub.add_client_authority(fresh().as_bytes()).unwrap();
    }
    let full = hub.add_client_authority(fresh().as_bytes()).unwrap_err();
    assert!(full.to_string().ends_with("a hub keeps no more than 25"), "{full}");
}

#[test]
fn parts_that_do_not_go_together_are_no_authentication() {
    let print = "A9993E364706816ABA3E25717850C26C9CD0D89D";
    for (name, primary, secondary) in [
        ("none", Some(print), None),
        ("tpm", None, None),
        ("sas", Some(print), None),
        ("selfSigned", Some("12"), None),
        ("selfSigned", Some(print), Some("12")),
        ("certificateAuthority", Some(print), None),
    ] {
        assert_eq!(Authentication::from_parts(name, primary, secondary), None, "{name}");
    }
    for how in ["sas", "selfSigned", "certificateAuthority", "none"] {
        assert_eq!(Authentication::from_parts(how, None, None).unwrap().name(), how);
    }
    let both = Authentication::from_parts("selfSigned", Some(print), Some(print)).unwrap();
    assert_eq!(both.thumbprints(), [Some(print.to_owned()), Some(print.to_owned())]);
}
