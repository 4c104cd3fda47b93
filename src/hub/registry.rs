//! The devices that a hub knows, each with its modules.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::device::{CloseReason, Device};
use super::error::HubError;
use super::id::Id;

/// How many modules a device may have (IoT Hub docs, "quotas and throttling"; error 413003 beyond).
pub const MAX_MODULES: usize = 50;

/// Devices by id, which is case-sensitive. A device owns its modules: they come after it and go with it.
#[derive(Default)]
pub struct Registry {
    devices: Mutex<HashMap<String, Owner>>,
}

struct Owner {
    device: Arc<Device>,
    modules: BTreeMap<String, Arc<Device>>,
}

impl Registry {
    /// Adds a device, or a module to its device.
    pub fn insert(&self, new: Arc<Device>) -> Result<(), HubError> {
        let mut devices = self.devices();
        let Some(module_id) = &new.module_id else {
            return if devices.contains_key(&new.id) {
                Err(HubError::DeviceExists(new.id.clone()))
            } else {
                devices.insert(new.id.clone(), Owner { device: new, modules: BTreeMap::new() });
                Ok(())
            };
        };
        // A device of the same id that was made meanwhile is another one.
        let same = |owner: &&mut Owner| new.owner.as_ref().is_some_and(|of| Arc::ptr_eq(of, &owner.device));
        let owner = devices.get_mut(&new.id).filter(same);
        let modules = &mut owner.ok_or_else(|| HubError::DeviceNotFound(new.id.clone()))?.modules;
        let count = modules.len();
        match modules.entry(module_id.clone()) {
            Entry::Occupied(_) => Err(HubError::ModuleExists(new.key().to_string())),
            Entry::Vacant(_) if count >= MAX_MODULES => Err(HubError::TooManyModules(new.id.clone())),
            Entry::Vacant(place) => {
                place.insert(new);
                Ok(())
            }
        }
    }

    /// Adds a device, in the place of one of the same id, which goes as if it was removed: with its modules and its
    /// connections. For the hub's own thread.
    pub fn replace(&self, device: &Arc<Device>) {
        let owner = Owner { device: device.clone(), modules: BTreeMap::new() };
        let replaced = self.devices().insert(device.id.clone(), owner);
        for gone in replaced.into_iter().flat_map(|owner| owner.modules.into_values().chain([owner.device])) {
            gone.state().removed = true;
            tokio::spawn(async move { gone.close_and_wait(CloseReason::Removed).await });
        }
    }

    /// The device or module of that id.
    pub fn find<'a>(&self, id: impl Into<Id<'a>>) -> Option<Arc<Device>> {
        let id = id.into();
        let devices = self.devices();
        let owner = devices.get(id.device)?;
        match id.module {
            None => Some(owner.device.clone()),
            Some(module_id) => owner.modules.get(module_id).cloned(),
        }
    }

    /// The device or module of that id, or the error that names what is missing.
    pub fn get<'a>(&self, id: impl Into<Id<'a>>) -> Result<Arc<Device>, HubError> {
        let id = id.into();
        self.find(id).ok_or_else(|| match id.module {
            Some(_) if self.find(id.device).is_some() => HubError::ModuleNotFound(id.to_string()),
            _ => HubError::DeviceNotFound(id.device.to_owned()),
        })
    }

    /// Takes a module out, or a device with all its modules: those first, the device last.
    pub fn remove<'a>(&self, id: impl Into<Id<'a>>) -> Result<Vec<Arc<Device>>, HubError> {
        let id = id.into();
        let mut devices = self.devices();
        let missing = || HubError::DeviceNotFound(id.device.to_owned());
        if let Some(module_id) = id.module {
            let removed = devices.get_mut(id.device).ok_or_else(missing)?.modules.remove(module_id);
            return removed
                .map(|module| vec![module])
                .ok_or_else(|| HubError::ModuleNotFound(id.to_string()));
        }
        let owner = devices.remove(id.device).ok_or_else(missing)?;
        Ok(owner.modules.into_values().chain([owner.device]).collect())
    }

    /// Every device and every module, in the order of their ids, modules after their device.
    pub fn all(&self) -> Vec<Arc<Device>> {
        let devices = self.devices();
        let mut owners: Vec<_> = devices.values().collect();
        owners.sort_by(|one, other| one.device.id.cmp(&other.device.id));
        owners
            .iter()
            .flat_map(|owner| [&owner.device].into_iter().chain(owner.modules.values()))
            .cloned()
            .collect()
    }

    /// The modules of a device, in the order of their ids.
    pub fn modules(&self, device_id: &str) -> Result<Vec<Arc<Device>>, HubError> {
        let devices = self.devices();
        let owner = devices.get(device_id).ok_or_else(|| HubError::DeviceNotFound(device_id.to_owned()))?;
        Ok(owner.modules.values().cloned().collect())
    }

    fn devices(&self) -> MutexGuard<'_, HashMap<String, Owner>> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
