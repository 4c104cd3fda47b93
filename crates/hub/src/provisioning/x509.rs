//! Certificates of enrolments, as the service's REST API takes and shows them.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::enrollment::Attestation;
use crate::error::refused::Refused;
use crate::registry::credentials::Authentication;
use crate::security::client_certificates::Authorities;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_dialect::time::format_utc;
use azmqtt_dialect::x509::Thumbprint;
use azmqtt_net::certificate::{CertificateFacts, CertificateNames, material};

/// Reads the member `x509` of an attestation: what it means, and how it is shown. `None` if it names nothing: the service shows
/// certificates without their text, and takes that back for what it has.
pub(super) fn read(x509: &Value) -> Result<Option<(Attestation, Value)>, Refused> {
    let text = |part: &Value, name: &str| {
        let value = part.get(name)?;
        // Certificates are objects, references are text.
        let text = value.get("certificate").unwrap_or(value).as_str()?;
        Some(text.to_owned()).filter(|text| !text.is_empty())
    };
    let pair = |name: &str| {
        let pair = x509.get(name).map(|part| [text(part, "primary"), text(part, "secondary")]);
        pair.filter(|pair| pair.iter().any(Option::is_some))
    };
    match ["clientCertificates", "signingCertificates", "caReferences"].map(pair) {
        [None, None, None] => Ok(None),
        [Some(client), None, None] => {
            let ders = read_pair("clientCertificates", client)?;
            let [primary, secondary] = ders.each_ref().map(|der| der.as_deref().map(Thumbprint::sha256));
            let how = Authentication::SelfSigned { primary, secondary };
            Ok(Some((Attestation::Certificate(how), json!({ "clientCertificates": show(&ders)? }))))
        }
        [None, Some(signing), None] => {
            let ders = read_pair("signingCertificates", signing)?;
            let authorities = Authorities::default();
            for der in ders.iter().flatten() {
                let added = authorities.add(der);
                added.map_err(|error| invalid(&format!("x509.signingCertificates: {error}")))?;
            }
            let shown = json!({ "signingCertificates": show(&ders)? });
            Ok(Some((Attestation::SignedBy(Arc::new(authorities)), shown)))
        }
        [None, None, Some([primary, secondary])] => {
            let how = Authentication::CertificateAuthority;
            let shown = json!({ "caReferences": { "primary": primary, "secondary": secondary } });
            Ok(Some((Attestation::Certificate(how), shown)))
        }
        _ => {
            Err(invalid("x509: clientCertificates, signingCertificates and caReferences exclude each other"))
        }
    }
}

/// Certificates that were given in another way than over REST: their thumbprints, as far as they are known.
pub(super) fn show_unnamed(how: &Authentication) -> Value {
    let [primary, secondary] = how.thumbprints().map(|thumbprint| {
        let thumbprint = thumbprint?;
        let name = if thumbprint.len() == 40 { "sha1Thumbprint" } else { "sha256Thumbprint" };
        Some(json!({ "info": { name: thumbprint } }))
    });
    if primary.is_none() && secondary.is_none() {
        return json!({});
    }
    json!({ "clientCertificates": { "primary": primary, "secondary": secondary } })
}

fn read_pair(name: &str, pair: [Option<String>; 2]) -> Result<[Option<Vec<u8>>; 2], Refused> {
    let read = |text: Option<String>| text.map(|text| read_certificate(name, &text)).transpose();
    let [primary, secondary] = pair;
    match [read(primary)?, read(secondary)?] {
        [None, _] => Err(invalid(&format!("x509.{name} has no primary certificate"))),
        both => Ok(both),
    }
}

/// One certificate: PEM, or DER in base64 on its own.
fn read_certificate(name: &str, text: &str) -> Result<Vec<u8>, Refused> {
    let bare: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let der = if let Ok(der) = STANDARD.decode(bare) {
        der
    } else {
        let found = material::read(text.as_bytes());
        let found = found.map_err(|error| invalid(&format!("x509.{name}: {error}")))?;
        let first = found.certificates.into_iter().next();
        first.ok_or_else(|| invalid(&format!("x509.{name}: the certificate is missing")))?.der
    };
    match CertificateFacts::read(&der) {
        Some(_) => Ok(der),
        None => Err(invalid(&format!("x509.{name}: not a certificate"))),
    }
}

fn show(ders: &[Option<Vec<u8>>; 2]) -> Result<Value, Refused> {
    let mut out = Map::new();
    for (name, der) in ["primary", "secondary"].into_iter().zip(ders) {
        if let Some(der) = der {
            out.insert(name.to_owned(), json!({ "info": info(der)? }));
        }
    }
    Ok(out.into())
}

/// `X509CertificateInfo` of the REST API.
fn info(der: &[u8]) -> Result<Value, Refused> {
    let unreadable = || invalid("x509: a certificate cannot be read");
    let facts = CertificateFacts::read(der).ok_or_else(unreadable)?;
    let names = CertificateNames::read(der).ok_or_else(unreadable)?;
    Ok(json!({
        "subjectName": names.subject,
        "sha1Thumbprint": Thumbprint::sha1(der).to_string(),
        "sha256Thumbprint": Thumbprint::sha256(der).to_string(),
        "issuerName": names.issuer,
        "notBeforeUtc": format_utc(facts.not_before),
        "notAfterUtc": format_utc(facts.not_after),
        "serialNumber": names.serial,
        "version": names.version,
    }))
}

fn invalid(message: &str) -> Refused {
    Refused::new(ErrorCode::ARGUMENT_INVALID, message)
}
