//! Configurations at work: each device or module gets the content of the configuration with the highest priority that
//! targets it (IoT Hub docs, "Automatic device and module management").
//!
//! A change of a configuration is judged for all, a change of a device or module for it alone. The content is applied when
//! another configuration wins: what a service writes to the same properties afterwards stays. When no configuration
//! targets a device any longer, its properties stay, too.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::mem::{discriminant, take};
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::content::{self, Content};
use super::document::Configuration;
use crate::id::Id;
use crate::query::TwinRecord;
use crate::registry::device::Device;
use crate::shared::Shared;

/// A configuration whose content a device or module has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    pub id: String,
    /// Which one of that id; see [`Configuration::serial`].
    serial: u64,
}

/// What is to be judged.
#[derive(Debug, Default)]
pub(super) enum Pending {
    #[default]
    Nothing,
    /// Devices and modules, as `device` or `device/module`.
    Some(HashSet<String>),
    All,
}

impl Pending {
    pub(super) fn add(&mut self, device: &Device) {
        match self {
            Self::Nothing => *self = Self::Some(HashSet::from([device.key().to_string()])),
            Self::Some(keys) => drop(keys.insert(device.key().to_string())),
            Self::All => {}
        }
    }
}

/// Applies configurations, for ever.
pub async fn run(shared: Arc<Shared>) {
    loop {
        shared.configurations.changed.notified().await;
        let judged = shared.clone();
        // A hub that ends ends this, too.
        let _ = spawn_blocking(move || judge(&judged)).await;
    }
}

fn judge(shared: &Shared) {
    let devices = match take(&mut *shared.configurations.pending()) {
        Pending::Nothing => return,
        Pending::All => shared.registry.all(),
        Pending::Some(keys) => {
            let id = |key: &'_ String| match key.split_once('/') {
                Some((device, module)) => shared.registry.find(Id::from((device, module))),
                None => shared.registry.find(Id::from(key)),
            };
            keys.iter().filter_map(id).collect()
        }
    };
    let configurations = shared.configurations.list(usize::MAX);
    for device in devices {
        judge_device(shared, &configurations, &device);
    }
}

fn judge_device(shared: &Shared, configurations: &[Configuration], device: &Arc<Device>) {
    let before = device.state().configurations.clone();
    let mut targeting: Vec<_> =
        configurations.iter().filter(|configuration| configuration.targets(device)).collect();
    // The newer one of two with the same priority.
    targeting.sort_by_key(|configuration| {
        Reverse((configuration.body.priority, configuration.created, configuration.serial))
    });
    let mut kinds = HashSet::new();
    targeting.retain(|configuration| kinds.insert(discriminant(&*configuration.body.content)));
    let mut after = Vec::new();
    for configuration in targeting {
        let applied = Applied { id: configuration.id.clone(), serial: configuration.serial };
        // A content that a twin does not take is tried again when the device changes.
        if before.contains(&applied) || content::apply_to(shared, device, &configuration.body.content).is_ok()
        {
            after.push(applied);
        }
    }
    if after != before {
        device.state().configurations = after;
    }
}

impl Configuration {
    /// Whether it is for a device or module.
    pub(super) fn targets(&self, device: &Device) -> bool {
        let fits = match &*self.body.content {
            Content::Device(_) => device.module_id.is_none(),
            Content::Modules(_) => device.module_id.is_none() && device.state().record.traits.iot_edge,
            Content::Module(_) => device.module_id.is_some(),
        };
        let target = self.body.target.as_ref();
        fits && target.is_some_and(|target| target.matches(&TwinRecord::new(device)))
    }

    /// Whether a device or module has its content.
    pub(super) fn is_applied_to(&self, device: &Device) -> bool {
        device.state().configurations.iter().any(|applied| applied.serial == self.serial)
    }
}
