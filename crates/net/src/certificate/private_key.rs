//! Private keys out of files: PKCS #8 (RFC 5958), plain or encrypted with a passphrase by PBES2 (RFC 8018), PKCS #1
//! (RFC 8017) and SEC 1 (RFC 5915).

use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::SecretDocument;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::Kdf;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::CertificateError;
use super::material::ENCRYPTED_KEY as ENCRYPTED;
use super::pem::Section;

/// Rounds of PBKDF2 past which a file is not worth the wait; tools write up to a million.
const MAX_ITERATIONS: u32 = 10_000_000;
/// Memory that scrypt may ask for, in bytes; tools ask for 16 or 32 MiB.
const MAX_SCRYPT_MEMORY: u64 = 256 << 20;
/// The parallelization parameter of scrypt, which only takes time here.
const MAX_SCRYPT_LANES: u16 = 64;

/// The key of a section; `passphrase` if it is encrypted, and only then.
pub(super) fn read(
    section: &Section,
    passphrase: Option<&[u8]>,
) -> Result<PrivateKeyDer<'static>, CertificateError> {
    if section.legacy_encrypted {
        return Err(CertificateError::LegacyEncryption);
    }
    let encrypted = section.label == ENCRYPTED;
    let passphrase = match (encrypted, passphrase) {
        (true, None) => return Err(CertificateError::PassphraseMissing),
        (false, Some(_)) => return Err(CertificateError::PassphraseSuperfluous),
        (_, passphrase) => passphrase.unwrap_or_default(),
    };
    let der = section.der.to_vec();
    Ok(match section.label.as_str() {
        "RSA PRIVATE KEY" => PrivateKeyDer::Pkcs1(der.into()),
        "EC PRIVATE KEY" => PrivateKeyDer::Sec1(der.into()),
        ENCRYPTED => PrivateKeyDer::Pkcs8(decrypt(&der, passphrase)?.as_bytes().to_vec().into()),
        _ => PrivateKeyDer::Pkcs8(der.into()),
    })
}

fn decrypt(der: &[u8], passphrase: &[u8]) -> Result<SecretDocument, CertificateError> {
    use pkcs8::Error::EncryptedPrivateKey;
    use pkcs8::pkcs5::Error as Scheme;
    let info = EncryptedPrivateKeyInfoRef::try_from(der)
        .map_err(|error| CertificateError::UnsupportedEncryption(error.to_string()))?;
    check_effort(&info.encryption_algorithm)?;
    info.decrypt(passphrase).map_err(|error| match error {
        EncryptedPrivateKey(
            error @ (Scheme::UnsupportedAlgorithm { .. }
            | Scheme::NoPbes1CryptSupport
            | Scheme::AlgorithmParametersInvalid { .. }),
        ) => CertificateError::UnsupportedEncryption(error.to_string()),
        // Without a checksum, a wrong passphrase shows as wrong padding or, by chance, as a key that makes no sense.
        _ => CertificateError::WrongPassphrase,
    })
}

/// A file decides how much work its passphrase is, within reason.
fn check_effort(scheme: &EncryptionScheme) -> Result<(), CertificateError> {
    let EncryptionScheme::Pbes2(parameters) = scheme else { return Ok(()) };
    let fine = match &parameters.kdf {
        Kdf::Pbkdf2(pbkdf2) => (1..=MAX_ITERATIONS).contains(&pbkdf2.iteration_count),
        Kdf::Scrypt(scrypt) => {
            let memory =
                scrypt.cost_parameter.saturating_mul(u64::from(scrypt.block_size)).saturating_mul(128);
            // The crate computes a logarithm without a look at 0.
            scrypt.cost_parameter.is_power_of_two()
                && memory <= MAX_SCRYPT_MEMORY
                && scrypt.parallelization <= MAX_SCRYPT_LANES
        }
        _ => true,
    };
    if fine {
        Ok(())
    } else {
        Err(CertificateError::UnsupportedEncryption("its key derivation asks for too much work".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use pkcs8::der::Encode;
    use pkcs8::pkcs5::pbes2::{Parameters, ScryptParams};
    use pkcs8::pkcs5::scrypt;

    use super::*;
    use crate::certificate::pem;

    fn encrypted(scheme: Parameters) -> Section {
        let key = rcgen::KeyPair::generate().unwrap().serialize_der();
        let data = scheme.encrypt("secret", &key).unwrap();
        let data = pkcs8::der::asn1::OctetStringRef::new(&data).unwrap();
        let info = EncryptedPrivateKeyInfoRef { encryption_algorithm: scheme.into(), encrypted_data: data };
        let der = info.to_der().unwrap().into();
        Section { label: ENCRYPTED.to_owned(), legacy_encrypted: false, der }
    }

    #[test]
    fn a_passphrase_decrypts_its_key_only() {
        let scheme = Parameters::generate_pbkdf2_sha256_aes256cbc(1000, &[1; 16], [2; 16]).unwrap();
        let section = encrypted(scheme);
        assert!(read(&section, Some(b"secret")).is_ok());
        assert_eq!(read(&section, Some(b"guess")).unwrap_err(), CertificateError::WrongPassphrase);
        assert_eq!(read(&section, None).unwrap_err(), CertificateError::PassphraseMissing);
        let plain = Section { label: "PRIVATE KEY".to_owned(), ..section };
        assert_eq!(read(&plain, Some(b"secret")).unwrap_err(), CertificateError::PassphraseSuperfluous);
    }

    #[test]
    fn files_that_ask_for_too_much_work_are_refused() {
        let params = scrypt::Params::new(4, 8, 1).unwrap();
        let modest = Parameters::generate_scrypt_aes256cbc(params, &[1; 16], [2; 16]).unwrap();
        assert_eq!(check_effort(&modest.clone().into()), Ok(()));
        let Kdf::Scrypt(params) = modest.kdf else { panic!("not scrypt") };
        for kdf in [
            Kdf::Scrypt(ScryptParams { cost_parameter: 0, ..params }),
            Kdf::Scrypt(ScryptParams { cost_parameter: 1 << 40, ..params }),
            Kdf::Scrypt(ScryptParams { parallelization: 1000, ..params }),
        ] {
            let scheme = EncryptionScheme::Pbes2(Parameters { kdf, ..modest.clone() });
            let refused = check_effort(&scheme);
            assert!(matches!(refused, Err(CertificateError::UnsupportedEncryption(_))), "{scheme:?}");
        }
        let many = Parameters::generate_pbkdf2_sha256_aes256cbc(20_000_000, &[1; 16], [2; 16]).unwrap();
        assert!(check_effort(&many.into()).is_err());
    }

    #[test]
    fn the_old_encryption_is_named() {
        let text =
            b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----";
        let sections = pem::read(text).unwrap();
        assert_eq!(read(&sections[0], Some(b"x")).unwrap_err(), CertificateError::LegacyEncryption);
    }
}
