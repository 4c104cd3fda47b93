//! Who may register (DPS docs, "Terms: enrolment").

use serde_json::Value;

use crate::dialect::SymmetricKey;
use crate::dialect::sas::{SasRejection, SasToken};

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
}

/// What a client showed when it connected.
#[derive(Debug)]
pub enum Proof {
    /// A SAS token.
    Token(SasToken),
}

impl Proof {
    /// Whether the client is who the attestation says; the reason if it is not. `resource` is the registration's and
    /// `now` is in Unix seconds.
    pub(super) fn check(
        &self,
        attestation: &Attestation,
        resource: &str,
        now: u64,
    ) -> Result<(), SasRejection> {
        let (Self::Token(token), Attestation::SymmetricKeys(keys)) = (self, attestation);
        token.verify(resource, &keys.each_ref(), now)
    }
}

impl Enrollment {
    /// An enrolment with keys.
    pub fn new(registration_id: &str, keys: [SymmetricKey; 2]) -> Self {
        Self {
            registration_id: registration_id.to_owned(),
            attestation: Attestation::SymmetricKeys(keys),
            device_id: None,
            policy: Policy::default(),
        }
    }
}

impl EnrollmentGroup {
    /// A group with keys.
    pub fn new(name: &str, keys: [SymmetricKey; 2]) -> Self {
        Self {
            name: name.to_owned(),
            attestation: Attestation::SymmetricKeys(keys),
            policy: Policy::default(),
        }
    }

    /// The enrolment that the group stands for, of one device.
    pub(super) fn member(&self, registration_id: &str) -> Enrollment {
        let attestation = match &self.attestation {
            Attestation::SymmetricKeys(keys) => {
                Attestation::SymmetricKeys(keys.each_ref().map(|key| key.derive(registration_id)))
            }
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
