//! The filters a device may subscribe to.

use super::error::TopicError;
use super::hub::HubTopic;

/// A subscription that the hub grants to a device or module.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subscription {
    /// `$iothub/twin/res/#`
    TwinResponses,
    /// `$iothub/twin/PATCH/properties/desired/#`
    DesiredPatches,
    /// `$iothub/methods/POST/#`
    Methods,
    /// `devices/{d}/messages/devicebound/#`; devices only.
    CloudToDevice {
        /// The device.
        device_id: String,
    },
    /// `devices/+/messages/devicebound/#`, as azure-sdk-for-c and the middleware made of it spell the former.
    CloudToAnyDevice,
    /// `devices/{d}/modules/{m}/inputs/#`; modules only.
    ModuleInputs {
        /// The device.
        device_id: String,
        /// The module.
        module_id: String,
    },
}

impl Subscription {
    /// The topic filter to subscribe to.
    pub fn filter(&self) -> String {
        match self {
            Self::TwinResponses => "$iothub/twin/res/#".to_owned(),
            Self::DesiredPatches => "$iothub/twin/PATCH/properties/desired/#".to_owned(),
            Self::Methods => "$iothub/methods/POST/#".to_owned(),
            Self::CloudToDevice { device_id } => format!("devices/{device_id}/messages/devicebound/#"),
            Self::CloudToAnyDevice => "devices/+/messages/devicebound/#".to_owned(),
            Self::ModuleInputs { device_id, module_id } => {
                format!("devices/{device_id}/modules/{module_id}/inputs/#")
            }
        }
    }

    /// Reads a filter that the session of this device or module asks for. Anything but the exact filters, and another
    /// identity's, is [`TopicError::Unknown`]: the service closes the connection over it. A module's inputs have two: the
    /// clients for C and C# ask for `devices/{d}/modules/{m}/#`.
    pub fn parse(filter: &str, device_id: &str, module_id: Option<&str>) -> Result<Self, TopicError> {
        let own = match module_id {
            None => Self::CloudToDevice { device_id: device_id.to_owned() },
            Some(module_id) => {
                Self::ModuleInputs { device_id: device_id.to_owned(), module_id: module_id.to_owned() }
            }
        };
        if module_id.is_some_and(|module_id| filter == format!("devices/{device_id}/modules/{module_id}/#")) {
            return Ok(own);
        }
        // What reaches a device is its own in any case; modules get no such messages.
        let any = module_id.is_none().then_some(Self::CloudToAnyDevice);
        [Self::TwinResponses, Self::DesiredPatches, Self::Methods, own]
            .into_iter()
            .chain(any)
            .find(|subscription| subscription.filter() == filter)
            .ok_or(TopicError::Unknown)
    }

    /// Whether a message on `topic` goes to this subscription.
    pub fn matches(&self, topic: &HubTopic<'_>) -> bool {
        match (self, topic) {
            (Self::TwinResponses, HubTopic::TwinResponse { .. })
            | (Self::DesiredPatches, HubTopic::DesiredPatch { .. })
            | (Self::Methods, HubTopic::MethodRequest { .. })
            | (Self::CloudToAnyDevice, HubTopic::CloudToDevice { .. }) => true,
            (Self::CloudToDevice { device_id }, HubTopic::CloudToDevice { device_id: to, .. }) => {
                device_id == to
            }
            (
                Self::ModuleInputs { device_id, module_id },
                HubTopic::ModuleInput { device_id: device, module_id: module, .. },
            ) => device_id == device && module_id == module,
            _ => false,
        }
    }
}
