//! The devices that a hub knows, each with its modules.
//!
//! | module | subject |
//! |---|---|
//! | `device` | one device or module: its twin, its queue, its live connection |
//! | `credentials`, `identity_record`, `identity_scopes` | how it proves itself; what else the registry keeps of it |
//! | `identities` | making, changing and removing devices and modules |
//! | `change` | the one way to change what is kept of a device |
//! | `device_file`, `cloud_file` | what the state directory keeps of it |
//! | `cloud_clock`, `unjudged` | whose queue is to be looked at, and when; who has changed since configurations were judged |
//! | `connections` | the live connections, as faults strike them |
//! | `twin_record` | a twin as queries see it |

pub mod change;
pub mod cloud_clock;
mod cloud_file;
mod connections;
pub mod credentials;
pub mod device;
mod device_file;
pub mod identities;
pub mod identity_record;
pub mod identity_scopes;
pub mod twin_record;
pub mod unjudged;

use std::collections::{BTreeMap, btree_map};
use std::iter;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::{Arc, MutexGuard};

use self::cloud_clock::CloudClock;
use self::device::Device;
use self::unjudged::Unjudged;
use crate::error::HubError;
use crate::events::Events;
use crate::id::{Id, MAX_MODULES};
use crate::storage::disk::Disk;
use azmqtt_net::sync::Mutex;

/// Devices by id, which is case-sensitive. A device owns its modules: they come after it and go with it.
#[derive(Default)]
pub struct Registry {
    /// In the order of their ids: a page of a list starts after the last id of the previous page.
    devices: Mutex<BTreeMap<String, Owner>>,
    /// When queues are to be looked at.
    pub clock: CloudClock,
    /// Who has changed.
    pub unjudged: Unjudged,
    /// What happens to them, and in the rest of the hub.
    pub events: Events,
    disk: Disk,
}

/// How many devices and modules there are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Population {
    pub devices: usize,
    pub modules: usize,
    /// Of both, those with a live connection.
    pub connected: usize,
}

struct Owner {
    device: Arc<Device>,
    modules: BTreeMap<String, Arc<Device>>,
}

impl Registry {
    /// An empty one, whose devices are kept on this disk.
    pub fn new(disk: Disk) -> Self {
        Self { disk, ..Self::default() }
    }

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
        // A device of the same id that was made meanwhile is another one, and one that goes takes no more modules.
        let same = |owner: &&mut Owner| {
            new.owner.as_ref().is_some_and(|of| Arc::ptr_eq(of, &owner.device))
                && !owner.device.state().removed
        };
        let owner = devices.get_mut(&new.id).filter(same);
        let modules = &mut owner.ok_or_else(|| HubError::DeviceNotFound(new.id.clone()))?.modules;
        let count = modules.len();
        match modules.entry(module_id.clone()) {
            btree_map::Entry::Occupied(_) => Err(HubError::ModuleExists(new.key().to_string())),
            btree_map::Entry::Vacant(_) if count >= MAX_MODULES => {
                Err(HubError::TooManyModules(new.id.clone()))
            }
            btree_map::Entry::Vacant(place) => {
                place.insert(new);
                Ok(())
            }
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
        self.find(id).ok_or_else(|| self.missing(id))
    }

    /// The error that names what is missing.
    pub fn missing(&self, id: Id<'_>) -> HubError {
        match id.module {
            Some(_) if self.find(id.device).is_some() => HubError::ModuleNotFound(id.to_string()),
            _ => HubError::DeviceNotFound(id.device.to_owned()),
        }
    }

    /// Takes out this device or module, if it is there, and not another one of its id. A device's modules go with it.
    pub fn remove(&self, gone: &Arc<Device>) {
        let mut devices = self.devices();
        let btree_map::Entry::Occupied(mut owner) = devices.entry(gone.id.clone()) else { return };
        match &gone.module_id {
            None if Arc::ptr_eq(&owner.get().device, gone) => drop(owner.remove()),
            None => {}
            Some(module_id) => {
                let modules = &mut owner.get_mut().modules;
                if modules.get(module_id).is_some_and(|module| Arc::ptr_eq(module, gone)) {
                    modules.remove(module_id);
                }
            }
        }
    }

    /// Every device and every module, in the order of their ids, modules after their device.
    pub fn all(&self) -> Vec<Arc<Device>> {
        let devices = self.devices();
        let all = devices.values().flat_map(|owner| iter::once(&owner.device).chain(owner.modules.values()));
        all.cloned().collect()
    }

    /// At most `most` devices, the first whose ids come after `last`, in the order of their ids.
    pub fn devices_after(&self, last: Option<&str>, most: usize) -> Vec<Arc<Device>> {
        let devices = self.devices();
        let after = devices.range::<str, _>((last.map_or(Unbounded, Excluded), Unbounded));
        after.take(most).map(|(_, owner)| owner.device.clone()).collect()
    }

    /// At most `most` modules, the first that come after `last` (a device id and a module id), in the order of their ids.
    pub fn modules_after(&self, last: Option<[&str; 2]>, most: usize) -> Vec<Arc<Device>> {
        let devices = self.devices();
        let begin = last.map_or(Unbounded, |[device, _]| Included(device));
        let modules = devices.range::<str, _>((begin, Unbounded)).flat_map(|(id, owner)| {
            let of_last = last.filter(|[device, _]| device == id);
            owner
                .modules
                .range::<str, _>((of_last.map_or(Unbounded, |[_, module]| Excluded(module)), Unbounded))
        });
        modules.take(most).map(|(_, module)| module.clone()).collect()
    }

    /// How many there are.
    pub fn population(&self) -> Population {
        let mut population = Population::default();
        for owner in self.devices().values() {
            population.devices += 1;
            population.modules += owner.modules.len();
            let all = owner.modules.values().chain([&owner.device]);
            population.connected += all.filter(|identity| identity.state().link.is_some()).count();
        }
        population
    }

    /// The modules of a device, in the order of their ids.
    pub fn modules(&self, device_id: &str) -> Result<Vec<Arc<Device>>, HubError> {
        let devices = self.devices();
        let owner = devices.get(device_id).ok_or_else(|| HubError::DeviceNotFound(device_id.to_owned()))?;
        Ok(owner.modules.values().cloned().collect())
    }

    fn devices(&self) -> MutexGuard<'_, BTreeMap<String, Owner>> {
        self.devices.lock()
    }
}
