//! Certificates and keys: out of files, as what a client shows, and what they say.
//!
//! * [`material`]: what a file or text holds, in PEM ([`pem`]) or DER.
//! * [`ClientCertificate`]: a chain with its private key, for servers that ask for one.
//! * [`CertificateFacts`], [`CertificateNames`], [`AlternativeNames`]: what a certificate says.

mod alternative_names;
mod client;
mod client_error;
mod facts;
pub mod material;
pub mod pem;
mod private_key;

pub use self::alternative_names::AlternativeNames;
pub use self::client::ClientCertificate;
pub use self::client_error::CertificateError;
pub use self::facts::{CertificateFacts, CertificateNames, in_utc};
