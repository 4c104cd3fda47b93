//! Certificates and keys in files.

use azmqtt_dialect::x509::Thumbprint;
use azmqtt_net::certificate::{CertificateFacts, CertificateNames};
use azmqtt_net::certificate::{material, pem};
use azmqtt_net::text;

/// What people pass as a certificate or a key: PEM with anything around it, or DER.
pub fn pem(data: &[u8]) -> bool {
    let _ = (text::decode(data).map(|text| text.len()), text::decode_lossy(data).len());
    if let Ok(sections) = pem::read(data) {
        for section in &sections {
            let written = pem::write(&section.label, &section.der);
            let again = pem::read(written.as_bytes()).expect("what was read can be written");
            assert!(matches!(&again[..], [only] if only.der == section.der), "{written}");
        }
    }
    match material::read(data) {
        Ok(_) => true,
        Err(error) => {
            let _ = error.to_string();
            false
        }
    }
}

/// Certificates in DER.
pub fn certificates(data: &[u8]) -> bool {
    let (facts, names) = (CertificateFacts::read(data), CertificateNames::read(data));
    assert!(facts.is_none() || names.is_some());
    assert!(Thumbprint::sha256(data).fits(data) && Thumbprint::sha1(data).fits(data));
    facts.is_some()
}
