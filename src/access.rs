//! Who a client is and how it proves that.

use std::fmt::Display;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::credential_callbacks::CredentialCallback;
use super::errors::value_error;
use super::sas::unix_now;
use azmqtt_device::{ClientCertificate, Credentials, Trust, Workload};
use azmqtt_dialect::identity::{check_host_name, check_id};
use azmqtt_dialect::{Auth, ConnectionString, Identity, SasToken, SymmetricKey};

/// An identity with its credentials. Shows no secret.
#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct Access {
    pub(super) identity: Identity,
    pub(super) credentials: Credentials,
    /// The host to dial, when it is not the hub itself.
    pub(super) gateway: Option<String>,
    /// Which roots to trust, unless the options say so.
    pub(super) trust: Trust,
}

/// A client certificate with its key. Shows no secret.
#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct Certificate(pub(super) ClientCertificate);

#[pymethods]
impl Certificate {
    /// From PEM or DER; decrypting a key takes a while, in which others may run.
    #[new]
    fn new(
        py: Python<'_>,
        certificate: &[u8],
        private_key: Option<&[u8]>,
        passphrase: Option<&[u8]>,
    ) -> PyResult<Self> {
        py.detach(|| ClientCertificate::from_pem(certificate, private_key, passphrase, unix_now()))
            .map(Self)
            .map_err(|error| value_error(&error))
    }

    /// When it expires, in Unix seconds.
    #[getter]
    fn not_after(&self) -> u64 {
        self.0.not_after()
    }

    /// The common name of its subject.
    #[getter]
    fn common_name(&self) -> Option<&str> {
        self.0.common_name()
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

#[pymethods]
impl Access {
    /// From a device's or module's connection string; with a certificate if it says so, and only then.
    #[staticmethod]
    fn from_connection_string(text: &str, certificate: Option<&Certificate>) -> PyResult<Self> {
        let parsed = ConnectionString::parse(text).map_err(|error| value_error(&error))?;
        let identity = parsed.identity();
        let credentials = match (parsed.auth, certificate) {
            (Auth::SharedAccessKey(key), None) => Credentials::key(key),
            (Auth::SharedAccessSignature(token), None) => Credentials::token(token, None),
            (Auth::X509, Some(certificate)) => Credentials::x509(certificate.0.clone()),
            (Auth::X509, None) => {
                return Err(PyValueError::new_err(
                    "certificate: it must be given, with its private key, because the connection string says x509=true",
                ));
            }
            (_, Some(_)) => {
                return Err(PyValueError::new_err(
                    "certificate: the connection string has a key or token in place of x509=true",
                ));
            }
        };
        Ok(Self { identity, credentials, gateway: parsed.gateway_host_name, trust: Trust::default() })
    }

    /// From a device's or module's keys in base64.
    #[staticmethod]
    fn from_symmetric_key(
        hostname: &str,
        device_id: &str,
        key: &str,
        secondary_key: Option<&str>,
        module_id: Option<&str>,
    ) -> PyResult<Self> {
        let identity = identity(hostname, device_id, module_id)?;
        let read = |name: &str, key: &str| {
            SymmetricKey::from_pasted(key).map_err(|error| PyValueError::new_err(format!("{name}: {error}")))
        };
        let secondary = secondary_key.map(|key| read("secondary_key", key)).transpose()?;
        let credentials = Credentials::keys(read("key", key)?, secondary);
        Ok(Self { identity, credentials, gateway: None, trust: Trust::default() })
    }

    /// From a token signed elsewhere, and whom to ask for the next. What is not given is read from the token's
    /// resource.
    #[staticmethod]
    fn from_sas_token(
        token: &str,
        source: Option<&CredentialCallback>,
        hostname: Option<&str>,
        device_id: Option<&str>,
        module_id: Option<&str>,
    ) -> PyResult<Self> {
        let token = SasToken::from_pasted(token).map_err(|error| value_error(&error))?;
        let scope = token.scope();
        let device_id = device_id.or(scope.device_id.as_deref()).ok_or_else(|| {
            PyValueError::new_err(
                "device_id must be given: the token is for the whole hub, not for one device",
            )
        })?;
        let module_id = module_id.or(scope.module_id.as_deref());
        let identity = identity(hostname.unwrap_or(&scope.host), device_id, module_id)?;
        if !token.covers(&identity.sas_resource()) {
            return Err(PyValueError::new_err(format!(
                "token: it is signed for {}, which does not cover {}",
                token.decoded_resource(),
                identity.sas_resource()
            )));
        }
        let credentials = Credentials::token(token, source.map(CredentialCallback::token_source));
        Ok(Self { identity, credentials, gateway: None, trust: Trust::default() })
    }

    /// From a client certificate.
    #[staticmethod]
    fn from_certificate(
        hostname: &str,
        device_id: &str,
        certificate: &Certificate,
        module_id: Option<&str>,
    ) -> PyResult<Self> {
        let identity = identity(hostname, device_id, module_id)?;
        Ok(Self {
            identity,
            credentials: Credentials::x509(certificate.0.clone()),
            gateway: None,
            trust: Trust::default(),
        })
    }

    /// From a key that is kept elsewhere.
    #[staticmethod]
    fn from_signer(
        hostname: &str,
        device_id: &str,
        signer: &CredentialCallback,
        module_id: Option<&str>,
    ) -> PyResult<Self> {
        let identity = identity(hostname, device_id, module_id)?;
        Ok(Self {
            identity,
            credentials: Credentials::signer(signer.signer()),
            gateway: None,
            trust: Trust::default(),
        })
    }

    /// From what the IoT Edge runtime tells a module; errors name its environment variables.
    #[staticmethod]
    fn from_workload(
        hostname: &str,
        device_id: &str,
        module_id: &str,
        gateway: &str,
        uri: &str,
        generation_id: &str,
        api_version: &str,
    ) -> PyResult<Self> {
        let refuse = |name: &str, rule: &dyn Display| PyValueError::new_err(format!("{name} {rule}"));
        for (name, checked) in [
            ("IOTEDGE_IOTHUBHOSTNAME", check_host_name(hostname)),
            ("IOTEDGE_GATEWAYHOSTNAME", check_host_name(gateway)),
            ("IOTEDGE_DEVICEID", check_id("device id", device_id)),
            ("IOTEDGE_MODULEID", check_id("module id", module_id)),
        ] {
            checked.map_err(|error| refuse(name, &error.rule()))?;
        }
        let workload = Workload::new(uri, module_id, generation_id, api_version);
        let workload = Arc::new(workload.map_err(|error| refuse("IOTEDGE_WORKLOADURI", &error))?);
        Ok(Self {
            identity: identity(hostname, device_id, Some(module_id))?,
            credentials: Credentials::signer(workload.clone()),
            gateway: Some(gateway.to_owned()),
            trust: Trust::from_source(workload),
        })
    }

    fn __repr__(&self) -> String {
        format!("Access({:?} on {:?})", self.identity.client_id(), self.identity.host_name)
    }
}

fn identity(hostname: &str, device_id: &str, module_id: Option<&str>) -> PyResult<Identity> {
    Identity::new(hostname, device_id, module_id).map_err(|error| value_error(&error))
}
