//! What applications ask of a running hub. A call that takes an [`Id`] is for a device (`"device"`) or a module
//! (`("device", "module")`).

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::Hub;
use crate::error::HubError;
use crate::id::{Id, Whose};
use crate::if_match::IfMatch;
use crate::messages::telemetry::TelemetryMessage;
use crate::methods::pending::{self, PendingCall};
use crate::random;
use crate::registry::credentials::Authentication;
use crate::registry::credentials::Credentials;
use crate::registry::device::{CloseReason, END_TIMEOUT, MethodResult};
use crate::registry::identities::{self, LoginDraft};
use azmqtt_dialect::sas::SymmetricKey;
use azmqtt_dialect::time::Timestamp;
use azmqtt_dialect::twin::desired_notification;
use azmqtt_dialect::{Auth, ConnectionString};

impl Hub {
    /// Makes a device. Without a primary key it gets a random one; the secondary is always random.
    pub fn create_device(&self, device_id: &str, key: Option<SymmetricKey>) -> Result<(), HubError> {
        self.create(device_id, key, Authentication::Sas)
    }

    pub(crate) fn create<'a>(
        &self,
        id: impl Into<Id<'a>>,
        key: Option<SymmetricKey>,
        authentication: Authentication,
    ) -> Result<(), HubError> {
        self.check_running()?;
        let login = match authentication {
            Authentication::Sas => match key {
                Some(key) => LoginDraft::Keys([key, random::key().map_err(HubError::System)?]),
                None => LoginDraft::RandomKeys,
            },
            other => LoginDraft::Other(other),
        };
        identities::create(&self.shared.registry, id.into(), login.into(), None).map(drop)
    }

    /// Whether there is such a device.
    pub fn has_device(&self, device_id: &str) -> bool {
        self.shared.registry.find(device_id).is_some()
    }

    /// The ids of all devices, in order.
    pub fn device_ids(&self) -> Vec<String> {
        let devices = self.shared.registry.devices_after(None, usize::MAX);
        devices.iter().map(|device| device.id.clone()).collect()
    }

    /// Forgets a device and its modules; their connections end.
    pub fn remove_device(&self, device_id: &str) -> Result<(), HubError> {
        self.remove(device_id.into())
    }

    /// Forgets a device with its modules, or a module.
    pub(crate) fn remove(&self, id: Id<'_>) -> Result<(), HubError> {
        self.check_running()?;
        identities::remove(&self.shared.registry, &self.shared.feedback, id, &IfMatch::Any)
    }

    /// Lets a device and its modules connect or not; the connections of those that may not end.
    pub fn set_enabled(&self, device_id: &str, enabled: bool) -> Result<(), HubError> {
        self.check_running()?;
        identities::set_enabled(&self.shared.registry, device_id, enabled)
    }

    /// `HostName=…;DeviceId=…[;ModuleId=…];SharedAccessKey=…`, with the primary key, a secret; or with
    /// `x509=true`.
    pub fn connection_string<'a>(&self, id: impl Into<Id<'a>>) -> Result<String, HubError> {
        let device = self.shared.registry.get(id)?;
        let Credentials { keys: [primary, _], authentication } = device.state().credentials.clone();
        let auth = match authentication {
            // With none of both nobody can connect anyway.
            Authentication::Sas | Authentication::Absent => Auth::SharedAccessKey(primary),
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

    /// The twin as a service application sees it; `tags` are there though they are empty.
    pub fn twin<'a>(&self, id: impl Into<Id<'a>>) -> Result<Value, HubError> {
        let device = self.shared.registry.get(id)?;
        let state = device.state();
        let mut view = state.twin().service_view(&state.facts(device.key()));
        if view.get("tags").is_none() {
            view["tags"] = Value::Object(Map::new());
        }
        Ok(view)
    }

    /// Changes desired properties by a merge patch and notifies the device if it is connected and subscribed.
    /// `null` removes all of them. Returns their new `$version`.
    pub fn patch_desired<'a>(&self, id: impl Into<Id<'a>>, patch: &Value) -> Result<u64, HubError> {
        self.check_running()?;
        let device = self.shared.registry.get(id)?;
        self.shared.registry.change(&device, |change| {
            let now = Timestamp::now();
            let patched = change.twin_by(|twin| {
                let notification = if patch.is_null() {
                    twin.clear_desired(now)?
                } else {
                    desired_notification(patch, twin.patch_desired(patch, None, now)?)
                };
                Ok((twin.desired().version(), Some(notification)))
            });
            patched.map_err(HubError::Twin)
        })
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
        pending::begin(&self.shared.registry, id.into(), name, payload, response_timeout, connect_timeout)
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
