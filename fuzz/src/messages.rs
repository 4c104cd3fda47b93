//! Topics, and what they carry.

use azmqtt_dialect::time::{self, Timestamp};
use azmqtt_dialect::{DeviceTopic, HubTopic, MessageProperties, PropertyBag, Subscription};

use crate::text;

/// The last second that has four digits of a year, in Unix seconds. The leap second after it is read, and written as this one.
const LAST_SECOND: u64 = 253_402_300_799;

/// Topics of devices, of the hub, and filters of subscriptions.
pub fn topics(data: &[u8]) -> bool {
    let topic = text(data);
    let device = DeviceTopic::parse(&topic);
    if let Ok(parsed) = &device {
        let written = parsed.to_string();
        assert_eq!(DeviceTopic::parse(&written).as_ref(), Ok(parsed), "{written}");
    }
    let hub = HubTopic::parse(&topic);
    if let Ok(parsed) = &hub {
        let written = parsed.to_string();
        assert_eq!(HubTopic::parse(&written).as_ref(), Ok(parsed), "{written}");
    }
    let filters = [None, Some("m")].map(|module| Subscription::parse(&topic, "d", module));
    for subscription in filters.iter().flatten() {
        let _ = (subscription.filter(), hub.as_ref().map(|topic| subscription.matches(topic)));
    }
    device.is_ok() || hub.is_ok() || filters.iter().any(Result::is_ok)
}

/// Properties at the end of a topic.
pub fn property_bags(data: &[u8]) -> bool {
    let bag = text(data);
    let parsed = [PropertyBag::parse(&bag), PropertyBag::parse_from_device(&bag)];
    for bag in parsed.iter().flatten() {
        assert_eq!(PropertyBag::parse(&bag.to_string()).as_ref(), Ok(bag));
        let properties = MessageProperties::from_bag(bag.clone());
        let _ = (properties.validate_with_body(1), properties.names_that_differ_in_case());
        let again = MessageProperties::from_bag(properties.to_bag());
        assert_eq!(again.size(1), properties.size(1));
    }
    parsed.iter().any(Result::is_ok)
}

/// Points in time.
pub fn times(data: &[u8]) -> bool {
    let written = text(data);
    let seconds = time::parse_utc(&written);
    let Some(timestamp) = Timestamp::parse(&written) else {
        assert_eq!(seconds, None);
        return false;
    };
    assert_eq!(seconds, Some(timestamp.seconds()));
    if timestamp.seconds() <= LAST_SECOND {
        assert_eq!(Timestamp::parse(&timestamp.to_string()), Some(timestamp));
    }
    true
}
