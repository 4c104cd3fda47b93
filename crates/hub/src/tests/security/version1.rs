//! Client certificates of X.509 version 1: taken as any other, and worth no more.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SigningKey,
};
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use x509_parser::asn1_rs::{Any, FromDer, ToDer};

use super::x509::{shaken, without_password};
use crate::tests::support::client::{DEADLINE, TestClient, hub};
use crate::{Authentication, Hub};
use azmqtt_dialect::x509::Thumbprint;
use azmqtt_mqtt::ReasonCode::NotAuthorized;

const DAY: Duration = Duration::from_secs(24 * 3600);

struct Pair {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

/// Adds an authority of its own to the hub.
fn root(hub: &Hub, params: CertificateParams) -> CertifiedIssuer<'static, KeyPair> {
    let root = CertifiedIssuer::self_signed(params, key()).unwrap();
    hub.add_client_authority(root.pem().as_bytes()).unwrap();
    root
}

/// A sequence of DER.
fn sequence(content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let header = match length {
        128..256 => vec![0x30, 0x81, length as u8],
        256..65_536 => vec![0x30, 0x82, (length >> 8) as u8, length as u8],
        _ => panic!("a certificate of {length} bytes"),
    };
    [header.as_slice(), content].concat()
}

/// The certificate without its version and its extensions, signed again by `signs`.
fn version1(params: &CertificateParams, issuer: &Issuer<'_, impl SigningKey>, signs: &KeyPair) -> Pair {
    let key = key();
    let certificate = params.signed_by(&key, issuer).unwrap();
    let (_, whole) = Any::from_der(certificate.der()).unwrap();
    let (rest, body) = Any::from_der(whole.data).unwrap();
    let (_, algorithm) = Any::from_der(rest).unwrap();
    let (mut fields, mut kept) = (body.data, Vec::new());
    while let Ok((rest, field)) = Any::from_der(fields) {
        // [0] is the version, [3] the extensions.
        if field.class() != x509_parser::asn1_rs::Class::ContextSpecific {
            kept.extend_from_slice(&fields[..fields.len() - rest.len()]);
        }
        fields = rest;
    }
    let body = sequence(&kept);
    let signature = signs.sign(&body).unwrap();
    let bits = [&[0x03, u8::try_from(signature.len() + 1).unwrap(), 0][..], &signature].concat();
    let algorithm = algorithm.to_der_vec().unwrap();
    let certificate = sequence(&[body, algorithm, bits].concat());
    Pair { certificate: certificate.into(), key }
}

/// A version 1 certificate of the authority's.
fn issued(issuer: &CertifiedIssuer<'static, KeyPair>, name: &str) -> Pair {
    version1(&params(name), issuer, issuer.key())
}

