//! What changes about a device: what the state directory keeps of it, and what lasts as long as the hub runs.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;

use super::link::{CloseReason, Command, Link};
use super::session::StoredSession;
use crate::id::Id;
use crate::messages::cloud_messages::CloudMessages;
use crate::registry::credentials::Credentials;
use crate::registry::identity_record::IdentityRecord;
use azmqtt_dialect::Twin;
use azmqtt_dialect::time::Timestamp;
use azmqtt_dialect::twin::DeviceFacts;

/// What the state directory keeps. Of a device in the registry it can be read by anybody; it is changed by
/// [`Registry::change`](crate::registry::Registry::change) and its kin alone, which see to it that the change is kept, too.
pub struct Kept {
    pub credentials: Credentials,
    pub enabled: bool,
    /// What the registry keeps besides.
    pub record: IdentityRecord,
    pub(super) twin: Twin,
    pub cloud_messages: CloudMessages,
}

impl Kept {
    /// Of a new identity.
    pub fn new<'a>(
        id: impl Into<Id<'a>>,
        generation_id: &str,
        credentials: Credentials,
        enabled: bool,
        twin: Twin,
    ) -> Self {
        let record = IdentityRecord::new(id.into(), generation_id);
        Self { credentials, enabled, record, twin, cloud_messages: CloudMessages::default() }
    }

    pub fn twin(&self) -> &Twin {
        &self.twin
    }
}

/// A configuration whose content a device or module has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    pub id: String,
    /// Which one of that id; counts the configurations of the hub.
    pub serial: u64,
}

/// All that changes.
pub struct DeviceState {
    pub(super) kept: Kept,
    /// Counts the changes of what is kept.
    pub(super) revision: u64,
    pub removed: bool,
    /// When the clock looks at the cloud-to-device messages.
    pub next_sweep: Option<Instant>,
    /// What a client with `CleanSession` = 0 left behind.
    pub session: Option<StoredSession>,
    /// The live connection.
    pub link: Option<Link>,
    /// Connections accepted so far.
    pub connections: u64,
    /// Why the last connection ended.
    pub last_close: Option<CloseReason>,
    /// The model id that the last connection announced.
    pub model_id: Option<Arc<str>>,
    /// When the device last connected, disconnected or was heard of.
    pub last_activity: Option<Timestamp>,
    /// When it last connected or disconnected, since the hub started.
    pub connection_updated: Option<Timestamp>,
    /// The configurations whose content it has.
    pub configurations: Vec<Applied>,
}

impl From<Kept> for DeviceState {
    fn from(kept: Kept) -> Self {
        Self {
            kept,
            revision: 1,
            removed: false,
            next_sweep: None,
            session: None,
            link: None,
            connections: 0,
            last_close: None,
            model_id: None,
            last_activity: None,
            connection_updated: None,
            configurations: Vec::new(),
        }
    }
}

/// To be read. There is no `DerefMut`: a change that nobody writes down does not compile.
impl Deref for DeviceState {
    type Target = Kept;

    fn deref(&self) -> &Kept {
        &self.kept
    }
}

impl DeviceState {
    /// Counts the changes that the state directory must know; what a device acknowledged may wait for the hub's end.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    #[cfg(test)]
    pub fn queue_of_test(&mut self) -> &mut CloudMessages {
        &mut self.kept.cloud_messages
    }

    /// What the twin's service view shows of the device, whose `id` it is, besides the twin.
    pub fn facts(&self, id: Id<'_>) -> DeviceFacts {
        let authentication = &self.credentials.authentication;
        let [primary_thumbprint, secondary_thumbprint] = authentication.thumbprints();
        DeviceFacts {
            device_id: id.device.to_owned(),
            module_id: id.module.map(str::to_owned),
            device_etag: self.record.etag(),
            disabled: !self.enabled,
            status_reason: self.record.traits.status_reason.clone(),
            status_update_time: self.record.status_updated,
            connected: self.link.is_some(),
            last_activity_time: self.last_activity,
            cloud_to_device_message_count: self.cloud_messages.len() as u64,
            authentication_type: authentication.name(),
            primary_thumbprint,
            secondary_thumbprint,
            model_id: self.model_id.as_deref().map(str::to_owned),
            iot_edge: self.record.traits.iot_edge,
            device_scope: self.record.traits.device_scope.clone(),
            parent_scopes: self.record.traits.parent_scopes.clone(),
            configurations: self.configurations.iter().map(|applied| applied.id.clone()).collect(),
        }
    }

    /// Whether a connection listens to calls of direct methods.
    pub fn takes_methods(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.takes_methods)
    }

    /// Tells the live connection, if there is one. A connection that lets too much wait is closed.
    pub fn tell(&mut self, command: Command) {
        let Some(link) = &self.link else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = link.mailbox.try_send(command) {
            self.close_link(CloseReason::NotReading);
        }
    }

    /// Asks the live connection to end; the answer's `closed` resolves when it has.
    pub(super) fn close_link(&mut self, reason: CloseReason) -> Option<mpsc::Sender<Command>> {
        let link = self.link.as_mut()?;
        if let Some(close) = link.close.take() {
            // An end that is gone already needs no reason.
            let _ = close.send(reason);
        }
        Some(link.mailbox.clone())
    }
}
