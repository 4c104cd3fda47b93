//! Who may register (DPS docs, "Terms: enrolment").

use std::time::SystemTime;

use serde_json::Value;

use crate::dialect::provisioning::{Registrant, Shown};
use crate::dialect::x509::Thumbprint;
use crate::dialect::{SasToken, SymmetricKey};
use crate::hub::client_certificates::{self, Authentication, ClientChain};
use crate::hub::shared::Shared;

/// One device that may register.
#[derive(Clone, Debug)]
pub struct Enrollment {
    /// Compared without regard to case.
    pub registration_id: String,
    /// How it proves who it is.
    pub attestation: Attestation,
    /// The id in the hub; the registration id if there is none.
    pub device_id: Option<String>,
    /// What goes for its devices.
    pub policy: Policy,
}

/// Any number of devices that share a secret, or an authority.
#[derive(Clone, Debug)]
pub struct EnrollmentGroup {
    /// Its name (`enrollmentGroupId`).
    pub name: String,
    /// How its devices prove who they are. Keys are derived from these by the registration id.
    pub attestation: Attestation,
    /// What goes for its devices.
    pub policy: Policy,
}

/// What an enrolment says about its devices in the hub.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Whether they may register.
    pub enabled: bool,
    /// The twin of a device that is made: `{"tags":{…},"properties":{"desired":{…}}}`, either part absent.
    pub initial_twin: Option<Value>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { enabled: true, initial_twin: None }
    }
}

/// How a device proves who it is. `Debug` shows no key.
#[derive(Clone, Debug)]
pub enum Attestation {
    /// Primary and secondary: either one signs.
    SymmetricKeys([SymmetricKey; 2]),
    /// By a certificate, known by its thumbprint or its authority, with the registration id as its common name.
    Certificate(Authentication),
}

/// What a client showed when it connected.
pub(super) enum Proof {
    /// A SAS token.
    Token(SasToken),
    /// A client certificate.
    Certificate(ClientChain),
}

/// What a device shows to the hub that it was assigned to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Login {
    /// Tokens that one of these keys signed.
    Keys([SymmetricKey; 2]),
    /// A certificate.
    Certificate(Authentication),
}

impl Login {
    pub(super) fn shown(&self) -> Shown {
        match self {
            Self::Keys(_) => Shown::SymmetricKey,
            Self::Certificate(_) => Shown::X509,
        }
    }
}

impl Proof {
    /// How the client will show itself to the hub, if it is who the attestation says; the reason if it is not.
    pub(super) fn check(
        &self,
        attestation: &Attestation,
        registrant: &Registrant,
        shared: &Shared,
        now: SystemTime,
    ) -> Result<Login, String> {
        match (self, attestation) {
            (Self::Token(token), Attestation::SymmetricKeys(keys)) => {
                token
                    .verify(&registrant.sas_resource(), &keys.each_ref(), shared.config.sas_time(now))
                    .map_err(|error| error.to_string())?;
                Ok(Login::Keys(keys.clone()))
            }
            (Self::Certificate(chain), Attestation::Certificate(how)) => {
                client_certificates::judge(
                    how,
                    chain,
                    &shared.client_authorities,
                    &registrant.registration_id,
                    now,
                )
                .map_err(|error| error.to_string())?;
                // The hub knows a device that came by its authority by the thumbprint of what it showed here.
                let thumbprint = chain.own().map(|own| Thumbprint::sha256(own));
                Ok(Login::Certificate(match (how, thumbprint) {
                    (Authentication::CertificateAuthority, Some(primary)) => {
                        Authentication::SelfSigned { primary: Some(primary), secondary: None }
                    }
                    (how, _) => how.clone(),
                }))
            }
            (Self::Token(_), Attestation::Certificate(_)) => {
                Err("the enrolment is for a certificate, and there is a token".to_owned())
            }
            (Self::Certificate(_), Attestation::SymmetricKeys(_)) => {
                Err("the enrolment is for a symmetric key, and there is no token".to_owned())
            }
        }
    }
}

impl From<[SymmetricKey; 2]> for Attestation {
    fn from(keys: [SymmetricKey; 2]) -> Self {
        Self::SymmetricKeys(keys)
    }
}

impl Enrollment {
    /// An enrolment that is enabled.
    pub fn new(registration_id: &str, attestation: impl Into<Attestation>) -> Self {
        Self {
            registration_id: registration_id.to_owned(),
            attestation: attestation.into(),
            device_id: None,
            policy: Policy::default(),
        }
    }
}

impl EnrollmentGroup {
    /// A group that is enabled.
    pub fn new(name: &str, attestation: impl Into<Attestation>) -> Self {
        Self { name: name.to_owned(), attestation: attestation.into(), policy: Policy::default() }
    }

    /// The enrolment that the group stands for, of one device.
    pub(super) fn member(&self, registration_id: &str) -> Enrollment {
        let attestation = match &self.attestation {
            Attestation::SymmetricKeys(keys) => {
                Attestation::SymmetricKeys(keys.each_ref().map(|key| key.derive(registration_id)))
            }
            Attestation::Certificate(how) => Attestation::Certificate(how.clone()),
        };
        Enrollment {
            registration_id: registration_id.to_owned(),
            attestation,
            device_id: None,
            policy: self.policy.clone(),
        }
    }
}

/// The key under which registration ids are compared.
pub(super) fn key_of(registration_id: &str) -> String {
    registration_id.to_ascii_lowercase()
}
