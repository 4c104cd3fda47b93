//! Shared access policies: keys of the hub itself, and what their holders may do (IoT Hub docs, "Control access to IoT Hub
//! by using shared access signatures": permissions and the default policies).

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::HubError;
use crate::dialect::sas::SymmetricKey;

/// What the holder of a policy's key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Read the identity registry.
    RegistryRead,
    /// Change the identity registry; includes reading it.
    RegistryWrite,
    /// What service applications do: twins, methods, messages, jobs.
    ServiceConnect,
    /// What devices do, in the name of any of them.
    DeviceConnect,
}

/// A policy: its name, its keys, its rights.
#[derive(Clone)]
pub struct Policy {
    pub name: String,
    /// Primary and secondary: either one signs.
    pub keys: [SymmetricKey; 2],
    rights: Vec<Right>,
}

impl Policy {
    pub fn may(&self, right: Right) -> bool {
        let reads = right == Right::RegistryRead && self.rights.contains(&Right::RegistryWrite);
        reads || self.rights.contains(&right)
    }
}

/// The policy that may do everything.
pub const OWNER: &str = "iothubowner";

/// The policies of a new hub.
const DEFAULTS: [(&str, &[Right]); 5] = [
    (OWNER, &[Right::RegistryRead, Right::RegistryWrite, Right::ServiceConnect, Right::DeviceConnect]),
    ("service", &[Right::ServiceConnect]),
    ("device", &[Right::DeviceConnect]),
    ("registryRead", &[Right::RegistryRead]),
    ("registryReadWrite", &[Right::RegistryRead, Right::RegistryWrite]),
];

/// The policies of a hub, by name; names are case-sensitive.
pub struct Policies(Mutex<Vec<Policy>>);

impl Policies {
    /// The default policies, with random keys.
    pub fn generate() -> Result<Self, HubError> {
        let policies = DEFAULTS.iter().map(|(name, rights)| {
            let keys = [SymmetricKey::generate()?, SymmetricKey::generate()?];
            Ok(Policy { name: (*name).to_owned(), keys, rights: rights.to_vec() })
        });
        Ok(Self(Mutex::new(policies.collect::<Result<_, _>>().map_err(HubError::Key)?)))
    }

    pub fn find(&self, name: &str) -> Option<Policy> {
        self.policies().iter().find(|policy| policy.name == name).cloned()
    }

    fn policies(&self) -> MutexGuard<'_, Vec<Policy>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
