//! What applications ask of a hub about X.509: devices that authenticate with it, authorities, certificates for tests.

use std::time::Duration;

use super::Hub;
use crate::error::HubError;
use crate::registry::credentials::Authentication;
use azmqtt_dialect::identity::check_id;
use azmqtt_dialect::x509::Thumbprint;
use azmqtt_local::certificate_authority::client_certificate;
use azmqtt_net::certificate::CertificateFacts;

/// A client certificate for tests. No `Debug`: it holds the private key.
pub struct DeviceCertificate {
    /// In PEM.
    pub certificate: String,
    /// In PEM, PKCS #8.
    pub private_key: String,
    /// SHA-256.
    pub thumbprint: Thumbprint,
    /// From when on it is valid, in Unix seconds.
    pub not_before: u64,
    /// Up to when it is valid, in Unix seconds.
    pub not_after: u64,
}

/// How a certificate for tests is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedBy {
    /// The hub's own authority, which the hub takes for devices.
    Hub,
    /// Its own key.
    Itself,
}

impl Hub {
    /// Makes a device that authenticates with a certificate.
    pub fn create_x509_device(&self, device_id: &str, how: Authentication) -> Result<(), HubError> {
        self.create(device_id, None, how)
    }

    /// Takes client certificates that the authorities in this PEM text signed, besides the hub's own. The service asks
    /// for a proof that one has the authority's key; this hub does not.
    pub fn add_client_authority(&self, pem: &[u8]) -> Result<(), HubError> {
        self.check_running()?;
        self.shared.client_authorities.add(pem)?;
        let dir = self.shared.disk.dir();
        dir.map_or(Ok(()), |dir| self.shared.client_authorities.save(&dir))
    }

    /// Makes a certificate with a new key (ECDSA, P-256) and the common name of an identity: `device`, or
    /// `device/module`. It is valid from `ago` before now to `life` after that moment, so that one that has expired can
    /// be made, too. Nothing of it is kept.
    pub fn create_certificate(
        &self,
        common_name: &str,
        ago: Duration,
        life: Duration,
        signed_by: SignedBy,
    ) -> Result<DeviceCertificate, HubError> {
        let (device_id, module_id) = common_name
            .split_once('/')
            .map_or((common_name, None), |(device, module)| (device, Some(module)));
        check_id("device id", device_id).map_err(HubError::Identity)?;
        module_id.map_or(Ok(()), |id| check_id("module id", id)).map_err(HubError::Identity)?;
        let authority = (signed_by == SignedBy::Hub).then_some(&self.authority);
        let (certificate, private_key, der) = client_certificate(authority, common_name, ago, life)?;
        let facts = CertificateFacts::read(&der)
            .ok_or_else(|| HubError::Certificate("it cannot be read back".to_owned()))?;
        Ok(DeviceCertificate {
            certificate,
            private_key,
            thumbprint: Thumbprint::sha256(&der),
            not_before: facts.not_before,
            not_after: facts.not_after,
        })
    }
}
