//! What another MQTT client needs to log in with a connection string, for `azmqtt.paho.configure`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::errors::value_error;
use super::sas::unix_now;
use azmqtt_dialect::{Auth, ConnectionString, Identity, SasToken, SymmetricKey, UsernameOptions};
use azmqtt_net::tls;

/// The names and the key of a connection string. Shows no secret.
#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct Login {
    identity: Identity,
    password: Password,
    gateway: Option<String>,
}

enum Password {
    Signed(SymmetricKey),
    Given(SasToken),
    None,
}

#[pymethods]
impl Login {
    #[new]
    fn new(connection_string: &str) -> PyResult<Self> {
        let parsed = ConnectionString::parse(connection_string).map_err(|error| value_error(&error))?;
        let identity = parsed.identity();
        let password = match parsed.auth {
            Auth::SharedAccessKey(key) => Password::Signed(key),
            Auth::SharedAccessSignature(token) => Password::Given(token),
            Auth::X509 => Password::None,
        };
        Ok(Self { identity, password, gateway: parsed.gateway_host_name })
    }

    /// The host to connect to.
    #[getter]
    fn host(&self) -> &str {
        self.gateway.as_deref().unwrap_or(&self.identity.host_name)
    }

    /// `{device}` or `{device}/{module}`.
    #[getter]
    fn client_id(&self) -> String {
        self.identity.client_id()
    }

    /// The MQTT user name.
    fn username(&self, product_info: Option<String>, model_id: Option<String>) -> String {
        self.identity.username(&UsernameOptions { product_info, model_id })
    }

    /// A token signed now for `ttl` seconds, or the one of the connection string; `None` for X.509.
    fn password(&self, ttl: u32) -> Option<String> {
        match &self.password {
            Password::Signed(key) => {
                let expiry = unix_now() + u64::from(ttl);
                Some(SasToken::sign(&self.identity.sas_resource(), key, expiry, None).to_token())
            }
            Password::Given(token) => Some(token.to_token()),
            Password::None => None,
        }
    }

    fn __repr__(&self) -> String {
        format!("Login({:?} on {:?})", self.identity.client_id(), self.identity.host_name)
    }
}

/// The bundled roots, DER after DER, as `ssl.SSLContext.load_verify_locations(cadata=…)` takes them.
#[pyfunction]
pub(super) fn bundled_roots(py: Python<'_>) -> Bound<'_, PyBytes> {
    PyBytes::new(py, &tls::bundled_certificates())
}

/// The roots of a file or text as plain PEM; `field` is what errors call it.
#[pyfunction]
pub(super) fn plain_roots(field: &str, pem: &[u8]) -> PyResult<String> {
    tls::checked_pem(pem).map_err(|error| PyValueError::new_err(format!("{field}: {error}")))
}
