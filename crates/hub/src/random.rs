//! Random numbers, from the system's source.

use std::io;

use azmqtt_dialect::SymmetricKey;

/// As many random bytes as the caller has room for.
///
/// # Errors
/// The system gives none.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// A new key, of 32 bytes.
///
/// # Errors
/// The system gives no random numbers.
pub fn key() -> io::Result<SymmetricKey> {
    SymmetricKey::generate(fill)
}

/// A new primary and secondary key.
///
/// # Errors
/// The system gives no random numbers.
pub fn keys() -> io::Result<[SymmetricKey; 2]> {
    Ok([key()?, key()?])
}

fn fill(bytes: &mut [u8]) -> io::Result<()> {
    getrandom::fill(bytes).map_err(|error| io::Error::other(error.to_string()))
}
