//! The devices that a hub knows.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::device::Device;
use super::error::HubError;

/// Devices by id, which is case-sensitive.
#[derive(Default)]
pub struct Registry {
    devices: Mutex<HashMap<String, Arc<Device>>>,
}

impl Registry {
    /// Adds a device.
    pub fn insert(&self, device: Arc<Device>) -> Result<(), HubError> {
        match self.devices().entry(device.id.clone()) {
            Entry::Occupied(_) => Err(HubError::DeviceExists(device.id.clone())),
            Entry::Vacant(place) => {
                place.insert(device);
                Ok(())
            }
        }
    }

    /// The device of that id.
    pub fn find(&self, device_id: &str) -> Option<Arc<Device>> {
        self.devices().get(device_id).cloned()
    }

    /// The device of that id, or the error that names it.
    pub fn get(&self, device_id: &str) -> Result<Arc<Device>, HubError> {
        self.find(device_id).ok_or_else(|| HubError::DeviceNotFound(device_id.to_owned()))
    }

    /// Takes a device out.
    pub fn remove(&self, device_id: &str) -> Result<Arc<Device>, HubError> {
        let removed = self.devices().remove(device_id);
        removed.ok_or_else(|| HubError::DeviceNotFound(device_id.to_owned()))
    }

    /// Every device, in the order of their ids.
    pub fn all(&self) -> Vec<Arc<Device>> {
        let mut all: Vec<_> = self.devices().values().cloned().collect();
        all.sort_by(|one, other| one.id.cmp(&other.id));
        all
    }

    fn devices(&self) -> MutexGuard<'_, HashMap<String, Arc<Device>>> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
