//! The CA certificates of a namespace: whose signatures on client certificates are taken.

use std::collections::BTreeMap;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;

use crate::limits::CA_CERTIFICATES;
use crate::names::ResourceName;
use azmqtt_net::certificate::material;

/// CA certificates by their names. An intermediate one needs no root.
#[derive(Debug, Default)]
pub struct Authorities(BTreeMap<ResourceName, CertificateDer<'static>>);

impl Authorities {
    /// Adds the certificate in a text or file, or replaces that of its name; the reason if it cannot.
    pub fn put(&mut self, name: ResourceName, certificate: &[u8]) -> Result<(), String> {
        let found = material::read(certificate).map_err(|error| error.to_string())?;
        let mut found = found.certificates.into_iter();
        let (Some(first), None) = (found.next(), found.next()) else {
            return Err("there must be one certificate in it (BEGIN CERTIFICATE)".to_owned());
        };
        let der = CertificateDer::from(first.der);
        RootCertStore::empty().add(der.clone()).map_err(|error| error.to_string())?;
        if !self.0.contains_key(&name) && self.0.len() >= CA_CERTIFICATES {
            return Err(format!("a namespace has at most {CA_CERTIFICATES} CA certificates"));
        }
        self.0.insert(name, der);
        Ok(())
    }

    /// Deletes one. Whether there was one.
    pub fn delete(&mut self, name: &ResourceName) -> bool {
        self.0.remove(name).is_some()
    }

    /// All of them, by their names.
    pub fn iter(&self) -> impl Iterator<Item = (&ResourceName, &CertificateDer<'static>)> {
        self.0.iter()
    }

    pub(super) fn certificates(&self) -> Vec<CertificateDer<'static>> {
        self.0.values().cloned().collect()
    }
}
