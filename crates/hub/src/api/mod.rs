//! The hub that applications hold: start, stop, where it is. Its other calls are in the files beside, by subject.

pub(crate) mod certificates;
mod cloud_messages;
mod devices;
mod events;
mod faults;
mod modules;
pub mod packets;
mod provisioning;
mod queries;
mod uploads;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::config::HubConfig;
use crate::error::HubError;
use crate::security::certificates::{generate, load, server_config, server_names};
use crate::security::policies::OWNER;
use crate::server::runtime::{self, Ports};
use crate::shared::Shared;
use crate::storage::disk::Disk;
use crate::storage::state_dir::{CA_FILE, StateDir, TEMP_DIR_PREFIX};
use azmqtt_dialect::identity::check_host_name;
use azmqtt_local::certificate_authority::Authority;
use azmqtt_local::files::write_whole;
use azmqtt_local::temp_dir::TempDir;
use azmqtt_local::thread::Thread;
use azmqtt_net::sync::Mutex;

/// A running hub. Its calls may be made from any thread, and block for no longer than a write to the disk takes,
/// unless they say otherwise. Dropping it stops it.
pub struct Hub {
    pub(crate) shared: Arc<Shared>,
    ports: Ports,
    /// Signs client certificates too.
    pub(crate) authority: Authority,
    ca_file: PathBuf,
    /// Holds the CA file when there is no state directory.
    temp_dir: Option<TempDir>,
    thread: Mutex<Option<Thread>>,
    /// The process that started it: a forked child has a copy of this value, and no thread.
    process: u32,
}

impl Hub {
    /// Starts a hub; returns when it listens.
    pub fn start(config: HubConfig) -> Result<Self, HubError> {
        check_host_name(&config.hostname).map_err(HubError::Identity)?;
        let state_dir = config.state_dir.as_deref().map(StateDir::open).transpose()?;
        let disk = Disk::new(state_dir);
        let shared = Shared::open(config, disk.clone())?;
        let dir = disk.dir();
        let authority = match &dir {
            Some(dir) => load(dir)?,
            None => generate()?,
        };
        let tls = server_config(&authority, &server_names(&shared.config))?;
        shared.client_authorities.add(authority.certificate.as_bytes())?;
        let (temp_dir, ca_file) = if let Some(dir) = &dir {
            shared.client_authorities.load(dir)?;
            (None, dir.ca_file())
        } else {
            let temp_dir = TempDir::make(TEMP_DIR_PREFIX)?;
            let ca_file = temp_dir.join(CA_FILE);
            write_whole(&ca_file, authority.certificate.as_bytes())?;
            (Some(temp_dir), ca_file)
        };
        let mut hub = Self {
            shared: Arc::new(shared),
            ports: Ports::default(),
            authority,
            ca_file,
            temp_dir,
            thread: Mutex::default(),
            process: std::process::id(),
        };
        let (thread, ports) = runtime::spawn(hub.shared.clone(), tls)?;
        hub.thread = Mutex::new(Some(thread));
        hub.ports = ports;
        Ok(hub)
    }

    /// Ends every connection and gives up the port, the state directory and the temporary files. What was recorded
    /// can still be read. A second call does nothing.
    pub fn stop(&self) {
        let Some(thread) = self.thread.lock().take() else { return };
        if self.process != std::process::id() {
            // Thread and files belong to the parent.
            std::mem::forget(thread);
            return;
        }
        self.shared.provisioning.stop();
        thread.stop();
        self.shared.jobs.stop();
        for device in self.shared.registry.all() {
            // What cannot be saved now is as an unexpected end would leave it: messages come again.
            let _ = self.shared.registry.unsaved(&device).save();
        }
        self.shared.disk.release();
        self.remove_temp_dir();
    }

    fn remove_temp_dir(&self) {
        if let Some(dir) = self.temp_dir.as_ref().filter(|_| self.process == std::process::id()) {
            dir.remove();
        }
    }

    /// Whether it is stopped, as seen from this process.
    pub fn is_stopped(&self) -> bool {
        self.process != std::process::id() || self.thread.lock().is_none()
    }

    /// An error if it is stopped, for calls that would have no effect then.
    pub(crate) fn check_running(&self) -> Result<(), HubError> {
        if self.is_stopped() { Err(HubError::Stopped) } else { Ok(()) }
    }

    /// The TCP port of MQTT.
    pub fn port(&self) -> u16 {
        self.ports.mqtt
    }

    /// The TCP port of HTTPS, and of MQTT over WebSockets.
    pub fn https_port(&self) -> u16 {
        self.ports.https
    }

    /// The TCP port of HTTPS for back-end applications.
    pub fn service_port(&self) -> u16 {
        self.ports.service
    }

    /// [`Self::policy_connection_string`] of the policy that may do everything.
    pub fn service_connection_string(&self) -> Result<String, HubError> {
        self.policy_connection_string(OWNER)
    }

    /// `HostName=…;SharedAccessKeyName=…;SharedAccessKey=…` of a policy: `iothubowner`, `service`, `device`, `registryRead` or
    /// `registryReadWrite`; a secret. The host name has the service's port behind it, unless that is the port of HTTPS, 443.
    pub fn policy_connection_string(&self, name: &str) -> Result<String, HubError> {
        let policy = self.shared.policies.find(name);
        let policy = policy.ok_or_else(|| HubError::PolicyNotFound(name.to_owned()))?;
        let port = match self.service_port() {
            443 => String::new(),
            port => format!(":{port}"),
        };
        let key = policy.keys[0].as_base64();
        Ok(format!("HostName={}{port};SharedAccessKeyName={name};SharedAccessKey={key}", self.hostname()))
    }

    /// A secret link that opens the hub's page in a browser on this machine, `https://localhost:{service port}/#open=…`. It
    /// works once, within a minute.
    ///
    /// # Errors
    /// The hub is stopped, or the system provides no random numbers.
    pub fn page_url(&self) -> Result<String, HubError> {
        self.check_running()?;
        self.shared.page.make_link(Instant::now()).map_err(HubError::System)
    }

    /// The TCP port of the provisioning service.
    pub fn provisioning_port(&self) -> u16 {
        self.ports.provisioning
    }

    /// The host name or address by which devices reach the provisioning service; its certificate is for it.
    pub fn provisioning_host(&self) -> &str {
        self.shared.config.provisioning_host()
    }

    /// What back-end applications manage enrolments with, as [`Self::service_connection_string`]: the host name and port are
    /// those of the provisioning service, the policy is its owner's; a secret.
    pub fn provisioning_service_connection_string(&self) -> String {
        let host = match self.provisioning_port() {
            443 => self.provisioning_host().to_owned(),
            port => format!("{}:{port}", self.provisioning_host()),
        };
        self.shared.provisioning.owner.connection_string(&host)
    }

    /// The name devices know it by.
    pub fn hostname(&self) -> &str {
        &self.shared.config.hostname
    }

    /// The certificate that devices must trust, in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.authority.certificate
    }

    /// A file with [`Self::ca_pem`], there until the hub stops; for good in a state directory.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.stop();
        self.remove_temp_dir();
    }
}
