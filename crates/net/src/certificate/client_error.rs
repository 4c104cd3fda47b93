//! Why a certificate and a key cannot be used.

use std::fmt;

use super::facts::in_utc;
use super::material::MaterialError;

/// Why a certificate and a key cannot be used. Begins with the name of the field; never shows a key or passphrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateError {
    /// A file or text cannot be read.
    Unreadable {
        /// `certificate` or `private_key`.
        field: &'static str,
        /// Why.
        reason: MaterialError,
    },
    /// There is no certificate where one should be.
    NoCertificate {
        /// There is a key in its place.
        key: bool,
        /// What else there is in its place, by the labels of PEM.
        others: Vec<String>,
    },
    /// The chain is longer than any server takes.
    LongChain {
        /// How long it may be.
        limit: usize,
    },
    /// There is no private key of a known form.
    NoKey {
        /// A text of its own was given for it.
        given: bool,
    },
    /// There is more than one private key.
    SeveralKeys,
    /// The key is encrypted in OpenSSL's old way.
    LegacyEncryption,
    /// The key is encrypted in a way that is not supported; says which.
    UnsupportedEncryption(String),
    /// The key is encrypted and there is no passphrase.
    PassphraseMissing,
    /// The key is not encrypted and there is a passphrase.
    PassphraseSuperfluous,
    /// The passphrase does not decrypt the key.
    WrongPassphrase,
    /// The key is none that TLS is done with here.
    UnusableKey,
    /// The key is of another pair.
    Mismatch,
    /// The certificate has expired.
    Expired {
        /// When, in Unix seconds.
        at: u64,
    },
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { field, reason } => write!(f, "{field}: {reason}"),
            Self::NoCertificate { key: true, .. } => {
                f.write_str("certificate: it contains a private key, but no certificate")
            }
            Self::NoCertificate { key: false, others } => {
                write!(f, "certificate: it contains none, but {}", others.join(", "))
            }
            Self::LongChain { limit } => write!(f, "certificate: the chain has more than {limit} certificates"),
            Self::NoKey { given: true } => f.write_str("private_key: it contains none (BEGIN … PRIVATE KEY)"),
            Self::NoKey { given: false } => {
                f.write_str("private_key: it must be given, as the certificate's PEM contains none")
            }
            Self::SeveralKeys => f.write_str("private_key: it contains more than one"),
            Self::LegacyEncryption => f.write_str(
                "private_key: it is encrypted in OpenSSL's old way (Proc-Type: 4,ENCRYPTED); convert it: \
                 openssl pkcs8 -topk8 -v2 aes-256-cbc -in old.pem -out new.pem",
            ),
            Self::UnsupportedEncryption(what) => write!(
                f,
                "private_key: it is encrypted in a way that is not supported ({what}); convert it: \
                 openssl pkcs8 -topk8 -v2 aes-256-cbc -in old.pem -out new.pem"
            ),
            Self::PassphraseMissing => f.write_str("passphrase: it must be given, the private key is encrypted"),
            Self::PassphraseSuperfluous => f.write_str("passphrase: the private key is not encrypted"),
            Self::WrongPassphrase => f.write_str("passphrase: it does not decrypt the private key"),
            Self::UnusableKey => f.write_str(
                "private_key: it cannot be used; RSA of 2,048 to 8,192 bits, EC on P-256 or P-384 and Ed25519 can",
            ),
            Self::Mismatch => f.write_str("private_key: it does not belong to the certificate"),
            Self::Expired { at } => write!(f, "certificate: it expired on {}", in_utc(*at)),
        }
    }
}

impl std::error::Error for CertificateError {}
