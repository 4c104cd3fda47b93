//! How an identity proves itself.

use azmqtt_dialect::sas::SymmetricKey;
use azmqtt_dialect::x509::Thumbprint;

/// The keys of an identity, and whether they count.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Primary and secondary: either one signs.
    pub keys: [SymmetricKey; 2],
    /// With a certificate, the keys are not taken.
    pub authentication: Authentication,
}

impl From<[SymmetricKey; 2]> for Credentials {
    fn from(keys: [SymmetricKey; 2]) -> Self {
        Self { keys, authentication: Authentication::Sas }
    }
}

/// How an identity proves itself (IoT Hub docs, "Identity registry": authentication type).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Authentication {
    /// By tokens, signed with either of its keys.
    #[default]
    Sas,
    /// By a certificate that the hub knows by its thumbprint, whoever signed it.
    SelfSigned {
        /// Either one is taken; without any, no certificate is.
        primary: Option<Thumbprint>,
        /// For the next certificate, while the first is still in use.
        secondary: Option<Thumbprint>,
    },
    /// By a certificate that is signed by an authority of the hub and has the identity's name.
    CertificateAuthority,
    /// Not at all: it cannot connect. A module that IoT Edge manages is like this until it is started.
    Absent,
}

impl Authentication {
    /// The service's name for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sas => "sas",
            Self::SelfSigned { .. } => "selfSigned",
            Self::CertificateAuthority => "certificateAuthority",
            Self::Absent => "none",
        }
    }

    /// The thumbprints, as the service shows them.
    pub fn thumbprints(&self) -> [Option<String>; 2] {
        match self {
            Self::SelfSigned { primary, secondary } => {
                [primary, secondary].map(|thumbprint| thumbprint.as_ref().map(Thumbprint::to_string))
            }
            Self::Sas | Self::CertificateAuthority | Self::Absent => [None, None],
        }
    }

    /// Whether it is by certificate.
    pub fn is_x509(&self) -> bool {
        matches!(self, Self::SelfSigned { .. } | Self::CertificateAuthority)
    }

    /// From its name and thumbprints; `None` if they do not go together.
    pub fn from_parts(name: &str, primary: Option<&str>, secondary: Option<&str>) -> Option<Self> {
        let read = |text: Option<&str>| text.map(Thumbprint::parse).transpose().ok();
        match (name, primary, secondary) {
            ("sas", None, None) => Some(Self::Sas),
            ("certificateAuthority", None, None) => Some(Self::CertificateAuthority),
            ("none", None, None) => Some(Self::Absent),
            ("selfSigned", primary, secondary) => {
                Some(Self::SelfSigned { primary: read(primary)?, secondary: read(secondary)? })
            }
            _ => None,
        }
    }
}
