//! Shared access signatures (IoT Hub docs, "Control access with shared access signatures").
//!
//! A token is `SharedAccessSignature sr={resource}&sig={signature}&se={expiry}[&skn={policy}]`. The signature is
//! HMAC-SHA256 over the resource *exactly as transmitted*, a line feed and the expiry, so a token that was parsed
//! keeps its own spelling of the resource.

mod key;
mod scope;
mod token;
mod unsigned;

#[cfg(test)]
mod tests;

pub use key::{KeyError, SymmetricKey};
pub use scope::SasScope;
pub use token::{CLOCK_SKEW, SasError, SasRejection, SasToken};
pub use unsigned::{SignatureError, UnsignedToken};
