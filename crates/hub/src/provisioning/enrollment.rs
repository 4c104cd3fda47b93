//! Who may register (DPS docs, "Terms: enrolment").

use std::sync::Arc;
use std::time::SystemTime;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use crate::error::HubError;
use crate::registry::credentials::Authentication;
use crate::security::client_certificates::{self, Authorities};
use azmqtt_dialect::provisioning::{Registrant, Shown};
use azmqtt_dialect::time::Timestamp;
use azmqtt_dialect::x509::Thumbprint;
use azmqtt_dialect::{SasToken, SymmetricKey, Twin};
use azmqtt_local::client_certificates::ClientChain;

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
    /// Whether a device that is made is a gateway (`capabilities.iotEdge`).
    pub iot_edge: bool,
    /// Members of the service's REST API that are stored and shown, and have no effect here.
    pub kept: Map<String, Value>,
    /// When it has changed, and how often.
    pub revision: Revision,
    /// How much it takes of what all of them may take, in bytes.
    pub(super) size: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            enabled: true,
            initial_twin: None,
            iot_edge: false,
            kept: Map::new(),
            revision: Revision::first(),
            size: 0,
        }
    }
}

/// When an enrolment was made and changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision {
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
    /// Counts the changes, from 1 on.
    pub number: u64,
}

impl Revision {
    /// Of an enrolment that is made now.
    pub fn first() -> Self {
        let now = Timestamp::of(SystemTime::now());
        Self { created: now, updated: now, number: 1 }
    }

    /// Of a change that is made now.
    #[must_use]
    pub fn next(self) -> Self {
        Self { created: self.created, updated: Timestamp::of(SystemTime::now()), number: self.number + 1 }
    }

    /// Another one for each change.
    pub fn etag(self) -> String {
        STANDARD.encode(format!("{}-{}", self.updated, self.number))
    }
}

/// How a device proves who it is. `Debug` shows no key.
#[derive(Clone, Debug)]
pub enum Attestation {
    /// Primary and secondary: either one signs.
    SymmetricKeys([SymmetricKey; 2]),
    /// By a certificate, known by its thumbprint or its authority, with the registration id as its common name.
    Certificate(Authentication),
    /// By a certificate that one of these authorities signed, with the registration id as its common name.
    SignedBy(Arc<Authorities>),
}

/// What a client showed when it connected.
pub(crate) enum Proof {
    /// A SAS token.
    Token(SasToken),
    /// A client certificate.
    Certificate(ClientChain),
}

/// What a device shows to the hub that it was assigned to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Login {
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
    /// How the client will show itself to the hub, if it is who the attestation says; the reason if it is not. `authorities`
    /// are the hub's, `sas_time` is [`HubConfig::sas_time`](crate::config::HubConfig::sas_time) of `now`.
    pub(super) fn check(
        &self,
        attestation: &Attestation,
        registrant: &Registrant,
        authorities: &Authorities,
        sas_time: u64,
        now: SystemTime,
    ) -> Result<Login, String> {
        match (self, attestation) {
            (Self::Token(token), Attestation::SymmetricKeys(keys)) => {
                token
                    .verify(&registrant.sas_resource(), &keys.each_ref(), sas_time)
                    .map_err(|error| error.to_string())?;
                Ok(Login::Keys(keys.clone()))
            }
            (Self::Certificate(chain), Attestation::Certificate(how)) => {
                certified(how, authorities, chain, registrant, now)
            }
            (Self::Certificate(chain), Attestation::SignedBy(own)) => {
                certified(&Authentication::CertificateAuthority, own, chain, registrant, now)
            }
            (Self::Token(_), Attestation::Certificate(_) | Attestation::SignedBy(_)) => {
                Err("the enrolment is for a certificate, but the device sent a token".to_owned())
            }
            (Self::Certificate(_), Attestation::SymmetricKeys(_)) => {
                Err("the enrolment is for a symmetric key, but the device sent no token".to_owned())
            }
        }
    }
}

fn certified(
    how: &Authentication,
    authorities: &Authorities,
    chain: &ClientChain,
    registrant: &Registrant,
    now: SystemTime,
) -> Result<Login, String> {
    client_certificates::judge(how, chain, authorities, &registrant.registration_id, now)
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
            other => other.clone(),
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
pub(crate) fn key_of(registration_id: &str) -> String {
    registration_id.to_ascii_lowercase()
}

/// Whether a device can be made with this twin.
pub(crate) fn check_twin(initial: Option<&Value>) -> Result<(), HubError> {
    let Some(initial) = initial else { return Ok(()) };
    let now = Timestamp::now();
    Twin::new(now).patch_by_service(initial, None, now).map(drop).map_err(HubError::Twin)
}
