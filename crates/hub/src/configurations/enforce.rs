//! Configurations at work: each device or module gets the content of the configuration with the highest priority that
//! targets it (IoT Hub docs, "Automatic device and module management").
//!
//! A change of a configuration is judged for all, a change of a device or module for it alone. The content is applied when
//! another configuration wins: what a service writes to the same properties afterwards stays. When no configuration
//! targets a device any longer, its properties stay, too.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::mem::discriminant;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::content;
use super::document::Configuration;
use super::store::Configurations;
use crate::id::Id;
use crate::registry::Registry;
use crate::registry::device::{Applied, Device};
use crate::registry::unjudged::Pending;

/// Applies configurations, for ever.
pub async fn run(configurations: Arc<Configurations>) {
    loop {
        configurations.registry.unjudged.changed().await;
        let judged = configurations.clone();
        // A hub that ends ends this, too.
        let _ = spawn_blocking(move || judge(&judged)).await;
    }
}

fn judge(configurations: &Configurations) {
    let registry = &configurations.registry;
    let devices = match registry.unjudged.take() {
        Pending::Nothing => return,
        Pending::All => registry.all(),
        Pending::Some(keys) => {
            let id = |key: &'_ String| match key.split_once('/') {
                Some((device, module)) => registry.find(Id::from((device, module))),
                None => registry.find(Id::from(key)),
            };
            keys.iter().filter_map(id).collect()
        }
    };
    let configurations = configurations.list(usize::MAX);
    for device in devices {
        judge_device(registry, &configurations, &device);
    }
}

fn judge_device(registry: &Registry, configurations: &[Configuration], device: &Arc<Device>) {
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
        if before.contains(&applied)
            || content::apply_to(registry, device, &configuration.body.content).is_ok()
        {
            after.push(applied);
        }
    }
    if after != before {
        device.state().configurations = after;
    }
}
