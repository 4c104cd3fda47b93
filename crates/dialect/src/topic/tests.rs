use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::property_bag::BagError;
use crate::property_bag::PropertyBag;

fn bag(text: &str) -> PropertyBag {
    PropertyBag::parse(text).unwrap()
}

#[test]
fn device_topics_are_spelled_as_documented() {
    let telemetry = |module_id, properties| DeviceTopic::Telemetry { device_id: "d1", module_id, properties };
    for (topic, text) in [
        (telemetry(None, bag("")), "devices/d1/messages/events/"),
        (telemetry(None, bag("$.ct=a/b&k=v w")), "devices/d1/messages/events/%24.ct=a%2Fb&k=v%20w"),
        (telemetry(Some("m"), bag("$.on=o")), "devices/d1/modules/m/messages/events/%24.on=o"),
        (DeviceTopic::TwinGet { request_id: "r1" }, "$iothub/twin/GET/?$rid=r1"),
        (
            DeviceTopic::ReportedPatch { request_id: "r1", if_version: None },
            "$iothub/twin/PATCH/properties/reported/?$rid=r1",
        ),
        (
            DeviceTopic::ReportedPatch { request_id: "r1", if_version: Some(7) },
            "$iothub/twin/PATCH/properties/reported/?$rid=r1&$version=7",
        ),
        (DeviceTopic::MethodResponse { status: -1, request_id: "a" }, "$iothub/methods/res/-1/?$rid=a"),
    ] {
        assert_eq!(topic.to_string(), text);
        assert_eq!(DeviceTopic::parse(text).as_ref(), Ok(&topic));
    }
    let identity = Identity::new("h.net", "d1", None).unwrap();
    assert_eq!(telemetry_prefix(&identity), "devices/d1/messages/events/");
    let identity = Identity::new("h.net", "d1", Some("m")).unwrap();
    assert_eq!(telemetry_prefix(&identity), "devices/d1/modules/m/messages/events/");
    assert_eq!(DeviceTopic::TwinGet { request_id: "r" }.to_string(), "$iothub/twin/GET/?$rid=r");
    assert_eq!(
        DeviceTopic::ReportedPatch { request_id: "r", if_version: Some(2) }.to_string(),
        "$iothub/twin/PATCH/properties/reported/?$rid=r&$version=2"
    );
}

#[test]
fn hub_topics_are_spelled_as_documented() {
    for (topic, text) in [
        (
            HubTopic::TwinResponse { status: 200, request_id: "r", version: None },
            "$iothub/twin/res/200/?$rid=r",
        ),
        (
            HubTopic::TwinResponse { status: 204, request_id: "r", version: Some(4) },
            "$iothub/twin/res/204/?$rid=r&$version=4",
        ),
        (HubTopic::DesiredPatch { version: 9 }, "$iothub/twin/PATCH/properties/desired/?$version=9"),
        (
            HubTopic::MethodRequest { name: "comp*reboot", request_id: "1f" },
            "$iothub/methods/POST/comp*reboot/?$rid=1f",
        ),
        (
            HubTopic::CloudToDevice { device_id: "d", properties: bag("$.mid=1&n&e=") },
            "devices/d/messages/devicebound/%24.mid=1&n&e=",
        ),
        (
            HubTopic::ModuleInput { device_id: "d", module_id: "m", input: "i", properties: bag("$.cdid=x") },
            "devices/d/modules/m/inputs/i/%24.cdid=x",
        ),
    ] {
        assert_eq!(topic.to_string(), text);
        assert_eq!(HubTopic::parse(text).as_ref(), Ok(&topic));
    }
}

#[test]
fn the_parameters_may_stand_in_any_order() {
    assert_eq!(
        HubTopic::parse("$iothub/twin/res/204/?$version=5&x=y&$rid=q"),
        Ok(HubTopic::TwinResponse { status: 204, request_id: "q", version: Some(5) })
    );
}

#[test]
fn the_slash_after_events_may_be_missing() {
    let topic = DeviceTopic::parse("devices/d/messages/events").unwrap();
    assert_eq!(topic, DeviceTopic::parse("devices/d/messages/events/").unwrap());
}

