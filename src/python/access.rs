//! Who a client is and how it proves that.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::errors::value_error;
use crate::device::Credentials;
use crate::dialect::{Auth, ConnectionString, Identity, SasToken, SymmetricKey};

/// An identity with its credentials. Shows no secret.
#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct Access {
    pub(super) identity: Identity,
    pub(super) credentials: Credentials,
    /// The host to dial, when it is not the hub itself.
    pub(super) gateway: Option<String>,
}

#[pymethods]
impl Access {
    /// From a device's or module's connection string.
    #[staticmethod]
    fn from_connection_string(text: &str) -> PyResult<Self> {
        let parsed = ConnectionString::parse(text).map_err(|error| value_error(&error))?;
        let identity = parsed.identity();
        let credentials = match parsed.auth {
            Auth::SharedAccessKey(key) => Credentials::key(key),
            Auth::SharedAccessSignature(token) => Credentials::token(token, None),
            Auth::X509 => {
                return Err(PyValueError::new_err(
                    "connection string: x509=true announces a client certificate, which this version \
                     cannot use yet",
                ));
            }
        };
        Ok(Self { identity, credentials, gateway: parsed.gateway_host_name })
    }

    /// From a device's or module's key in base64.
    #[staticmethod]
    fn from_symmetric_key(
        hostname: &str,
        device_id: &str,
        key: &str,
        module_id: Option<&str>,
    ) -> PyResult<Self> {
        let identity = identity(hostname, device_id, module_id)?;
        let key =
            SymmetricKey::from_base64(key).map_err(|error| PyValueError::new_err(format!("key: {error}")))?;
        Ok(Self { identity, credentials: Credentials::key(key), gateway: None })
    }

    /// From a token signed elsewhere. What is not given is read from the token's resource.
    #[staticmethod]
    fn from_sas_token(
        token: &str,
        hostname: Option<&str>,
        device_id: Option<&str>,
        module_id: Option<&str>,
    ) -> PyResult<Self> {
        let token = SasToken::parse(token).map_err(|error| value_error(&error))?;
        let resource = super::sas::decode(token.resource());
        let segments: Vec<&str> = resource.split('/').collect();
        let (host, device, module) = match *segments.as_slice() {
            [host, "devices", device, "modules", module] => (host, Some(device), Some(module)),
            [host, "devices", device] => (host, Some(device), None),
            [host, ..] => (host, None, None),
            [] => ("", None, None),
        };
        let device = device.map(super::sas::decode);
        let module = module.map(super::sas::decode);
        let device_id = device_id.or(device.as_deref()).ok_or_else(|| {
            PyValueError::new_err(
                "device_id must be given: the token is for the whole hub, not for one device",
            )
        })?;
        let identity = identity(hostname.unwrap_or(host), device_id, module_id.or(module.as_deref()))?;
        if !token.covers(&identity.sas_resource()) {
            return Err(PyValueError::new_err(format!(
                "token: it is signed for {resource}, which does not cover {}",
                identity.sas_resource()
            )));
        }
        Ok(Self { identity, credentials: Credentials::token(token, None), gateway: None })
    }

    fn __repr__(&self) -> String {
        format!("Access({:?} on {:?})", self.identity.client_id(), self.identity.host_name)
    }
}

fn identity(hostname: &str, device_id: &str, module_id: Option<&str>) -> PyResult<Identity> {
    Identity::new(hostname, device_id, module_id).map_err(|error| value_error(&error))
}
