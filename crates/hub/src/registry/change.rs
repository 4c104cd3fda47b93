//! The one way to change what the state directory keeps of a device.
//!
//! Every change goes through here. It counts the revision, tells the live connection, lets the configurations and the
//! clock of the queues know, and sees to it that the change gets to the disk:
//!
//! - [`Registry::change`] and [`Registry::change_async`] return when it is safe there;
//! - [`Registry::change_unsaved`] gives an [`Unsaved`] to those who have something to do first;
//! - [`Registry::change_queue`] is for the queue of cloud-to-device messages alone. What a device acknowledged may wait for
//!   the hub's end: a hub that ends in another way delivers it again, as at least once allows.

use std::sync::Arc;

use super::device::{Change, Device};
use super::{Registry, device_file};
use crate::error::HubError;
use crate::messages::cloud_messages::CloudMessages;
use crate::storage::state_dir::StateDir;

impl Registry {
    /// Changes a device; returns when the change is safe on the disk, if there is one. If `change` fails it has changed
    /// nothing.
    pub fn change<T, E: From<HubError>>(
        &self,
        device: &Arc<Device>,
        change: impl FnOnce(&mut Change<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let (value, unsaved) = self.change_unsaved(device, change)?;
        unsaved.save()?;
        Ok(value)
    }

    /// [`Self::change`] for tasks: the disk does not hold up other connections.
    pub async fn change_async<T, E: From<HubError>>(
        &self,
        device: &Arc<Device>,
        change: impl FnOnce(&mut Change<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let (value, unsaved) = self.change_unsaved(device, change)?;
        unsaved.save_async().await?;
        Ok(value)
    }

    /// [`Self::change`] for those who have something to do before it is written, or when that fails.
    pub fn change_unsaved<T, E>(
        &self,
        device: &Arc<Device>,
        change: impl FnOnce(&mut Change<'_>) -> Result<T, E>,
    ) -> Result<(T, Unsaved), E> {
        let value = {
            let mut state = device.state();
            let (changed, nearer, happened) = state.change(change);
            if nearer {
                self.clock.due(device, &mut state);
            }
            let value = changed?;
            // Told under the lock, so that they come in the order of their versions.
            for one in happened {
                self.events.twin_changed(one.kind, device.key(), one.version, &one.patch);
            }
            device.source.set_x509(state.credentials.authentication.is_x509());
            value
        };
        Ok((value, self.unsaved(device)))
    }

    /// Changes the queue of cloud-to-device messages: written with the next change, or when the hub ends.
    pub fn change_queue<T>(&self, device: &Arc<Device>, change: impl FnOnce(&mut CloudMessages) -> T) -> T {
        let mut state = device.state();
        let (value, nearer) = state.change_queue(change);
        if nearer {
            self.clock.due(device, &mut state);
        }
        value
    }

    /// A device that is new or has changed.
    pub fn unsaved(&self, device: &Arc<Device>) -> Unsaved {
        self.unjudged.add(device);
        Unsaved { device: device.clone(), dir: self.disk.dir() }
    }

    /// Deletes the file of a device that is on its way out of the registry.
    pub(super) fn delete_file(&self, device: &Device) -> Result<(), HubError> {
        self.disk.dir().map_or(Ok(()), |dir| device_file::remove(&dir, device))
    }
}

/// A device whose file is older than its state. Saved when this is dropped, at the latest.
#[must_use = "a change is answered when it is saved"]
pub struct Unsaved {
    device: Arc<Device>,
    /// `None` if there is none, or if it is saved.
    dir: Option<Arc<StateDir>>,
}

impl Unsaved {
    pub fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Brings the device's file up to date; returns when its present state is safe on the disk.
    pub fn save(mut self) -> Result<(), HubError> {
        self.dir.take().map_or(Ok(()), |dir| device_file::save(&dir, &self.device))
    }

    /// [`Self::save`] for tasks.
    pub async fn save_async(mut self) -> Result<(), HubError> {
        let Some(dir) = self.dir.take() else { return Ok(()) };
        let device = self.device.clone();
        let saved = tokio::task::spawn_blocking(move || device_file::save(&dir, &device)).await;
        // A task that panicked or was cancelled with the runtime has saved nothing.
        saved.unwrap_or_else(|error| Err(HubError::System(std::io::Error::other(error))))
    }
}

impl Drop for Unsaved {
    fn drop(&mut self) {
        if let Some(dir) = self.dir.take() {
            // Nobody waits to hear of an error; the next change is written with this one.
            let _ = device_file::save(&dir, &self.device);
        }
    }
}
