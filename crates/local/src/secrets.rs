//! What secrets are made of, and how they are compared.

use std::hint::black_box;
use std::io;

/// Fills `bytes` with random numbers from the system's source.
///
/// # Errors
/// The system gives none.
pub fn fill(bytes: &mut [u8]) -> io::Result<()> {
    getrandom::fill(bytes).map_err(|error| io::Error::other(error.to_string()))
}

/// As many random bytes as the caller has room for.
///
/// # Errors
/// As [`fill`].
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// Whether two secrets are equal. The time that it takes tells whether their lengths differ, and not where their bytes do.
pub fn equal(one: &[u8], other: &[u8]) -> bool {
    let pairs = one.iter().zip(other);
    // The compiler must not see that one difference decides.
    one.len() == other.len()
        && pairs.fold(0, |different, (one, other)| black_box(different | (one ^ other))) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_random_and_compared_as_a_whole() {
        let (one, other) = (random::<16>().unwrap(), random::<16>().unwrap());
        assert_ne!(one, other);
        assert!(
            equal(&one, &one.clone()) && !equal(&one, &other) && !equal(&one, &one[1..]) && !equal(&one, &[])
        );
        for at in 0..16 {
            let mut changed = one;
            changed[at] ^= 1;
            assert!(!equal(&one, &changed), "{at}");
        }
    }
}
