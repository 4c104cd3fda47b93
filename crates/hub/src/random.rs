//! Random numbers, from the system's source.

use std::io;

use azmqtt_dialect::SymmetricKey;
use azmqtt_local::secrets;
pub use azmqtt_local::secrets::random as bytes;

/// A new key, of 32 bytes.
///
/// # Errors
/// The system gives no random numbers.
pub fn key() -> io::Result<SymmetricKey> {
    SymmetricKey::generate(secrets::fill)
}

/// A new primary and secondary key.
///
/// # Errors
/// The system gives no random numbers.
pub fn keys() -> io::Result<[SymmetricKey; 2]> {
    Ok([key()?, key()?])
}