#[test]
fn a_slash_behind_the_properties_and_a_question_mark_before_them_are_no_part_of_them() {
    let plain = DeviceTopic::parse("devices/d/modules/m/messages/events/%24.on=o&k=a%2F").unwrap();
    for text in ["%24.on=o&k=a%2F/", "?%24.on=o&k=a%2F", "?%24.on=o&k=a%2F/"] {
        let topic = format!("devices/d/modules/m/messages/events/{text}");
        assert_eq!(DeviceTopic::parse(&topic).as_ref(), Ok(&plain), "{text}");
    }
    let empty = DeviceTopic::parse("devices/d/messages/events/").unwrap();
    for text in ["/", "?", "?/"] {
        assert_eq!(
            DeviceTopic::parse(&format!("devices/d/messages/events/{text}")).as_ref(),
            Ok(&empty),
            "{text}"
        );
    }
}

#[test]
fn bad_device_topics() {
    use TopicError::{BadNumber, MissingRequestId, Properties, Unknown};
    for (text, error) in [
        ("", Unknown),
        ("devices/d/messages/eventsx", Unknown),
        ("devices//messages/events/", Unknown),
        ("devices/d/modules//messages/events/", Unknown),
        ("devices/d/messages/events/k=1:2", Properties(BagError::RawColon)),
        ("devices/d/messages/events/=2", Properties(BagError::EmptyName)),
        ("$iothub/twin/GET/", Unknown),
        ("$iothub/twin/GET/?", MissingRequestId),
        ("$iothub/twin/GET/?$rid=", MissingRequestId),
        ("$iothub/twin/PATCH/properties/reported/?$rid=1&$version=x", BadNumber("$version")),
        ("$iothub/twin/PATCH/properties/reported/?$rid=1&$version=+1", BadNumber("$version")),
        ("$iothub/twin/PATCH/properties/desired/?$version=1", Unknown),
        ("$iothub/methods/res/2147483648/?$rid=1", BadNumber("status")),
        ("$iothub/methods/res//?$rid=1", BadNumber("status")),
    ] {
        assert_eq!(DeviceTopic::parse(text), Err(error), "{text}");
    }
}

#[test]
fn bad_hub_topics() {
    use TopicError::{BadNumber, MissingRequestId, MissingVersion, Unknown};
    for (text, error) in [
        ("$iothub/twin/res/99999/?$rid=1", BadNumber("status")),
        ("$iothub/twin/res/-1/?$rid=1", BadNumber("status")),
        ("$iothub/twin/res/200/?rid=1", MissingRequestId),
        ("$iothub/twin/res/200/", Unknown),
        ("$iothub/twin/PATCH/properties/desired/?", MissingVersion),
        ("$iothub/methods/POST//?$rid=1", Unknown),
        ("$iothub/methods/POST/a/b/?$rid=1", Unknown),
        ("devices/d/modules/m/inputs/i", Unknown),
        ("devices/d/messages/events/", Unknown),
    ] {
        assert_eq!(HubTopic::parse(text), Err(error), "{text}");
    }
}

#[test]
fn a_session_subscribes_to_its_own_topics_only() {
    let c2d = |device_id: &str| Subscription::CloudToDevice { device_id: device_id.to_owned() };
    let inputs = Subscription::ModuleInputs { device_id: "d".to_owned(), module_id: "m".to_owned() };
    for subscription in [Subscription::TwinResponses, Subscription::DesiredPatches, Subscription::Methods] {
        let filter = subscription.filter();
        assert_eq!(Subscription::parse(&filter, "d", None).as_ref(), Ok(&subscription));
        assert_eq!(Subscription::parse(&filter, "d", Some("m")), Ok(subscription));
    }
    assert_eq!(Subscription::parse("devices/d/messages/devicebound/#", "d", None), Ok(c2d("d")));
    let any = Subscription::CloudToAnyDevice;
    assert_eq!(Subscription::parse(&any.filter(), "d", None).as_ref(), Ok(&any));
    assert!(any.matches(&HubTopic::parse("devices/d/messages/devicebound/").unwrap()));
    for filter in ["devices/d/modules/m/inputs/#", "devices/d/modules/m/#"] {
        assert_eq!(Subscription::parse(filter, "d", Some("m")).as_ref(), Ok(&inputs));
    }
    for (filter, module_id) in [
        ("devices/e/messages/devicebound/#", None),
        ("devices/d/messages/devicebound/#", Some("m")),
        ("devices/d/modules/m/inputs/#", None),
        ("devices/d/modules/m/#", None),
        ("devices/d/modules/n/#", Some("m")),
        ("devices/d/modules/n/inputs/#", Some("m")),
        ("#", None),
        ("$iothub/#", None),
        ("devices/+/messages/devicebound/#", Some("m")),
        ("devices/+/messages/devicebound/+", None),
        ("devices/+/modules/m/inputs/#", Some("m")),
        ("devices/+/modules/+/#", Some("m")),
        ("+/d/messages/devicebound/#", None),
    ] {
        assert_eq!(Subscription::parse(filter, "d", module_id), Err(TopicError::Unknown), "{filter}");
    }
    assert!(c2d("d").matches(&HubTopic::parse("devices/d/messages/devicebound/").unwrap()));
    assert!(!c2d("d").matches(&HubTopic::parse("devices/e/messages/devicebound/").unwrap()));
    assert!(!Subscription::Methods.matches(&HubTopic::DesiredPatch { version: 1 }));
}

