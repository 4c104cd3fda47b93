//! `_core.Namespace`: the local Event Grid namespace for Python. Every call that may wait gives the interpreter up meanwhile.

use std::ffi::OsStr;
use std::net::IpAddr;

use pyo3::exceptions::{PyLookupError, PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use super::core::span;
use super::errors;
use super::namespace_options::NamespaceOptions;
use super::namespace_resources::{Attributes, ClientTuple, client_tuple, permission, rule};
use super::service::Service;
use azmqtt_local::certificate_authority::{ClientNames, client_certificate};
use azmqtt_local::listener::ListenError;
use azmqtt_local::state_dir::StateError;
use azmqtt_namespace::authentication::CaCertificate;
use azmqtt_namespace::behaviours::ROWS;
use azmqtt_namespace::names::{AuthenticationName, ClientName, GroupRef, ResourceName};
use azmqtt_namespace::query::Query;
use azmqtt_namespace::resources::{
    Client, ClientGroup, PermissionBinding, ResourceError, Thumbprint, TopicSpace,
};
use azmqtt_namespace::template::Template;
use azmqtt_namespace::{NamespaceConfig, NamespaceError};
use azmqtt_net::certificate::{AlternativeNames, CertificateFacts};

/// A running namespace.
#[pyclass(frozen, module = "azmqtt._core")]
pub struct Namespace(pub(super) Service<azmqtt_namespace::Namespace>);

/// Names and what belongs to each: of a group its query, of a topic space its templates.
type Named<T> = Vec<(String, String, T)>;

/// Names of hosts, URIs, addresses, of e-mail.
type Alternatives = (Vec<String>, Vec<String>, Vec<IpAddr>, Vec<String>);

#[pymethods]
impl Namespace {
    /// Starts a namespace; returns when it listens.
    #[new]
    fn start(py: Python<'_>, options: NamespaceOptions) -> PyResult<Self> {
        let config: NamespaceConfig = options.into_config()?;
        py.detach(|| azmqtt_namespace::Namespace::start(config))
            .map(|namespace| Self(Service::new(namespace)))
            .map_err(to_python)
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.0.stop());
    }

    #[getter]
    fn stopped(&self) -> bool {
        self.0.is_stopped()
    }

    #[getter]
    fn hostname(&self) -> &str {
        self.0.hostname()
    }

    #[getter]
    fn port(&self) -> u16 {
        self.0.port()
    }

    #[getter]
    fn https_port(&self) -> u16 {
        self.0.https_port()
    }

    #[getter]
    fn ca_pem(&self) -> &str {
        &self.0.authority().certificate
    }

    /// As text: a path would have `pathlib` imported, which takes longer than the namespace to start.
    #[getter]
    fn ca_file(&self) -> &OsStr {
        self.0.ca_file().as_os_str()
    }

    /// Waits at most `timeout` seconds for events after a number. Returns the next ones, each a JSON object; there may be more.
    fn events_after(&self, py: Python<'_>, after: u64, timeout: f64) -> PyResult<Vec<String>> {
        let timeout = span("timeout", timeout)?;
        Ok(py.detach(|| self.0.events_after(after, timeout)))
    }

    /// The number of the newest event; 0 before the first.
    fn event_count(&self) -> u64 {
        self.0.event_count()
    }

    #[getter]
    fn last_refusal(&self) -> Option<String> {
        self.0.last_refusal()
    }

    /// The address of the management API.
    #[getter]
    fn management_url(&self) -> String {
        self.0.management_url()
    }

    /// Which namespace this is for the management API.
    #[getter]
    fn resource_id(&self) -> String {
        self.0.resource_id()
    }

    /// The bearer token of the management API; a secret.
    #[getter]
    fn token(&self) -> &str {
        self.0.token()
    }

    /// A one-time link to the page in the browser.
    fn page_url(&self) -> PyResult<String> {
        self.0.page_url().map_err(to_python)
    }

    /// Puts every resource of a file in JSON.
    fn apply(&self, py: Python<'_>, file: &str) -> PyResult<()> {
        py.detach(|| self.0.apply(file)).map_err(to_python)
    }

    /// Makes a client, or changes the one of its name. Whether it is new.
    #[expect(clippy::too_many_arguments, reason = "what a client resource has")]
    fn put_client(
        &self,
        py: Python<'_>,
        name: &str,
        authentication_name: &str,
        scheme: &str,
        thumbprints: Vec<String>,
        attributes: Attributes,
        description: String,
        enabled: bool,
    ) -> PyResult<bool> {
        let name = ClientName::parse(name).map_err(|error| errors::value_error(&error))?;
        let shown =
            AuthenticationName::parse(authentication_name).map_err(|error| errors::value_error(&error))?;
        let client = Client::new(name)
            .with_authentication_name(shown)
            .with_attributes(attributes.into_attributes()?)
            .with_certificate(rule(scheme, thumbprints)?);
        let client = Client { description, is_enabled: enabled, ..client };
        py.detach(|| self.0.put_client(client)).map_err(to_python)
    }

    fn delete_client(&self, py: Python<'_>, name: &str) -> PyResult<bool> {
        py.detach(|| self.0.delete_client(name)).map_err(to_python)
    }

    /// All clients by their names, or the one of this name.
    #[pyo3(signature = (name=None))]
    fn clients(&self, py: Python<'_>, name: Option<&str>) -> PyResult<Vec<ClientTuple>> {
        let name = name.map(ClientName::parse).transpose().map_err(|error| errors::value_error(&error))?;
        Ok(py.detach(|| {
            self.0.with_broker(|broker| match &name {
                Some(name) => {
                    broker.directory().client(name).map(|client| client_tuple(client)).into_iter().collect()
                }
                None => broker.directory().clients().map(|client| client_tuple(client)).collect(),
            })
        }))
    }

    fn put_client_group(
        &self,
        py: Python<'_>,
        name: &str,
        query: &str,
        description: String,
    ) -> PyResult<bool> {
        py.detach(|| {
            let group =
                ClientGroup { name: ResourceName::parse(name)?, description, query: Query::parse(query)? };
            self.0.put(group)
        })
        .map_err(to_python)
    }

    fn delete_client_group(&self, py: Python<'_>, name: &str) -> PyResult<bool> {
        py.detach(|| self.0.delete_client_group(name)).map_err(to_python)
    }

    /// Name, description and query.
    fn client_groups(&self, py: Python<'_>) -> Named<String> {
        py.detach(|| {
            self.0.with_broker(|broker| {
                let groups = broker.directory().groups();
                groups
                    .map(|group| {
                        (group.name.to_string(), group.description.clone(), group.query.as_str().to_owned())
                    })
                    .collect()
            })
        })
    }

    fn put_topic_space(
        &self,
        py: Python<'_>,
        name: &str,
        templates: Vec<String>,
        description: String,
    ) -> PyResult<bool> {
        py.detach(|| {
            let templates =
                templates.into_iter().map(|text| Template::parse(&text)).collect::<Result<_, _>>()?;
            let space = TopicSpace { name: ResourceName::parse(name)?, description, templates };
            self.0.put(space)
        })
        .map_err(to_python)
    }

    fn delete_topic_space(&self, py: Python<'_>, name: &str) -> PyResult<bool> {
        py.detach(|| self.0.delete_topic_space(name)).map_err(to_python)
    }

    /// Name, description and templates.
    fn topic_spaces(&self, py: Python<'_>) -> Named<Vec<String>> {
        py.detach(|| {
            self.0.with_broker(|broker| {
                let spaces = broker.directory().topic_spaces();
                spaces
                    .map(|space| {
                        let templates = space.templates.iter().map(|template| template.as_str().to_owned());
                        (space.name.to_string(), space.description.clone(), templates.collect())
                    })
                    .collect()
            })
        })
    }

    fn put_permission_binding(
        &self,
        py: Python<'_>,
        name: &str,
        client_group: &str,
        topic_space: &str,
        permission_name: &str,
        description: String,
    ) -> PyResult<bool> {
        let permission = permission(permission_name)?;
        py.detach(|| {
            let binding = PermissionBinding {
                name: ResourceName::parse(name)?,
                description,
                group: GroupRef::parse(client_group)?,
                topic_space: ResourceName::parse(topic_space)?,
                permission,
            };
            self.0.put(binding)
        })
        .map_err(to_python)
    }

    fn delete_permission_binding(&self, py: Python<'_>, name: &str) -> PyResult<bool> {
        py.detach(|| self.0.delete_permission_binding(name)).map_err(to_python)
    }

    /// Name, description, and client group, topic space and permission.
    fn permission_bindings(&self, py: Python<'_>) -> Named<(String, String, &'static str)> {
        py.detach(|| {
            self.0.with_broker(|broker| {
                let bindings = broker.directory().bindings();
                bindings
                    .map(|binding| {
                        let grants = (
                            binding.group.to_string(),
                            binding.topic_space.to_string(),
                            binding.permission.name(),
                        );
                        (binding.name.to_string(), binding.description.clone(), grants)
                    })
                    .collect()
            })
        })
    }

    /// Takes client certificates that the authority in `certificate` signed. Whether it is new.
    fn put_ca_certificate(
        &self,
        py: Python<'_>,
        name: &str,
        certificate: &[u8],
        description: String,
    ) -> PyResult<bool> {
        py.detach(|| {
            let name = ResourceName::parse(name)?;
            let certificate =
                CaCertificate::read_bytes(name, certificate).map_err(NamespaceError::Authority)?;
            self.0.put(CaCertificate { description, ..certificate })
        })
        .map_err(to_python)
    }

    /// Name, description, and the certificate in PEM with the times from when and up to when it is valid, in Unix seconds.
    fn ca_certificates(&self, py: Python<'_>) -> Named<(String, u64, u64)> {
        let named = |certificate: CaCertificate| {
            let facts = CertificateFacts::read(&certificate.der);
            let (from, to) = facts.map_or((0, 0), |facts| (facts.not_before, facts.not_after));
            (certificate.name.to_string(), certificate.description, (certificate.encoded, from, to))
        };
        py.detach(|| self.0.ca_certificates().into_iter().map(named).collect())
    }

    fn delete_ca_certificate(&self, py: Python<'_>, name: &str) -> PyResult<bool> {
        py.detach(|| self.0.delete_ca_certificate(name)).map_err(to_python)
    }

    /// A certificate for tests: PEM, its key's PEM, its SHA-256 thumbprint, from when and up to when it is valid, in Unix
    /// seconds. `ago` and `life` in seconds; `names` are the alternative ones: of hosts, URIs, addresses, of e-mail.
    #[pyo3(signature = (common_name, ago, life, self_signed, names=None))]
    fn create_certificate(
        &self,
        py: Python<'_>,
        common_name: &str,
        ago: f64,
        life: f64,
        self_signed: bool,
        names: Option<Alternatives>,
    ) -> PyResult<(String, String, String, u64, u64)> {
        let (ago, life) = (span("ago", ago)?, span("life", life)?);
        let authority = (!self_signed).then(|| self.0.authority());
        let (dns, uri, ip, email) = names.unwrap_or_default();
        let alternative = AlternativeNames { dns, uri, ip, email };
        let names = ClientNames { common_name: common_name.to_owned(), alternative };
        let made = py.detach(|| client_certificate(authority, names, ago, life));
        let (certificate, key, der) = made.map_err(|error| PyValueError::new_err(error.to_string()))?;
        let facts = CertificateFacts::read(&der)
            .ok_or_else(|| PyRuntimeError::new_err("the certificate cannot be read back"))?;
        let thumbprint = Thumbprint::sha256(&der).to_string();
        Ok((certificate, key, thumbprint, facts.not_before, facts.not_after))
    }

    /// Whether the session of this client identifier is connected.
    fn connected(&self, py: Python<'_>, client_id: &str) -> bool {
        py.detach(|| self.0.with_broker(|broker| broker.is_connected(client_id)))
    }

    /// How many sessions there are, and how many of them are connected.
    fn sessions(&self, py: Python<'_>) -> (usize, usize) {
        py.detach(|| self.0.with_broker(|broker| (broker.sessions(), broker.connected())))
    }
}

