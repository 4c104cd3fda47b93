//! The hub that applications hold: its thread, and every call they make.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::runtime;
use tokio::sync::{Semaphore, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::certificates::{Authority, server_names};
use super::cloud_messages::{self, CloudMessage};
use super::config::HubConfig;
use super::device::{CloseReason, Command, Device};
use super::device_file;
use super::error::HubError;
use super::listener;
use super::registry::Registry;
use super::shared::Shared;
use super::state_dir::{self, CA_FILE, StateDir};
use super::telemetry::{TelemetryMessage, unix_now};
use crate::dialect::identity::{check_host_name, check_id};
use crate::dialect::sas::SymmetricKey;
use crate::dialect::twin::desired_notification;
use crate::dialect::{Auth, ConnectionString, MessageProperties, Twin};

/// How long the end of a connection, or of the runtime, is waited for. Both take milliseconds.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// A running hub. Its calls may be made from any thread, and block for no longer than a write to the disk takes,
/// unless they say otherwise. Dropping it stops it.
pub struct Hub {
    shared: Arc<Shared>,
    port: u16,
    ca_pem: String,
    ca_file: PathBuf,
    /// Holds the CA file when there is no state directory.
    temp_dir: Option<PathBuf>,
    thread: Mutex<Option<Thread>>,
    /// The process that started it: a forked child has a copy of this value, and no thread.
    process: u32,
}

struct Thread {
    stop: oneshot::Sender<()>,
    handle: JoinHandle<()>,
}

impl Hub {
    /// Starts a hub; returns when it listens.
    pub fn start(config: HubConfig) -> Result<Self, HubError> {
        check_host_name(&config.hostname).map_err(HubError::Identity)?;
        let state_dir = config.state_dir.as_deref().map(StateDir::open).transpose()?.map(Arc::new);
        let registry = Registry::default();
        for (path, content) in
            state_dir.iter().map(|dir| dir.devices()).collect::<Result<Vec<_>, _>>()?.concat()
        {
            let device = device_file::load(&path, &content)?;
            // What was just read is on the disk.
            *device.saved.lock().unwrap_or_else(PoisonError::into_inner) = device.state().revision;
            registry.insert(Arc::new(device)).map_err(|error| HubError::corrupt(&path, error))?;
        }
        let authority = match &state_dir {
            Some(dir) => dir.authority()?,
            None => Authority::generate()?,
        };
        let tls = authority.server_config(&server_names(&config.hostname, &config.host))?;
        let temp_dir = if state_dir.is_none() { Some(state_dir::make_temp_dir()?) } else { None };
        let mut hub = Self {
            ca_file: match (&temp_dir, &state_dir) {
                (Some(temp), _) => temp.join(CA_FILE),
                (None, Some(dir)) => dir.ca_file(),
                (None, None) => PathBuf::new(),
            },
            shared: Arc::new(Shared::new(config, registry, state_dir)),
            port: 0,
            ca_pem: authority.certificate,
            temp_dir,
            thread: Mutex::default(),
            process: std::process::id(),
        };
        if hub.temp_dir.is_some() {
            state_dir::write_whole(&hub.ca_file, hub.ca_pem.as_bytes())?;
        }
        let (thread, port) = spawn(hub.shared.clone(), tls)?;
        hub.thread = Mutex::new(Some(thread));
        hub.port = port;
        Ok(hub)
    }

    /// Ends every connection and gives up the port, the state directory and the temporary files. What was recorded
    /// can still be read. A second call does nothing.
    pub fn stop(&self) {
        let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        if self.process != std::process::id() {
            // Thread and files belong to the parent.
            std::mem::forget(thread);
            return;
        }
        // A thread that is gone already needs no telling.
        let _ = thread.stop.send(());
        let _ = thread.handle.join();
        self.shared.state_dir.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.remove_temp_dir();
    }

    fn remove_temp_dir(&self) {
        if let Some(dir) = self.temp_dir.as_ref().filter(|_| self.process == std::process::id()) {
            // Whoever cleans the temporary directory may have been quicker.
            let _ = std::fs::remove_dir_all(dir);
        }
    }

    /// Whether it is stopped.
    pub fn is_stopped(&self) -> bool {
        self.process != std::process::id() || self.lock_thread_is_none()
    }

    fn lock_thread_is_none(&self) -> bool {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The name devices know it by.
    pub fn hostname(&self) -> &str {
        &self.shared.config.hostname
    }

    /// The certificate that devices must trust, in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// A file with [`Self::ca_pem`], there until the hub stops; for good in a state directory.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// Makes a device. Without a primary key it gets a random one; the secondary is always random.
    pub fn create_device(&self, device_id: &str, key: Option<SymmetricKey>) -> Result<(), HubError> {
        check_id("device id", device_id).map_err(HubError::Identity)?;
        let primary = key.map_or_else(SymmetricKey::generate, Ok).map_err(HubError::Key)?;
        let keys = [primary, SymmetricKey::generate().map_err(HubError::Key)?];
        let device = Arc::new(Device::new(device_id, &generation_id()?, keys, true, Twin::new(unix_now())));
        self.shared.registry.insert(device.clone())?;
        self.shared.save(&device).inspect_err(|_| drop(self.shared.registry.remove(device_id)))
    }

    /// Whether there is such a device.
    pub fn has_device(&self, device_id: &str) -> bool {
        self.shared.registry.find(device_id).is_some()
    }

    /// The ids of all devices, in order.
    pub fn device_ids(&self) -> Vec<String> {
        self.shared.registry.all().iter().map(|device| device.id.clone()).collect()
    }

    /// Forgets a device; its connection ends.
    pub fn remove_device(&self, device_id: &str) -> Result<(), HubError> {
        let device = self.shared.registry.remove(device_id)?;
        device.state().removed = true;
        device.close_and_block(CloseReason::Removed, END_TIMEOUT);
        self.shared.state_dir().map_or(Ok(()), |dir| device_file::remove(&dir, &device))
    }

    /// Lets a device connect or not; the connection of one that may not ends.
    pub fn set_enabled(&self, device_id: &str, enabled: bool) -> Result<(), HubError> {
        let device = self.shared.registry.get(device_id)?;
        {
            let mut state = device.state();
            state.enabled = enabled;
            state.revision += 1;
        }
        if !enabled {
            device.close_and_block(CloseReason::Disabled, END_TIMEOUT);
        }
        self.shared.save(&device)
    }

    /// `HostName=…;DeviceId=…;SharedAccessKey=…`, with the primary key. A secret.
    pub fn connection_string(&self, device_id: &str) -> Result<String, HubError> {
        let device = self.shared.registry.get(device_id)?;
        let [primary, _] = &device.keys;
        let parts = ConnectionString {
            host_name: self.hostname().to_owned(),
            device_id: device.id.clone(),
            module_id: None,
            gateway_host_name: None,
            auth: Auth::SharedAccessKey(primary.clone()),
        };
        Ok(parts.to_string_with_secrets())
    }

    /// The twin as a service application sees it.
    pub fn twin(&self, device_id: &str) -> Result<Value, HubError> {
        let device = self.shared.registry.get(device_id)?;
        let state = device.state();
        Ok(state.twin.service_view(&state.facts(&device)))
    }

    /// Changes desired properties by a merge patch and notifies the device if it is connected and subscribed.
    /// Returns their new `$version`.
    pub fn patch_desired(&self, device_id: &str, patch: &Value) -> Result<u64, HubError> {
        let device = self.shared.registry.get(device_id)?;
        let version = {
            let mut state = device.state();
            let version = state.twin.patch_desired(patch, None, unix_now()).map_err(HubError::Twin)?;
            state.revision += 1;
            let body = desired_notification(patch, version).to_string().into();
            // Told under the lock, so that notifications come in the order of their versions.
            state.tell(Command::NotifyDesired { version, body });
            version
        };
        self.shared.save(&device).map(|()| version)
    }

    /// Queues a cloud-to-device message: delivered when the device is connected and subscribed.
    pub fn send_c2d(
        &self,
        device_id: &str,
        body: Bytes,
        mut properties: MessageProperties,
    ) -> Result<(), HubError> {
        let device = self.shared.registry.get(device_id)?;
        let (size, limit) = (properties.size(body.len()), cloud_messages::MAX_SIZE);
        if size > limit {
            return Err(HubError::MessageTooLarge { size, limit });
        }
        properties.to.get_or_insert_with(|| format!("/devices/{device_id}/messages/deviceBound"));
        let mut state = device.state();
        if !state.cloud_messages.push(CloudMessage { body, properties }) {
            let limit = cloud_messages::MAX_PENDING;
            return Err(HubError::QueueFull { device_id: device_id.to_owned(), limit });
        }
        state.tell(Command::SendCloudMessages);
        Ok(())
    }

    /// Cloud-to-device messages that the device has not acknowledged.
    pub fn pending_c2d(&self, device_id: &str) -> Result<usize, HubError> {
        Ok(self.shared.registry.get(device_id)?.state().cloud_messages.len())
    }

    /// The recorded messages of a device, oldest first; one that was removed may have some.
    pub fn telemetry(&self, device_id: &str) -> Vec<Arc<TelemetryMessage>> {
        self.shared.recorder.messages(Some(device_id))
    }

    /// The recorded messages of all devices, oldest first.
    pub fn all_telemetry(&self) -> Vec<Arc<TelemetryMessage>> {
        self.shared.recorder.messages(None)
    }

    /// How many messages came, of a device or of all, those no longer kept included.
    pub fn telemetry_count(&self, device_id: Option<&str>) -> Result<u64, HubError> {
        match device_id {
            Some(device_id) => Ok(self.shared.registry.get(device_id)?.source.count()),
            None => Ok(self.shared.recorder.total()),
        }
    }

    /// Blocks until at least `count` messages have come since the hub started, of a device or of all, or until
    /// `timeout`.
    pub fn wait_for_telemetry(
        &self,
        device_id: Option<&str>,
        count: u64,
        timeout: Duration,
    ) -> Result<Vec<Arc<TelemetryMessage>>, HubError> {
        match self.wait_for_telemetry_count(device_id, count, timeout)? {
            got if got >= count => Ok(self.shared.recorder.messages(device_id)),
            got => Err(HubError::Timeout { wanted: count, got }),
        }
    }

    /// [`Self::wait_for_telemetry`] without the messages: how many came, which is less than `count` when the time
    /// ran out.
    pub fn wait_for_telemetry_count(
        &self,
        device_id: Option<&str>,
        count: u64,
        timeout: Duration,
    ) -> Result<u64, HubError> {
        let source = device_id.map(|id| self.shared.registry.get(id)).transpose()?;
        Ok(self.shared.recorder.wait(source.map(|device| device.source.clone()), count, timeout))
    }

    /// Whether the device has a live connection.
    pub fn connected(&self, device_id: &str) -> Result<bool, HubError> {
        Ok(self.shared.registry.get(device_id)?.state().link.is_some())
    }

    /// Blocks until the device is connected, or is not, as asked for. False when the time ran out.
    pub fn wait_for_connection(
        &self,
        device_id: &str,
        connected: bool,
        timeout: Duration,
    ) -> Result<bool, HubError> {
        let device = self.shared.registry.get(device_id)?;
        Ok(device.wait_for_link(timeout, |state| state.link.is_some() == connected))
    }

    /// How many connections of the device were accepted so far.
    pub fn connection_count(&self, device_id: &str) -> Result<u64, HubError> {
        Ok(self.shared.registry.get(device_id)?.state().connections)
    }

    /// Why the device's last connection ended.
    pub fn last_close(&self, device_id: &str) -> Result<Option<CloseReason>, HubError> {
        Ok(self.shared.registry.get(device_id)?.state().last_close.clone())
    }

    /// Why the last refused CONNECT was refused.
    pub fn last_refusal(&self) -> Option<String> {
        self.shared.last_refusal()
    }

    /// Drops the device's connection without a word, as a broken network does. Returns when the socket is closed;
    /// false if there was none.
    pub fn disconnect(&self, device_id: &str) -> Result<bool, HubError> {
        self.close(device_id, CloseReason::Dropped)
    }

    /// Ends the device's connection as if its SAS token had expired. Returns when the socket is closed; false if
    /// there was none.
    pub fn expire_token(&self, device_id: &str) -> Result<bool, HubError> {
        self.close(device_id, CloseReason::TokenExpired)
    }

    fn close(&self, device_id: &str, reason: CloseReason) -> Result<bool, HubError> {
        let device = self.shared.registry.get(device_id)?;
        let was_connected = device.state().link.is_some();
        device.close_and_block(reason, END_TIMEOUT);
        Ok(was_connected)
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.stop();
        self.remove_temp_dir();
    }
}

/// Starts the hub's thread; returns when it listens, with its port.
fn spawn(shared: Arc<Shared>, tls: Arc<ServerConfig>) -> Result<(Thread, u16), HubError> {
    let (stop, stopped) = oneshot::channel();
    let (ready, listening) = mpsc::channel();
    let body = move || {
        let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(ready.send(Err(HubError::System(error)))),
        };
        runtime.block_on(run(shared, tls, &ready, stopped));
        // A write to the disk that is under way is finished.
        runtime.shutdown_timeout(END_TIMEOUT);
    };
    let handle =
        thread::Builder::new().name("azmqtt-hub".to_owned()).spawn(body).map_err(HubError::System)?;
    match listening.recv() {
        Ok(Ok(port)) => Ok((Thread { stop, handle }, port)),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(HubError::System(std::io::Error::other("its thread ended at once"))),
    }
}

async fn run(
    shared: Arc<Shared>,
    tls: Arc<ServerConfig>,
    ready: &mpsc::Sender<Result<u16, HubError>>,
    stopped: oneshot::Receiver<()>,
) {
    let bound = listener::bind(&shared.config.host, shared.config.port).await;
    let bound = bound.and_then(|listeners| {
        let port = listeners.first().map_or(Ok(0), |first| first.local_addr().map(|local| local.port()));
        Ok((port.map_err(HubError::System)?, listeners))
    });
    let (port, listeners) = match bound {
        Ok(bound) => bound,
        Err(error) => return drop(ready.send(Err(error))),
    };
    let room = Arc::new(Semaphore::new(shared.config.limits.unauthenticated.max(1)));
    let accepting: Vec<_> = listeners
        .into_iter()
        .map(|listener| {
            let tls = TlsAcceptor::from(tls.clone());
            tokio::spawn(listener::run(listener, tls, shared.clone(), room.clone()))
        })
        .collect();
    // Nobody waits for the answer only if the hub was dropped, and then `stopped` resolves too.
    let _ = ready.send(Ok(port));
    // An error means the same: the hub is gone.
    let _ = stopped.await;
    for task in accepting {
        task.abort();
    }
    let closing = async {
        for device in shared.registry.all() {
            device.close_and_wait(CloseReason::HubStopped).await;
        }
    };
    // What does not end by itself ends with the runtime.
    let _ = tokio::time::timeout(END_TIMEOUT, closing).await;
}

/// A number that no other device of that id has had, in decimal digits as the service writes it.
fn generation_id() -> Result<String, HubError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random)
        .map_err(|error| HubError::System(std::io::Error::other(error.to_string())))?;
    Ok(format!("{:018}", u64::from_ne_bytes(random) % 1_000_000_000_000_000_000))
}
