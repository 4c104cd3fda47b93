//! Whose traffic a fault happens to.

use serde_json::{Map, Value, json};

use super::fault::Fault;
use crate::id::Id;
use azmqtt_local::faults::{FaultError, JsonFields, ServiceTarget, error};

pub use azmqtt_local::faults::{Chance, When};

/// A fault, and to whom and when it happens.
pub type Rule = azmqtt_local::faults::Rule<Fault, Target>;

/// Whose traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Target {
    /// Every device's and module's.
    #[default]
    Everybody,
    /// A device's without its modules', or a module's.
    One {
        /// The device's id.
        device: String,
        /// The module's id, if a module is meant.
        module: Option<String>,
    },
}

impl Target {
    /// Whether `id` is meant. Nobody in particular, as at the opening of a connection, is only meant by everybody.
    pub fn includes(&self, id: Option<Id<'_>>) -> bool {
        match self {
            Self::Everybody => true,
            Self::One { device, module } => id == Some((device.as_str(), module.as_deref()).into()),
        }
    }
}

impl ServiceTarget for Target {
    fn take(fields: &mut JsonFields) -> Result<Self, FaultError> {
        match (fields.text("device_id")?, fields.text("module_id")?) {
            (None, None) => Ok(Self::Everybody),
            (None, Some(_)) => error("module_id needs the device_id that it belongs to"),
            (Some(device), module) => Ok(Self::One { device, module }),
        }
    }

    fn write(&self, fields: &mut Map<String, Value>) {
        let Self::One { device, module } = self else { return };
        fields.insert("device_id".to_owned(), json!(device));
        if let Some(module) = module {
            fields.insert("module_id".to_owned(), json!(module));
        }
    }
}
