//! Who has changed since configurations were last judged for them.

use std::collections::HashSet;
use std::mem::take;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::device::Device;
use azmqtt_net::sync::Mutex;

/// Devices and modules that are to be judged. Where there are no configurations, a change costs one load.
#[derive(Default)]
pub struct Unjudged {
    wanted: AtomicBool,
    pending: Mutex<Pending>,
    changed: Notify,
}

/// Who is to be judged.
#[derive(Debug, Default)]
pub enum Pending {
    #[default]
    Nothing,
    /// Devices and modules, as `device` or `device/module`.
    Some(HashSet<String>),
    All,
}

impl Unjudged {
    /// A device or module has changed, or is new.
    pub fn add(&self, device: &Device) {
        if !self.wanted.load(Ordering::Relaxed) {
            return;
        }
        match &mut *self.pending.lock() {
            pending @ Pending::Nothing => *pending = Pending::Some(HashSet::from([device.key().to_string()])),
            Pending::Some(keys) => drop(keys.insert(device.key().to_string())),
            Pending::All => {}
        }
        self.changed.notify_one();
    }

    /// The configurations have changed: all are to be judged. `wanted` says whether changes are to be noted from now on.
    pub fn add_all(&self, wanted: bool) {
        self.wanted.store(wanted, Ordering::Relaxed);
        *self.pending.lock() = Pending::All;
        self.changed.notify_one();
    }

    /// Resolves when there is somebody.
    pub fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Who is to be judged now.
    pub fn take(&self) -> Pending {
        take(&mut self.pending.lock())
    }
}
