//! Where a message for the application is addressed to: the device, or an input of the module.

use azmqtt_dialect::Identity;

/// The address of a message on its topic, and its properties there. It is read without an allocation and without a look
/// into the properties, whatever they hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Destination<'a> {
    /// The module's input; `None` for cloud-to-device messages.
    pub(super) input: Option<&'a str>,
    /// The property bag.
    pub(super) bag: &'a str,
}

impl<'a> Destination<'a> {
    /// Reads `devices/{d}/messages/devicebound/{bag}` for a device, `devices/{d}/modules/{m}/inputs/{input}/{bag}` for a
    /// module; `None` for every other topic, another identity's included. Gateways leave out the last slash where
    /// there are no properties.
    pub(super) fn of(topic: &'a str, identity: &Identity) -> Option<Self> {
        let rest = topic.strip_prefix("devices/")?.strip_prefix(identity.device_id.as_str())?;
        let Some(module_id) = &identity.module_id else {
            return Some(Self { input: None, bag: rest.strip_prefix("/messages/devicebound/")? });
        };
        let rest = rest.strip_prefix("/modules/")?.strip_prefix(module_id.as_str())?;
        let rest = rest.strip_prefix("/inputs/")?;
        let (input, bag) = rest.split_once('/').unwrap_or((rest, ""));
        (!input.is_empty()).then_some(Self { input: Some(input), bag })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_and_modules_read_their_own_topics_only() {
        let device = Identity::new("h", "d", None).unwrap();
        let module = Identity::new("h", "d", Some("m")).unwrap();
        let read = |topic, identity| Destination::of(topic, identity).map(|it| (it.input, it.bag));
        assert_eq!(read("devices/d/messages/devicebound/a=1", &device), Some((None, "a=1")));
        assert_eq!(read("devices/d/modules/m/inputs/i/a=1/2", &module), Some((Some("i"), "a=1/2")));
        for topic in ["devices/d/modules/m/inputs/i/", "devices/d/modules/m/inputs/i"] {
            assert_eq!(read(topic, &module), Some((Some("i"), "")), "{topic}");
            assert_eq!(read(topic, &device), None, "{topic}");
        }
        for topic in [
            "devices/d/messages/devicebound/",
            "devices/d/modules/m/inputs/",
            "devices/d/modules/m/inputs//a=1",
            "devices/d/modules/mm/inputs/i/",
            "devices/dd/modules/m/inputs/i/",
            "$iothub/twin/res/200/?$rid=1",
        ] {
            assert_eq!(read(topic, &module), None, "{topic}");
        }
    }
}