const ID: &str = "[A-Za-z0-9.%_*?!(),:=@$'-]{1,12}";
const RID: &str = "[A-Za-z0-9._:$%=-]{1,12}";

fn any_bag() -> impl Strategy<Value = PropertyBag> {
    vec((".{1,6}", option::of(".{0,6}")), 0..4).prop_map(|entries| entries.into_iter().collect())
}

proptest! {
    #[test]
    fn device_topics_round_trip(
        id in ID, module in option::of(ID), rid in RID, version in option::of(any::<u64>()),
        status in any::<i32>(), properties in any_bag(),
    ) {
        for topic in [
            DeviceTopic::Telemetry { device_id: &id, module_id: module.as_deref(), properties: properties.clone() },
            DeviceTopic::TwinGet { request_id: &rid },
            DeviceTopic::ReportedPatch { request_id: &rid, if_version: version },
            DeviceTopic::MethodResponse { status, request_id: &rid },
        ] {
            let text = topic.to_string();
            prop_assert_eq!(DeviceTopic::parse(&text), Ok(topic.clone()));
        }
    }

    #[test]
    fn hub_topics_round_trip(
        id in ID, module in ID, name in "[A-Za-z0-9_*.%-]{1,12}", rid in RID, version in any::<u64>(),
        maybe_version in option::of(any::<u64>()), status in any::<u16>(), properties in any_bag(),
    ) {
        for topic in [
            HubTopic::TwinResponse { status, request_id: &rid, version: maybe_version },
            HubTopic::DesiredPatch { version },
            HubTopic::MethodRequest { name: &name, request_id: &rid },
            HubTopic::CloudToDevice { device_id: &id, properties: properties.clone() },
            HubTopic::ModuleInput { device_id: &id, module_id: &module, input: &name, properties: properties.clone() },
        ] {
            let text = topic.to_string();
            prop_assert_eq!(HubTopic::parse(&text), Ok(topic.clone()));
        }
    }

    #[test]
    fn parsing_is_total(
        any in any::<String>(),
        tail in "[a-z0-9?$&=/%é+:-]{0,16}",
        prefix in proptest::sample::select(vec![
            "devices/", "devices/d/messages/events", "devices/d/messages/devicebound/", "devices/d/modules/",
            "$iothub/twin/res/", "$iothub/twin/GET/", "$iothub/twin/PATCH/properties/reported/?",
            "$iothub/twin/PATCH/properties/desired/?", "$iothub/methods/res/", "$iothub/methods/POST/",
        ]),
    ) {
        for text in [&any, &format!("{prefix}{tail}")] {
            if let Ok(topic) = DeviceTopic::parse(text) {
                let again = topic.to_string();
                prop_assert_eq!(DeviceTopic::parse(&again), Ok(topic.clone()));
            }
            if let Ok(topic) = HubTopic::parse(text) {
                let again = topic.to_string();
                prop_assert_eq!(HubTopic::parse(&again), Ok(topic.clone()));
            }
            let _ = Subscription::parse(text, "d", Some("m"));
        }
    }
}
