//! [`Namespace`], the facade: start and stop; what an application may ask.

mod observing;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::authentication::{AUDIENCE, CaCertificate, ClientAuthentication, InvalidWebhook, TokenIssuer};
use crate::broker::Broker;
use crate::config::NamespaceConfig;
use crate::documents::InvalidDocument;
use crate::error::NamespaceError;
use crate::names::{GroupRef, ObjectId, ResourceName};
use crate::query::Query;
use crate::resources::{
    Client, ClientGroup, Permission, PermissionBinding, RoleAssignment, RoleScope, TopicSpace,
};
use crate::server::{Ports, spawn};
use crate::shared::Shared;
use crate::store::{self, AUTHENTICATION_FILE, JOURNAL_FILE, NAMESPACE_FILE, ROLES_FILE, Resource};
use crate::template::Template;
use azmqtt_local::certificate_authority::Authority;
use azmqtt_local::files::FileError;
use azmqtt_local::files::{make_private_dir, read_if_there, write_whole};
use azmqtt_local::state_dir::{StateDir, StateError};
use azmqtt_local::temp_dir::TempDir;
use azmqtt_local::thread::Thread;
use azmqtt_net::Trust;
use azmqtt_net::sync::Mutex;
use azmqtt_net::tls::checked_pem;
use tokio_rustls::rustls::ALL_VERSIONS;
use tokio_rustls::rustls::crypto::ring;

/// The certificate that clients trust, and its key, in a state directory.
const CA_FILE: &str = "ca.pem";
const CA_KEY_FILE: &str = "ca-key.pem";
/// The key of the issuer of tokens, in a state directory.
const TOKEN_KEY_FILE: &str = "token-key.pem";

/// A namespace that runs, until it is stopped or dropped.
pub struct Namespace {
    shared: Arc<Shared>,
    thread: Mutex<Option<Thread>>,
    ports: Ports,
    authority: Authority,
    ca_file: PathBuf,
    /// What holds the certificate while there is no state directory.
    temp: Option<TempDir>,
}

