//! `_core.NamespaceAuthentication`: how clients of a local namespace may show who they are besides a certificate.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::core::span;
use super::errors::value_error;
use super::namespace::{Namespace, to_python};
use super::namespace_resources::permission;
use azmqtt_namespace::authentication::{ClientAuthentication, CustomJwt, NameSource, Webhook};

/// The authentication of a running namespace.
#[pyclass(frozen, module = "azmqtt._core")]
pub struct NamespaceAuthentication(Arc<azmqtt_namespace::Namespace>);

/// What `iss` is, and the certificates, each with its `kid` if it has one.
type Issuer = (String, Vec<(Option<String>, Vec<u8>)>);

/// Object id, role, and the topic space where it holds, if not in all.
type Assignment = (String, &'static str, Option<String>);

#[pymethods]
impl NamespaceAuthentication {
    #[new]
    fn new(namespace: &Namespace) -> Self {
        Self(namespace.0.share())
    }

    /// Takes the names of clients that send no user name from these fields of their certificates, in this order.
    fn set_name_sources(&self, py: Python<'_>, names: Vec<String>) -> PyResult<()> {
        let source = |name: String| {
            NameSource::parse(&name).ok_or_else(|| {
                let all = NameSource::ALL.map(NameSource::name).join(", ");
                PyValueError::new_err(format!("sources must be of {all}, not {name:?}"))
            })
        };
        let sources = names.into_iter().map(source).collect::<PyResult<Vec<_>>>()?;
        self.change(py, |settings| settings.alternative_names = sources)
    }

    /// Takes the tokens of an issuer whose certificates these are, each with its `kid` if it has one, in PEM; or of none.
    fn set_custom_jwt(&self, py: Python<'_>, issuer: Option<Issuer>) -> PyResult<()> {
        let custom_jwt = match issuer {
            None => None,
            Some((issuer, certificates)) => {
                let text = |(kid, pem): (Option<String>, Vec<u8>)| {
                    let pem = String::from_utf8(pem);
                    pem.map(|pem| (kid, pem))
                        .map_err(|_| PyValueError::new_err("issuer_certificates: not PEM"))
                };
                let certificates = certificates.into_iter().map(text).collect::<PyResult<Vec<_>>>()?;
                Some(CustomJwt::new(&issuer, &certificates).map_err(|error| value_error(&error))?)
            }
        };
        self.change(py, |settings| settings.custom_jwt = custom_jwt)
    }

    /// Names of the namespace besides its hostname.
    fn set_custom_domains(&self, py: Python<'_>, names: Vec<String>) -> PyResult<()> {
        self.change(py, |settings| settings.custom_domains = names)
    }

    /// Asks this webhook about clients: its address, for whom the token is that it is shown, the roots of its
    /// certificate; or none.
    fn set_webhook(
        &self,
        py: Python<'_>,
        webhook: Option<(String, String, Option<Vec<u8>>)>,
        allow_remote: bool,
    ) -> PyResult<()> {
        let webhook = match webhook {
            None => None,
            Some((address, application, roots)) => {
                let webhook = Webhook::new(&address, &application, roots.as_deref(), allow_remote);
                Some(webhook.map_err(|error| value_error(&error))?)
            }
        };
        self.change(py, |settings| settings.webhook = webhook)
    }

    /// A token of the local issuer.
    fn entra_token(&self, py: Python<'_>, object_id: &str, lifetime: f64) -> PyResult<String> {
        let lifetime = span("expires_in", lifetime)?;
        py.detach(|| self.0.entra_token(object_id, lifetime)).map_err(to_python)
    }

    /// The key with which tokens of the local issuer are checked, in PEM.
    fn public_key(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| self.0.token_issuer().public_key()).map_err(|error| to_python(error.into()))
    }

    /// Gives an identity of Entra ID a role. Whether it had it not.
    fn put_role(&self, py: Python<'_>, object_id: &str, role: &str, scope: Option<&str>) -> PyResult<bool> {
        let role = permission(role)?;
        py.detach(|| self.0.put_role_assignment(object_id, role, scope)).map_err(to_python)
    }

    /// Takes a role away. Whether the identity had it.
    fn delete_role(
        &self,
        py: Python<'_>,
        object_id: &str,
        role: &str,
        scope: Option<&str>,
    ) -> PyResult<bool> {
        let role = permission(role)?;
        py.detach(|| self.0.delete_role_assignment(object_id, role, scope)).map_err(to_python)
    }

    /// All roles.
    fn roles(&self, py: Python<'_>) -> Vec<Assignment> {
        py.detach(|| {
            self.0.with_broker(|broker| {
                let roles = broker.directory().roles();
                roles
                    .map(|found| {
                        let space = found.scope.topic_space().map(ToString::to_string);
                        (found.object_id.to_string(), found.role.name(), space)
                    })
                    .collect()
            })
        })
    }
}

impl NamespaceAuthentication {
    fn change(&self, py: Python<'_>, change: impl FnOnce(&mut ClientAuthentication) + Send) -> PyResult<()> {
        py.detach(|| self.0.change_client_authentication(change)).map_err(to_python)
    }
}