/// Why the device is refused, if it is: with CONNACK 5, and in these words.
async fn refusal(hub: &Hub, id: &str, own: &Pair, between: &[CertificateDer<'static>]) -> Option<String> {
    let mut answers = Vec::new();
    for version in [&TLS12, &TLS13] {
        let chain = [std::slice::from_ref(&own.certificate), between].concat();
        let stream = shaken(hub, version, chain, &own.key.serialize_pem()).await.expect("a handshake");
        answers.push(match TestClient::over(stream, &without_password(id)).await {
            Ok(_) => None,
            Err(code) => {
                assert_eq!(code, Some(NotAuthorized));
                hub.last_refusal()
            }
        });
    }
    assert_eq!(answers[0], answers[1], "TLS 1.2 and 1.3");
    answers.swap_remove(0)
}

#[tokio::test]
async fn it_is_taken_by_its_thumbprint() {
    let hub = hub();
    let stranger = CertifiedIssuer::self_signed(authority("somebody"), key()).unwrap();
    let own = issued(&stranger, "anything");
    let primary = Some(Thumbprint::sha256(&own.certificate));
    hub.create_x509_device("known", Authentication::SelfSigned { primary, secondary: None }).unwrap();
    assert_eq!(refusal(&hub, "known", &own, &[]).await, None);
    let other = refusal(&hub, "known", &issued(&stranger, "known"), &[]).await.unwrap();
    assert!(other.contains("neither of the device's thumbprints"), "{other}");
}

#[tokio::test]
async fn it_is_taken_when_an_authority_has_signed_it() {
    let hub = hub();
    hub.create_x509_device("dev", Authentication::CertificateAuthority).unwrap();
    let root = root(&hub, authority("root"));
    assert_eq!(refusal(&hub, "dev", &issued(&root, "dev"), &[]).await, None);
    // With an authority between them.
    let between = CertifiedIssuer::signed_by(authority("between"), key(), &root).unwrap();
    let chain = [between.der().clone()];
    assert_eq!(refusal(&hub, "dev", &issued(&between, "dev"), &chain).await, None);
    let alone = refusal(&hub, "dev", &issued(&between, "dev"), &[]).await.unwrap();
    assert!(alone.contains("does not lead to an authority of this hub"), "{alone}");
}

#[tokio::test]
async fn it_is_worth_nothing_without_a_signature() {
    let hub = hub();
    hub.create_x509_device("dev", Authentication::CertificateAuthority).unwrap();
    let root = root(&hub, authority("root"));
    // Somebody with the same name as the authority, and a certificate that only says who has signed it.
    let namesake = CertifiedIssuer::self_signed(authority("root"), key()).unwrap();
    let forged = version1(&params("dev"), &root, namesake.key());
    for (own, between) in [(issued(&namesake, "dev"), vec![namesake.der().clone()]), (forged, vec![])] {
        let refused = refusal(&hub, "dev", &own, &between).await.unwrap();
        assert!(refused.contains("no authority of this hub"), "{refused}");
    }
    let other = refusal(&hub, "dev", &issued(&root, "other"), &[]).await.unwrap();
    assert!(other.contains("common name is not dev"), "{other}");
    // The key of another certificate makes no connection.
    let mut stolen = issued(&root, "dev");
    stolen.key = key();
    for version in [&TLS12, &TLS13] {
        let chain = vec![stolen.certificate.clone()];
        if let Ok(stream) = shaken(&hub, version, chain, &stolen.key.serialize_pem()).await {
            assert_eq!(TestClient::over(stream, &without_password("dev")).await.err(), Some(None));
        }
        // The client may hear of it first.
        let noted = async {
            while !hub.last_refusal().unwrap_or_default().starts_with("MQTT port") {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(DEADLINE, noted).await.expect("a refusal");
        let said = hub.last_refusal().unwrap();
        assert!(said.starts_with("MQTT port: TLS handshake with 127.0.0.1:"), "{said}");
        assert!(said.contains("the client certificate: "), "{said}");
        hub.shared.note_refusal(crate::events::Cause::Tls, "");
    }
}

#[tokio::test]
async fn what_is_no_authority_signs_for_nobody() {
    let hub = hub();
    hub.create_x509_device("dev", Authentication::CertificateAuthority).unwrap();
    let root = root(&hub, authority("root"));
    let mut short = authority("short");
    short.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let mut expired = authority("expired");
    expired.not_after = (SystemTime::now() - DAY).into();
    let mut for_servers = authority("for servers");
    for_servers.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let mut signs_nothing = authority("signs nothing");
    signs_nothing.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let mut constrained = authority("constrained");
    constrained.name_constraints = Some(rcgen::NameConstraints {
        permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("example".into())],
        excluded_subtrees: vec![],
    });
    for params in [params("a device"), expired, for_servers, signs_nothing, constrained] {
        let name = format!("{:?}", params.distinguished_name);
        let between = CertifiedIssuer::signed_by(params, key(), &root).unwrap();
        let refused = refusal(&hub, "dev", &issued(&between, "dev"), &[between.der().clone()]).await;
        assert!(refused.is_some_and(|why| why.contains("no authority of this hub")), "{name}");
    }
    // A certificate of version 1 is not an authority, unless it is a registered one.
    let old = issued(&root, "old");
    let old_params = params("old");
    let old_issuer = Issuer::from_params(&old_params, &old.key);
    let own = version1(&params("dev"), &old_issuer, &old.key);
    assert!(refusal(&hub, "dev", &own, std::slice::from_ref(&old.certificate)).await.is_some());
    let pem =
        azmqtt_net::certificate::pem::write(azmqtt_net::certificate::pem::CERTIFICATE, &old.certificate);
    hub.add_client_authority(pem.as_bytes()).unwrap();
    assert_eq!(refusal(&hub, "dev", &own, &[]).await, None);
    // One below an authority that may have none below.
    let first = CertifiedIssuer::signed_by(short, key(), &root).unwrap();
    assert_eq!(refusal(&hub, "dev", &issued(&first, "dev"), &[first.der().clone()]).await, None);
    let second = CertifiedIssuer::signed_by(authority("second"), key(), &first).unwrap();
    let chain = [second.der().clone(), first.der().clone()];
    assert!(refusal(&hub, "dev", &issued(&second, "dev"), &chain).await.is_some());
}

#[tokio::test]
async fn its_time_counts() {
    let hub = hub();
    hub.create_x509_device("dev", Authentication::CertificateAuthority).unwrap();
    let root = root(&hub, authority("root"));
    let now = SystemTime::now();
    for (from, to) in [(now - 3 * DAY, now - DAY), (now + DAY, now + 3 * DAY)] {
        let mut params = params("dev");
        (params.not_before, params.not_after) = (from.into(), to.into());
        let own = version1(&params, &root, root.key());
        let primary = Some(Thumbprint::sha1(&own.certificate));
        let id = format!("known{}", u8::from(from > now));
        hub.create_x509_device(&id, Authentication::SelfSigned { primary, secondary: None }).unwrap();
        for id in ["dev", id.as_str()] {
            let refused = refusal(&hub, id, &own, &[]).await.unwrap();
            assert_eq!(refused, "the client certificate has expired or is not valid yet");
        }
    }
}

/// Many certificates of one name could take for ever to try one by one.
#[tokio::test]
async fn what_is_tried_has_a_bound() {
    let hub = hub();
    hub.create_x509_device("dev", Authentication::CertificateAuthority).unwrap();
    root(&hub, authority("root"));
    let issuers: Vec<_> =
        (0..40).map(|_| CertifiedIssuer::self_signed(authority("same"), key()).unwrap()).collect();
    let chain: Vec<_> = issuers.iter().map(|issuer| issuer.der().clone()).collect();
    let own = issued(&issuers[39], "dev");
    assert!(refusal(&hub, "dev", &own, &chain).await.is_some());
}