impl Namespace {
    /// Starts a namespace; returns when it listens.
    pub fn start(config: NamespaceConfig) -> Result<Self, NamespaceError> {
        let state = match &config.state_dir {
            Some(root) => {
                make_private_dir(root).map_err(|error| FileError::new(root, error))?;
                let files = [
                    CA_FILE,
                    CA_KEY_FILE,
                    TOKEN_KEY_FILE,
                    NAMESPACE_FILE,
                    AUTHENTICATION_FILE,
                    ROLES_FILE,
                    JOURNAL_FILE,
                ];
                Some(StateDir::open(root, &store::directories(), &files)?)
            }
            None => None,
        };
        let temp = if state.is_none() { Some(TempDir::make("azmqtt-namespace-")?) } else { None };
        let ca_file = match (&state, &temp) {
            (Some(state), _) => state.path(CA_FILE),
            (None, Some(temp)) => temp.join(CA_FILE),
            (None, None) => PathBuf::from(CA_FILE),
        };
        let authority = if let Some(state) = &state {
            load_authority(state)?
        } else {
            let authority = generate()?;
            write_whole(&ca_file, authority.certificate.as_bytes())?;
            authority
        };
        let names = server_names(&config);
        let tls = authority.server_config(&names, ring::default_provider(), ALL_VERSIONS)?;
        let issuer = TokenIssuer::open(state.as_ref().map(|state| state.path(TOKEN_KEY_FILE)))?;
        let webhook_trust = webhook_trust(&config, &authority)?;
        let shared = Arc::new(Shared::new(config, issuer, webhook_trust, state)?);
        store::load(&shared)?;
        let (thread, ports) = spawn(shared.clone(), tls)?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)), ports, authority, ca_file, temp })
    }

    /// Ends every connection and stops listening. Nothing happens the second time.
    pub fn stop(&self) {
        let Some(thread) = self.thread.lock().take() else { return };
        thread.stop();
        self.shared.store.release();
        if let Some(temp) = &self.temp {
            temp.remove();
        }
    }

    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.thread.lock().is_none()
    }

    /// The name by which clients reach it.
    pub fn hostname(&self) -> &str {
        &self.shared.config.hostname
    }

    /// The TCP port of MQTT.
    pub fn port(&self) -> u16 {
        self.ports.mqtt
    }

    /// The TCP port of HTTPS, and of MQTT over WebSockets.
    pub fn https_port(&self) -> u16 {
        self.ports.https
    }

    /// A file with the certificate that clients trust, in PEM.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// The authority of the server's certificate, which can sign others for tests.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The address of the management API, such as `https://localhost:443`.
    pub fn management_url(&self) -> String {
        format!("https://{}:{}", self.hostname(), self.https_port())
    }

    /// Which namespace this is for the management API.
    pub fn resource_id(&self) -> String {
        self.shared.config.resource.to_string()
    }

    /// The bearer token of the management API; a secret, new at each start.
    pub fn token(&self) -> &str {
        self.shared.token.as_str()
    }

    /// A secret link that opens the namespace's page in a browser on this machine, `https://localhost:{HTTPS port}/#open=…`.
    /// It works once, within a minute.
    ///
    /// # Errors
    /// The system provides no random numbers.
    pub fn page_url(&self) -> Result<String, NamespaceError> {
        Ok(self.shared.page.make_link(Instant::now())?)
    }

    /// Makes a resource, or changes the one of its name: a client, a client group, a topic space, a permission binding, or a CA
    /// certificate. Whether it is new. It is on the disk then, if there is a state directory.
    pub fn put<R: Resource>(&self, resource: R) -> Result<bool, NamespaceError> {
        Ok(self.shared.put(resource)?.is_new)
    }

    /// Deletes the resource of this kind and name. Whether there was one. Clients lose their connections with it, and what a
    /// permission binding names stays.
    pub fn delete<R: Resource>(&self, name: &str) -> Result<bool, NamespaceError> {
        Ok(self.shared.delete::<R>(name)?)
    }

    /// Puts every resource of a file in JSON, those that others name first. What is there and not in the file stays.
    ///
    /// ```json
    /// {
    ///     "namespace": {"properties": {"topicSpacesConfiguration": {"maximumSessionExpiryInHours": 2}}},
    ///     "caCertificates": [],
    ///     "clients": [{"name": "client1", "properties": {"attributes": {"type": "pump"}}}],
    ///     "clientGroups": [],
    ///     "topicSpaces": [{"name": "space", "properties": {"topicTemplates": ["topics/#"]}}],
    ///     "permissionBindings": []
    /// }
    /// ```
    ///
    /// An error names the entry that is wrong; those before it are put.
    pub fn apply(&self, file: &str) -> Result<(), NamespaceError> {
        let file = serde_json::from_str(file);
        let file = file.map_err(|error| InvalidDocument::new("", format_args!("it is not JSON: {error}")))?;
        store::apply_file(&self.shared, &file)
    }

    /// Makes a client, or changes the one of its name. Whether it is new.
    pub fn put_client(&self, client: Client) -> Result<bool, NamespaceError> {
        self.put(client)
    }

    /// Deletes a client, and ends its connections. Whether there was one.
    pub fn delete_client(&self, name: &str) -> Result<bool, NamespaceError> {
        self.delete::<Client>(name)
    }

    /// Makes a client group, or changes the one of its name. Whether it is new.
    pub fn put_client_group(&self, name: &str, query: &str) -> Result<bool, NamespaceError> {
        let (name, query) = (ResourceName::parse(name)?, Query::parse(query)?);
        self.put(ClientGroup { name, description: String::new(), query })
    }

    /// Deletes a client group that no binding names. Whether there was one.
    pub fn delete_client_group(&self, name: &str) -> Result<bool, NamespaceError> {
        self.delete::<ClientGroup>(name)
    }

    /// Makes a topic space, or changes the one of its name. Whether it is new.
    pub fn put_topic_space(&self, name: &str, templates: &[&str]) -> Result<bool, NamespaceError> {
        let name = ResourceName::parse(name)?;
        let templates = templates.iter().map(|text| Template::parse(text)).collect::<Result<_, _>>()?;
        self.put(TopicSpace { name, description: String::new(), templates })
    }

    /// Deletes a topic space that no binding names. Whether there was one.
    pub fn delete_topic_space(&self, name: &str) -> Result<bool, NamespaceError> {
        self.delete::<TopicSpace>(name)
    }

    /// Makes a permission binding, or changes the one of its name. Whether it is new.
    pub fn put_permission_binding(
        &self,
        name: &str,
        client_group: &str,
        topic_space: &str,
        permission: Permission,
    ) -> Result<bool, NamespaceError> {
        self.put(PermissionBinding {
            name: ResourceName::parse(name)?,
            description: String::new(),
            group: GroupRef::parse(client_group)?,
            topic_space: ResourceName::parse(topic_space)?,
            permission,
        })
    }

    /// Deletes a permission binding. Whether there was one.
    pub fn delete_permission_binding(&self, name: &str) -> Result<bool, NamespaceError> {
        self.delete::<PermissionBinding>(name)
    }

    /// Adds a CA certificate, in PEM or DER, or replaces the one of its name.
    pub fn put_ca_certificate(&self, name: &str, certificate: &[u8]) -> Result<(), NamespaceError> {
        let name = ResourceName::parse(name)?;
        let certificate = CaCertificate::read_bytes(name, certificate).map_err(NamespaceError::Authority)?;
        self.put(certificate).map(drop)
    }

    /// All CA certificates, by their names.
    pub fn ca_certificates(&self) -> Vec<CaCertificate> {
        self.shared.authorities.lock().iter().cloned().collect()
    }

    /// Deletes a CA certificate; who has connected by it stays. Whether there was one.
    pub fn delete_ca_certificate(&self, name: &str) -> Result<bool, NamespaceError> {
        self.delete::<CaCertificate>(name)
    }

    /// Changes how clients may show who they are. Who is connected stays. It is on the disk then, if there is a state directory.
    pub fn set_client_authentication(&self, settings: ClientAuthentication) -> Result<(), NamespaceError> {
        self.change_client_authentication(|before| *before = settings)
    }

    /// Changes something of that.
    pub fn change_client_authentication(
        &self,
        change: impl FnOnce(&mut ClientAuthentication),
    ) -> Result<(), NamespaceError> {
        Ok(self.shared.change_client_authentication(change)?)
    }

    /// How clients may show who they are besides a user name and a certificate.
    pub fn client_authentication(&self) -> ClientAuthentication {
        self.shared.client_authentication.lock().clone()
    }

    /// A token of Entra ID for this object id, from the local issuer and for the broker, valid from now for as long as that.
    /// The first one takes a moment: the issuer's key is made, and kept in the state directory if there is one.
    pub fn entra_token(&self, object_id: &str, lifetime: Duration) -> Result<String, NamespaceError> {
        Ok(self.shared.issuer.mint(&ObjectId::parse(object_id)?, AUDIENCE, lifetime)?)
    }

    /// The issuer of tokens of Entra ID.
    pub fn token_issuer(&self) -> &TokenIssuer {
        &self.shared.issuer
    }

    /// Gives an identity of Entra ID a role. `scope` is the name of a topic space, or a resource id: of a topic space, the
    /// namespace, its resource group or subscription; none is the namespace. Whether it had it not. It is on the disk then, if
    /// there is a state directory.
    pub fn put_role_assignment(
        &self,
        object_id: &str,
        role: Permission,
        scope: Option<&str>,
    ) -> Result<bool, NamespaceError> {
        Ok(self.shared.put_role(self.role_assignment(object_id, role, scope)?)?)
    }

    /// Takes a role away from an identity of Entra ID. Whether it had it. Who has lost a right by it is disconnected.
    pub fn delete_role_assignment(
        &self,
        object_id: &str,
        role: Permission,
        scope: Option<&str>,
    ) -> Result<bool, NamespaceError> {
        Ok(self.shared.delete_role(&self.role_assignment(object_id, role, scope)?)?)
    }

    fn role_assignment(
        &self,
        object_id: &str,
        role: Permission,
        scope: Option<&str>,
    ) -> Result<RoleAssignment, NamespaceError> {
        let scope = match scope {
            Some(scope) => RoleScope::parse(scope, &self.shared.config.resource)?,
            None => RoleScope::Namespace,
        };
        Ok(RoleAssignment { object_id: ObjectId::parse(object_id)?, role, scope })
    }

    /// Reads something of the broker: its resources, how many are connected.
    pub fn with_broker<R>(&self, read: impl FnOnce(&Broker) -> R) -> R {
        read(&self.shared.broker.lock())
    }

    /// Why the last client was refused.
    pub fn last_refusal(&self) -> Option<String> {
        self.shared.last_refusal()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What certificates of webhooks must lead to: the default roots, the namespace's own authority, and what is configured.
fn webhook_trust(config: &NamespaceConfig, authority: &Authority) -> Result<Trust, NamespaceError> {
    let mut roots = authority.certificate.clone();
    if let Some(added) = &config.webhook_roots {
        roots.push_str(&checked_pem(added).map_err(InvalidWebhook::Roots)?);
    }
    Ok(Trust::with_default(roots.as_bytes()).map_err(InvalidWebhook::Roots)?)
}

fn generate() -> Result<Authority, NamespaceError> {
    Ok(Authority::generate("azmqtt local namespace test authority")?)
}

/// The authority that a state directory keeps, made at the first call ever.
fn load_authority(state: &StateDir) -> Result<Authority, NamespaceError> {
    let (path, key_path) = (state.path(CA_FILE), state.path(CA_KEY_FILE));
    let (Some(certificate), Some(key)) = (read_if_there(&path)?, read_if_there(&key_path)?) else {
        let authority = generate()?;
        // The key goes first: a crash in between leaves no certificate, and the next start makes both anew.
        write_whole(&key_path, authority.key.as_bytes())?;
        write_whole(&path, authority.certificate.as_bytes())?;
        return Ok(authority);
    };
    let text = |path: &Path, bytes| {
        String::from_utf8(bytes).map_err(|_| StateError::corrupt(path, "it is not text"))
    };
    let authority = Authority { certificate: text(&path, certificate)?, key: text(&key_path, key)? };
    authority.check().map_err(|error| StateError::corrupt(&path, error))?;
    Ok(authority)
}

/// The names that the server's certificate is for.
fn server_names(config: &NamespaceConfig) -> Vec<String> {
    let mut names = vec![config.hostname.clone()];
    for name in ["localhost", "127.0.0.1", "::1", &config.host] {
        let unspecified = name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_unspecified());
        if !unspecified && !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(name.to_owned());
        }
    }
    names
}
