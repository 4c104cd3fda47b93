//! SAS tokens for `azmqtt.sas`.

use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::errors::value_error;
use azmqtt_dialect::{SasToken, SymmetricKey};

/// Signs a token for `resource`, valid for `ttl` whole seconds from now.
#[pyfunction]
pub(super) fn sas_generate(resource: &str, key: &str, ttl: u32, policy: Option<&str>) -> PyResult<String> {
    let key =
        SymmetricKey::from_pasted(key).map_err(|error| PyValueError::new_err(format!("key: {error}")))?;
    Ok(SasToken::sign(resource, &key, unix_now() + u64::from(ttl), policy).to_token())
}

/// Seconds of Unix time.
pub(super) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// Reads a token: its resource, decoded, its expiry in Unix seconds, and its policy.
#[pyfunction]
pub(super) fn sas_parse(token: &str) -> PyResult<(String, u64, Option<String>)> {
    let token = SasToken::from_pasted(token).map_err(|error| value_error(&error))?;
    Ok((token.decoded_resource().into_owned(), token.expiry(), token.policy().map(str::to_owned)))
}
