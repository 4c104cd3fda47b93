//! What applications ask of a running hub. A call that takes an [`Id`] is for a device (`"device"`) or a module
//! (`("device", "module")`).

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::api::Hub;
use super::client_certificates::Authentication;
use super::device::{CloseReason, Command, Credentials, Device, END_TIMEOUT};
use super::device_file;
use super::error::HubError;
use super::feedback::FeedbackStatus;
use super::id::{Id, Whose};
use super::methods::{self, MethodResult, PendingCall};
use super::telemetry::{TelemetryMessage, unix_now};
use crate::dialect::identity::check_id;
use crate::dialect::sas::SymmetricKey;
use crate::dialect::twin::desired_notification;
use crate::dialect::{Auth, ConnectionString, Twin};

impl Hub {
    /// Makes a device. Without a primary key it gets a random one; the secondary is always random.
    pub fn create_device(&self, device_id: &str, key: Option<SymmetricKey>) -> Result<(), HubError> {
        self.create(device_id, key, Authentication::Sas)
    }

    pub(super) fn create(
        &self,
        device_id: &str,
        key: Option<SymmetricKey>,
        authentication: Authentication,
    ) -> Result<(), HubError> {
        self.check_running()?;
        check_id("device id", device_id).map_err(HubError::Identity)?;
        let primary = key.map_or_else(SymmetricKey::generate, Ok).map_err(HubError::Key)?;
        let keys = [primary, SymmetricKey::generate().map_err(HubError::Key)?];
        let credentials = Credentials { keys, authentication };
        let device = Device::new(device_id, &generation_id()?, credentials, true, Twin::new(unix_now()));
        let device = Arc::new(device);
        self.shared.registry.insert(device.clone())?;
        self.shared.save(&device).inspect_err(|_| self.shared.registry.remove(&device))
    }

    /// Whether there is such a device.
    pub fn has_device(&self, device_id: &str) -> bool {
        self.shared.registry.find(device_id).is_some()
    }

    /// The ids of all devices, in order.
    pub fn device_ids(&self) -> Vec<String> {
        let all = self.shared.registry.all();
        all.iter().filter(|device| device.owner.is_none()).map(|device| device.id.clone()).collect()
    }

    /// Forgets a device and its modules; their connections end.
    pub fn remove_device(&self, device_id: &str) -> Result<(), HubError> {
        self.remove(device_id.into())
    }

    /// Forgets a device with its modules, or a module.
    pub(super) fn remove(&self, id: Id<'_>) -> Result<(), HubError> {
        self.check_running()?;
        let registry = &self.shared.registry;
        let last = registry.get(id)?;
        if std::mem::replace(&mut last.state().removed, true) {
            // By another thread, which is at it.
            return Err(self.shared.registry.missing(id));
        }
        // From here on it takes no more modules. They go first: a module's file never outlasts its device's.
        let modules = if id.module.is_none() { registry.modules(id.device)? } else { Vec::new() };
        let all = modules.into_iter().chain([last.clone()]);
        all.into_iter()
            .try_for_each(|identity| self.remove_one(&identity))
            .inspect_err(|_| last.state().removed = false)
    }

    /// The file goes before the identity does: nobody can make another one of that id, and its file, meanwhile.
    fn remove_one(&self, identity: &Arc<Device>) -> Result<(), HubError> {
        identity.state().removed = true;
        let dir = self.shared.state_dir();
        dir.map_or(Ok(()), |dir| device_file::remove(&dir, identity))
            .inspect_err(|_| identity.state().removed = false)?;
        let purged = identity.state().cloud_messages.purge();
        self.shared.feedback.report(&identity.source, &purged, FeedbackStatus::Purged);
        self.shared.registry.remove(identity);
        identity.close_and_block(CloseReason::Removed, END_TIMEOUT);
        Ok(())
    }