/// The table of what the namespace does where the service is unknown: name, question, choices.
#[pyfunction]
pub(super) fn namespace_behaviours() -> Vec<(&'static str, &'static str, Vec<&'static str>)> {
    ROWS.iter().map(|row| (row.name, row.question, row.choices.to_vec())).collect()
}

pub(super) fn to_python(error: NamespaceError) -> PyErr {
    let text = error.to_string();
    match error {
        NamespaceError::Listen(ListenError::Bind { source, .. }) => errors::os_error(&source, text),
        NamespaceError::State(StateError::File(file)) => errors::os_error(&file.source, text),
        NamespaceError::State(StateError::Corrupt { .. }) => errors::damaged_state(&text),
        NamespaceError::Listen(ListenError::Resolve { .. })
        | NamespaceError::State(StateError::InUse(_))
        | NamespaceError::System(_) => PyOSError::new_err(text),
        NamespaceError::Certificate(_) => PyRuntimeError::new_err(text),
        NamespaceError::Resource(ResourceError::Missing(..)) => PyLookupError::new_err(text),
        NamespaceError::Authority(_)
        | NamespaceError::Name(_)
        | NamespaceError::Query(_)
        | NamespaceError::Template(_)
        | NamespaceError::Thumbprint(_)
        | NamespaceError::Issuer(_)
        | NamespaceError::Webhook(_)
        | NamespaceError::Fault(_)
        | NamespaceError::Document(_)
        | NamespaceError::Deleted
        | NamespaceError::Resource(_) => PyValueError::new_err(text),
    }
}
