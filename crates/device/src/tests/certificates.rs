//! Client certificates: shown to servers that ask, and what is said when one does not like them.

use azmqtt_mqtt::Properties;
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, SupportedProtocolVersion};

use super::support::{Hub, LONG, ask, device};
use crate::provisioning::register;
use crate::upload::UploadStep;
use crate::{ClientCertificate, Credentials, DeviceConfig, Error, ProvisioningConfig, Step};
use azmqtt_dialect::provisioning::Registrant;

struct Pair(CertificateDer<'static>, Vec<u8>);

fn pair() -> Pair {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["dev".into()]).unwrap();
    Pair(params.self_signed(&key).unwrap().der().clone(), key.serialize_der())
}

impl Pair {
    fn credentials(&self) -> Credentials {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.1.clone()));
        Credentials::x509(ClientCertificate::from_der(vec![self.0.clone()], key, 1).unwrap())
    }
}

/// A hub that insists on certificates signed by `root`.
async fn insisting(root: &Pair, version: &'static SupportedProtocolVersion) -> Hub {
    let mut roots = RootCertStore::empty();
    roots.add(root.0.clone()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    Hub::with_verifier(&[version], verifier).await
}

fn config(hub: &Hub, credentials: Credentials) -> DeviceConfig {
    let mut config = hub.config();
    config.endpoint.client_certificate = credentials.certificate().cloned();
    config.credentials = credentials;
    config
}

#[tokio::test]
async fn a_certificate_stands_in_for_the_password() {
    for version in [&TLS12, &TLS13] {
        let own = pair();
        let hub = insisting(&own, version).await;
        let device = device(config(&hub, own.credentials()));
        let connecting = ask(|reply| device.connect(LONG, reply));
        let (mut peer, connect) = hub.accept_mqtt().await;
        let (username, password) = (connect.username.as_deref().unwrap(), connect.password_text().unwrap());
        assert_eq!((password, username.starts_with("localhost/dev/")), ("", true));
        assert_eq!(peer.stream.get_ref().1.peer_certificates(), Some(&[own.0.clone()][..]));
        peer.server.refuse(azmqtt_mqtt::ReasonCode::NotAuthorized, Properties::default());
        peer.flush().await;
        // The same certificate again would not be better.
        let error = connecting.get().await.unwrap_err();
        let said = matches!(&error, Error::AuthenticationFailed { reason } if reason.contains("thumbprint"));
        assert!(said, "{error}");
        hub.stays_alone(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_server_that_does_not_like_the_certificate_is_quoted() {
    for version in [&TLS12, &TLS13] {
        for (credentials, expected) in [
            (pair().credentials(), "the server refused the client certificate"),
            (
                Credentials::key(azmqtt_dialect::SymmetricKey::generate(getrandom::fill).unwrap()),
                "the server wants a client certificate",
            ),
        ] {
            let hub = insisting(&pair(), version).await;
            let device = device(config(&hub, credentials));
            let connecting = ask(|reply| device.connect(LONG, reply));
            // It stays open, so that nothing but the alert ends the connection.
            let mut tcp = hub.accept_tcp().await;
            assert!(hub.handshake(&mut tcp).await.is_err());
            match connecting.get().await {
                Err(Error::ConnectionFailed { step: Step::Tls, reason }) => {
                    assert!(reason.contains(expected), "{reason}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[track_caller]
fn refused(outcome: Result<(), Error>) {
    let Err(Error::ConnectionFailed { step, reason }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(step, Step::Tls, "{reason}");
    assert!(reason.contains("the server refused the client certificate"), "{reason}");
}

#[tokio::test]
async fn it_is_quoted_whatever_the_connection_was_for() {
    for version in [&TLS12, &TLS13] {
        let credentials = pair().credentials();
        let hub = insisting(&pair(), version).await;
        let refuse = async || {
            let mut tcp = hub.accept_tcp().await;
            assert!(hub.handshake(&mut tcp).await.is_err());
            // It stays open, so that nothing but the alert ends the connection.
            tcp
        };

        let mut websocket = config(&hub, credentials.clone());
        websocket.endpoint.websocket = true;
        let device = device(websocket);
        let connecting = ask(|reply| device.connect(LONG, reply));
        let _tcp = refuse().await;
        refused(connecting.get().await);

        let config = config(&hub, credentials.clone());
        let registration = ProvisioningConfig {
            endpoint: config.endpoint.clone(),
            deadlines: config.deadlines,
            ..ProvisioningConfig::new(Registrant::new("0ne0001", "dev").unwrap(), credentials)
        };
        let handle = tokio::runtime::Handle::current();
        let registered = ask(|reply| drop(register(registration, LONG, &handle, reply)));
        let _tcp = refuse().await;
        refused(registered.get().await.map(drop));

        let device = crate::Device::new(
            DeviceConfig { https_port: hub.port(), ..config },
            tokio::runtime::Handle::current,
        );
        let upload = device.upload("a.txt".to_owned(), LONG, LONG).unwrap();
        let started = ask(|reply| upload.run(UploadStep::Start, reply));
        let _tcp = refuse().await;
        refused(started.get().await.map(drop));
    }
}