    /// Lets a device and its modules connect or not; the connections of those that may not end.
    pub fn set_enabled(&self, device_id: &str, enabled: bool) -> Result<(), HubError> {
        self.check_running()?;
        let device = self.shared.registry.get(device_id)?;
        {
            let mut state = device.state();
            state.enabled = enabled;
            state.revision += 1;
        }
        if !enabled {
            for module in self.shared.registry.modules(device_id)? {
                module.close_and_block(CloseReason::Disabled, END_TIMEOUT);
            }
            device.close_and_block(CloseReason::Disabled, END_TIMEOUT);
        }
        self.shared.save(&device)
    }

    /// `HostName=…;DeviceId=…[;ModuleId=…];SharedAccessKey=…`, with the primary key, a secret; or with
    /// `x509=true`.
    pub fn connection_string<'a>(&self, id: impl Into<Id<'a>>) -> Result<String, HubError> {
        let device = self.shared.registry.get(id)?;
        let Credentials { keys: [primary, _], authentication } = device.state().credentials.clone();
        let auth = match authentication {
            Authentication::Sas => Auth::SharedAccessKey(primary),
            Authentication::SelfSigned { .. } | Authentication::CertificateAuthority => Auth::X509,
        };
        let parts = ConnectionString {
            host_name: self.hostname().to_owned(),
            device_id: device.id.clone(),
            module_id: device.module_id.clone(),
            gateway_host_name: None,
            auth,
        };
        Ok(parts.to_string_with_secrets())
    }

    /// The twin as a service application sees it.
    pub fn twin<'a>(&self, id: impl Into<Id<'a>>) -> Result<Value, HubError> {
        let device = self.shared.registry.get(id)?;
        let state = device.state();
        Ok(state.twin.service_view(&state.facts(&device)))
    }

    /// Changes desired properties by a merge patch and notifies the device if it is connected and subscribed.
    /// Returns their new `$version`.
    pub fn patch_desired<'a>(&self, id: impl Into<Id<'a>>, patch: &Value) -> Result<u64, HubError> {
        self.check_running()?;
        let device = self.shared.registry.get(id)?;
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

    /// Calls a direct method and blocks until the device has answered: for at most `connect_timeout` until it is
    /// connected and subscribed, then for at most `response_timeout`. The service takes 5 to 300 s and 0 to 300 s; here
    /// any time goes.
    ///
    /// # Errors
    /// [`HubError::Method`] with the service's error code: 404103 when the device is not there in time, 504101 when it
    /// does not answer in time, 400027 when it connects anew meanwhile, 404104 when its connection ends.
    pub fn invoke_method<'a>(
        &self,
        id: impl Into<Id<'a>>,
        name: &str,
        payload: &Value,
        response_timeout: Duration,
        connect_timeout: Duration,
    ) -> Result<MethodResult, HubError> {
        let payload = payload.to_string();
        let mut call = self.begin_method(id, name, payload.as_bytes(), response_timeout, connect_timeout)?;
        loop {
            if let Some(result) = call.wait(response_timeout.max(connect_timeout))? {
                return Ok(result);
            }
        }
    }

    /// [`Self::invoke_method`] for callers that wait bit by bit. `payload` is JSON, or empty for none.
    pub fn begin_method<'a>(
        &self,
        id: impl Into<Id<'a>>,
        name: &str,
        payload: &[u8],
        response_timeout: Duration,
        connect_timeout: Duration,
    ) -> Result<PendingCall, HubError> {
        self.check_running()?;
        methods::begin(&self.shared.registry, id.into(), name, payload, response_timeout, connect_timeout)
    }

    /// The recorded messages of a device or module, oldest first; one that was removed may have some.
    pub fn telemetry<'a>(&self, id: impl Into<Id<'a>>) -> Vec<Arc<TelemetryMessage>> {
        self.telemetry_after(id.into(), 0)
    }

    /// The recorded messages of a device, or of all, that came after the one with the sequence number `after`.
    pub fn telemetry_after<'a>(&self, whose: impl Into<Whose<'a>>, after: u64) -> Vec<Arc<TelemetryMessage>> {
        self.shared.recorder.messages(whose, after)
    }

    /// How many messages came, of a device or of all, those no longer kept included.
    pub fn telemetry_count<'a>(&self, whose: impl Into<Whose<'a>>) -> Result<u64, HubError> {
        match whose.into() {
            Whose::One(id) => Ok(self.shared.registry.get(id)?.source.count()),
            Whose::Everybody => Ok(self.shared.recorder.total()),
        }
    }

    /// Blocks until at least `count` messages have come since the hub started, of a device or of all, or until
    /// `timeout`.
    pub fn wait_for_telemetry<'a>(
        &self,
        whose: impl Into<Whose<'a>>,
        count: u64,
        timeout: Duration,
    ) -> Result<Vec<Arc<TelemetryMessage>>, HubError> {
        let whose = whose.into();
        match self.wait_for_telemetry_count(whose, count, timeout)? {
            got if got >= count => Ok(self.shared.recorder.messages(whose, 0)),
            got => Err(HubError::Timeout { wanted: count, got }),
        }
    }

    /// [`Self::wait_for_telemetry`] without the messages: how many came, which is less than `count` when the time
    /// ran out.
    pub fn wait_for_telemetry_count<'a>(
        &self,
        whose: impl Into<Whose<'a>>,
        count: u64,
        timeout: Duration,
    ) -> Result<u64, HubError> {
        let source = match whose.into() {
            Whose::One(id) => Some(self.shared.registry.get(id)?.source.clone()),
            Whose::Everybody => None,
        };
        Ok(self.shared.recorder.wait(source, count, timeout))
    }

    /// Whether the device has a live connection.
    pub fn connected<'a>(&self, id: impl Into<Id<'a>>) -> Result<bool, HubError> {
        Ok(self.shared.registry.get(id)?.state().link.is_some())
    }

    /// Blocks until the device is connected, or is not, as asked for. False when the time ran out.
    pub fn wait_for_connection<'a>(
        &self,
        id: impl Into<Id<'a>>,
        connected: bool,
        timeout: Duration,
    ) -> Result<bool, HubError> {
        let device = self.shared.registry.get(id)?;
        Ok(device.wait_for_link(timeout, |state| state.link.is_some() == connected))
    }

    /// How many connections of the device were accepted so far.
    pub fn connection_count<'a>(&self, id: impl Into<Id<'a>>) -> Result<u64, HubError> {
        Ok(self.shared.registry.get(id)?.state().connections)
    }

    /// Why the device's last connection ended.
    pub fn last_close<'a>(&self, id: impl Into<Id<'a>>) -> Result<Option<CloseReason>, HubError> {
        Ok(self.shared.registry.get(id)?.state().last_close.clone())
    }

    /// Why the last refused CONNECT was refused.
    pub fn last_refusal(&self) -> Option<String> {
        self.shared.last_refusal()
    }

    /// Drops the device's connection without a word, as a broken network does. Returns when the socket is closed;
    /// false if there was none.
    pub fn disconnect<'a>(&self, id: impl Into<Id<'a>>) -> Result<bool, HubError> {
        self.close(id, CloseReason::Dropped)
    }

    /// Ends the device's connection as if its SAS token had expired. Returns when the socket is closed; false if
    /// there was none.
    pub fn expire_token<'a>(&self, id: impl Into<Id<'a>>) -> Result<bool, HubError> {
        self.close(id, CloseReason::TokenExpired)
    }

    fn close<'a>(&self, id: impl Into<Id<'a>>, reason: CloseReason) -> Result<bool, HubError> {
        self.check_running()?;
        let device = self.shared.registry.get(id)?;
        let was_connected = device.state().link.is_some();
        device.close_and_block(reason, END_TIMEOUT);
        Ok(was_connected)
    }
}

/// A number that no other device of that id has had, in decimal digits as the service writes it.
pub(super) fn generation_id() -> Result<String, HubError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random)
        .map_err(|error| HubError::System(std::io::Error::other(error.to_string())))?;
    Ok(format!("{:018}", u64::from_ne_bytes(random) % 1_000_000_000_000_000_000))
}
