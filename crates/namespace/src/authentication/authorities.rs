//! The CA certificates of a namespace: whose signatures on client certificates are taken.

use std::collections::BTreeMap;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;

use crate::limits::CA_CERTIFICATES;
use crate::names::ResourceName;
use crate::resources::{ResourceError, ResourceKind};
use azmqtt_net::certificate::{material, pem};

/// A CA certificate; an intermediate one needs no root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaCertificate {
    /// Its name.
    pub name: ResourceName,
    /// For people.
    pub description: String,
    /// The text that it was read from; PEM.
    pub encoded: String,
    /// The certificate.
    pub der: CertificateDer<'static>,
}

impl CaCertificate {
    /// Reads a certificate in PEM or DER; the reason if there is not one that can sign others.
    pub fn read_bytes(name: ResourceName, certificate: &[u8]) -> Result<Self, String> {
        let found = material::read(certificate).map_err(|error| error.to_string())?;
        // A private key beside it is nobody's business.
        let is_alone = found.keys.is_empty() && found.others.is_empty();
        let mut found = found.certificates.into_iter();
        let (Some(first), None) = (found.next(), found.next()) else {
            return Err("it must contain exactly one certificate (BEGIN CERTIFICATE)".to_owned());
        };
        let der = CertificateDer::from(first.der);
        RootCertStore::empty().add(der.clone()).map_err(|error| error.to_string())?;
        let encoded = match std::str::from_utf8(certificate) {
            Ok(text) if is_alone => text.to_owned(),
            _ => pem::write("CERTIFICATE", &der),
        };
        Ok(Self { name, description: String::new(), encoded, der })
    }

    /// Reads a certificate in PEM.
    pub fn read_text(name: ResourceName, certificate: &str) -> Result<Self, String> {
        Self::read_bytes(name, certificate.as_bytes())
    }
}

/// CA certificates by their names.
#[derive(Debug, Default)]
pub struct Authorities(BTreeMap<ResourceName, CaCertificate>);

impl Authorities {
    /// Whether one of this name would be new, or an error if there is no room for it.
    pub fn check(&self, certificate: &CaCertificate) -> Result<bool, ResourceError> {
        let is_new = !self.0.contains_key(&certificate.name);
        if is_new && self.0.len() >= CA_CERTIFICATES {
            return Err(ResourceError::LimitReached(ResourceKind::CaCertificate, CA_CERTIFICATES));
        }
        Ok(is_new)
    }

    /// Adds one, or replaces that of its name. Whether it is new.
    pub fn put(&mut self, certificate: CaCertificate) -> Result<bool, ResourceError> {
        let is_new = self.check(&certificate)?;
        self.0.insert(certificate.name.clone(), certificate);
        Ok(is_new)
    }

    /// Deletes one. Whether there was one.
    pub fn delete(&mut self, name: &ResourceName) -> bool {
        self.0.remove(name).is_some()
    }

    /// The one of this name.
    pub fn get(&self, name: &ResourceName) -> Option<&CaCertificate> {
        self.0.get(name)
    }

    /// All of them, by their names.
    pub fn iter(&self) -> impl Iterator<Item = &CaCertificate> {
        self.0.values()
    }

    pub(super) fn certificates(&self) -> Vec<CertificateDer<'static>> {
        self.0.values().map(|certificate| certificate.der.clone()).collect()
    }
}
