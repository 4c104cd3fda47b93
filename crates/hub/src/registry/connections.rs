//! The live connections, as faults strike them.

use super::Registry;
use super::device::Command;
use crate::error::HubError;
use crate::faults::fault::NowFault;
use crate::faults::rule::Target;
use azmqtt_local::faults::Connections;

impl Connections<Target> for Registry {
    type Error = HubError;

    fn check(&self, target: &Target) -> Result<(), HubError> {
        match target {
            Target::Everybody => Ok(()),
            Target::One { device, module } => self.get((device.as_str(), module.as_deref())).map(drop),
        }
    }

    fn strike(&self, fault: NowFault, target: &Target) -> Vec<String> {
        let devices = match target {
            Target::Everybody => self.all(),
            Target::One { device, module } => {
                self.find((device.as_str(), module.as_deref())).into_iter().collect()
            }
        };
        let mut hit = Vec::new();
        for device in devices {
            let mut state = device.state();
            if state.link.is_some() {
                state.tell(Command::Fault(fault));
                hit.push(device.key().to_string());
            }
        }
        hit
    }
}
