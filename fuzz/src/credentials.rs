//! Connection strings, tokens and keys, as programs write them and as people paste them.

use azmqtt_dialect::{ConnectionString, SasToken, SymmetricKey};

use crate::text;

/// Connection strings of devices, and what surrounds them in files.
pub fn connection_strings(data: &[u8]) -> bool {
    match ConnectionString::parse(&text(data)) {
        Ok(parsed) => {
            let written = parsed.to_string_with_secrets();
            assert_eq!(ConnectionString::parse(&written).as_ref(), Ok(&parsed));
            let _ = (parsed.identity().client_id(), parsed.identity().sas_resource());
            true
        }
        Err(error) => {
            let _ = error.to_string();
            false
        }
    }
}

/// Shared access signatures.
pub fn sas_tokens(data: &[u8]) -> bool {
    let written = text(data);
    let key = SymmetricKey::from_base64("c2VjcmV0").expect("base64");
    let parsed = [SasToken::parse(&written), SasToken::from_pasted(&written)];
    for token in parsed.iter().flatten() {
        let again = SasToken::parse(token.as_str()).map(|again| again.to_token());
        assert_eq!(again, Ok(token.to_token()));
        // Nothing is signed with this key, so that no input may pass.
        let unsigned = SymmetricKey::from_base64("bm9ib2R5IGhhcyBzaWduZWQgd2l0aCB0aGlz").expect("base64");
        assert!(token.verify("hub/devices/d", &[&unsigned], 0).is_err());
        let _ = token.verify("hub/devices/d", &[&key], 1_900_000_000);
    }
    parsed.iter().any(Result::is_ok)
}

/// Symmetric keys in base64.
pub fn keys(data: &[u8]) -> bool {
    let written = text(data);
    let parsed = [SymmetricKey::from_base64(&written), SymmetricKey::from_pasted(&written)];
    for key in parsed.iter().flatten() {
        assert_eq!(SymmetricKey::from_base64(&key.as_base64()).as_ref(), Ok(key));
    }
    parsed.iter().any(Result::is_ok)
}
