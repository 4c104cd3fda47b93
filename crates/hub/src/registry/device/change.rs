//! A device in the middle of a change.

use std::ops::{Deref, DerefMut};

use serde_json::Value;

use super::link::Command;
use super::state::{DeviceState, Kept};
use crate::events;
use crate::messages::cloud_messages::CloudMessages;
use azmqtt_dialect::time::Timestamp;
use azmqtt_dialect::{Twin, TwinError};

/// A device's state in the middle of a change.
pub struct Change<'a> {
    state: &'a mut DeviceState,
    happened: Vec<TwinChange>,
}

/// What a change did to a part of the twin.
pub struct TwinChange {
    /// The type of the event.
    pub kind: &'static str,
    /// Of the part; tags have that of the twin.
    pub version: u64,
    pub patch: Value,
}

impl Deref for Change<'_> {
    type Target = Kept;

    fn deref(&self) -> &Kept {
        &self.state.kept
    }
}

impl DerefMut for Change<'_> {
    fn deref_mut(&mut self) -> &mut Kept {
        &mut self.state.kept
    }
}

impl Change<'_> {
    /// Whether it is not in the registry any more.
    pub fn is_removed(&self) -> bool {
        self.state.removed
    }

    /// Changes the twin. `write` returns what the device is told of its desired properties, if they changed.
    pub fn twin_by<T>(
        &mut self,
        write: impl FnOnce(&mut Twin) -> Result<(T, Option<Value>), TwinError>,
    ) -> Result<T, TwinError> {
        let (value, notification) = write(&mut self.state.kept.twin)?;
        if let Some(notification) = notification {
            let version = self.state.kept.twin.desired().version();
            // Told under the lock, so that notifications come in the order of their versions.
            self.state.tell(Command::NotifyDesired { version, body: notification.to_string().into() });
            self.happened.push(TwinChange { kind: events::TWIN_DESIRED, version, patch: notification });
        }
        Ok(value)
    }

    /// Patches the reported properties, if they have the version that is asked for. Returns their new one.
    pub fn patch_reported(
        &mut self,
        patch: Value,
        if_version: Option<u64>,
        now: Timestamp,
    ) -> Result<u64, TwinError> {
        let version = self.state.kept.twin.patch_reported(&patch, if_version, now)?;
        self.happened.push(TwinChange { kind: events::TWIN_REPORTED, version, patch });
        Ok(version)
    }

    /// Tags were written, as a part of [`Self::twin_by`].
    pub fn wrote_tags(&mut self, patch: Value) {
        let version = self.state.kept.twin.version();
        self.happened.push(TwinChange { kind: events::TWIN_TAGS, version, patch });
    }
}

impl DeviceState {
    /// Changes what is kept, counts the change and tells the live connection of its queue. Whether a deadline of that may have
    /// come nearer, and what became of the twin, besides. For the registry alone, which has the change written down.
    pub(in crate::registry) fn change<T, E>(
        &mut self,
        change: impl FnOnce(&mut Change<'_>) -> Result<T, E>,
    ) -> (Result<T, E>, bool, Vec<TwinChange>) {
        let mut changing = Change { state: self, happened: Vec::new() };
        let changed = change(&mut changing);
        let happened = changing.happened;
        let nearer = self.settle_queue();
        self.revision += u64::from(changed.is_ok());
        (changed, nearer, happened)
    }

    /// [`Self::change`] of the queue alone.
    pub(in crate::registry) fn change_queue<T>(
        &mut self,
        change: impl FnOnce(&mut CloudMessages) -> T,
    ) -> (T, bool) {
        let value = change(&mut self.kept.cloud_messages);
        (value, self.settle_queue())
    }

    fn settle_queue(&mut self) -> bool {
        let news = self.kept.cloud_messages.take_news();
        self.revision += u64::from(news.changed);
        if news.added || news.lost {
            self.tell(Command::SendCloudMessages { lost_deliveries: news.lost });
        }
        news.nearer
    }
}
