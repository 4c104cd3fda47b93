use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

fn with_id(id: &str) -> MessageProperties {
    MessageProperties { message_id: Some(id.to_owned()), ..Default::default() }
}

fn with_application(pairs: &[(&str, &str)]) -> MessageProperties {
    let application = pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    MessageProperties { application, ..Default::default() }
}

#[test]
fn a_topic_with_properties() {
    let properties = MessageProperties {
        message_id: Some("m:1".to_owned()),
        content_type: Some("application/json;charset=utf-8".to_owned()),
        ..with_application(&[("a b", "c+d"), ("empty", "")])
    };
    assert_eq!(
        properties.telemetry_topic("devices/d/messages/events/").unwrap(),
        "devices/d/messages/events/%24.mid=m%3A1&%24.ct=application%2Fjson%3Bcharset%3Dutf-8&a%20b=c%2Bd&empty="
    );
    assert_eq!(MessageProperties::default().telemetry_topic("p/").unwrap(), "p/");
    assert!(MessageProperties::default().is_empty() && !properties.is_empty());
}

#[test]
fn bags_lose_nothing_but_the_difference_of_null_and_empty() {
    let bag = PropertyBag::parse("$.mid=1&$.mid=2&$.new=x&iothub-ack=full&null&k=1&k=2").unwrap();
    let properties = MessageProperties::from_bag(bag);
    assert_eq!(properties.message_id.as_deref(), Some("1"));
    assert_eq!(properties.ack.as_deref(), Some("full"));
    let rest: Vec<_> = properties.application.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(rest, [("$.mid", "2"), ("$.new", "x"), ("null", ""), ("k", "1"), ("k", "2")]);
}

#[test]
fn the_size_is_the_service_s_count() {
    // 3 for the id's value, not its name; 1 + 2 for é in name and value; 4 for the name alone.
    let properties = MessageProperties {
        message_id: Some("abc".to_owned()),
        ..with_application(&[("k", "é"), ("null", "")])
    };
    assert_eq!(properties.size(100), 110);
    assert_eq!(properties.validate_with_body(MAX_MESSAGE_SIZE - 10), Ok(()));
    let error = properties.validate_with_body(MAX_MESSAGE_SIZE - 9).unwrap_err();
    assert_eq!(error, MessageError::TooLarge { size: MAX_MESSAGE_SIZE + 1 });
    assert!(error.to_string().contains("262145") && error.to_string().contains("262144"));
    assert_eq!(properties.size(usize::MAX), usize::MAX);
}

#[test]
fn message_ids() {
    assert_eq!(with_id("azAZ09-:.+%_#*?!(),=@;$'").validate(), Ok(()));
    assert_eq!(with_id(&"a".repeat(128)).validate(), Ok(()));
    for (bad, rule) in [("", "empty"), ("a b", "letters"), ("é", "letters"), (&"a".repeat(129), "128")] {
        let error = with_id(bad).validate().unwrap_err().to_string();
        assert!(error.contains("'message_id'") && error.contains(rule), "{error}");
    }
}

#[test]
fn times_and_ack() {
    let good = MessageProperties {
        creation_time: Some("2026-01-31T12:00:00.5Z".to_owned()),
        expiry: Some("2026-01-31T12:00:00Z".to_owned()),
        ack: Some("full".to_owned()),
        ..Default::default()
    };
    assert_eq!(good.validate(), Ok(()));
    let bad = MessageProperties { expiry: Some("tomorrow".to_owned()), ..good.clone() };
    assert!(bad.validate().unwrap_err().to_string().contains("'expiry' must be an ISO 8601"));
    let bad = MessageProperties { ack: Some("maybe".to_owned()), ..good };
    assert!(bad.validate().unwrap_err().to_string().contains("'ack'"));
}

#[test]
fn application_names() {
    assert_eq!(
        with_application(&[("temperatureAlert", "true"), ("é", ""), ("iothub-x", "")]).validate(),
        Ok(())
    );
    for (name, rule) in [
        ("", "must have a name"),
        ("$.mid", "system property"),
        ("iothub-ack", "its own field"),
        ("iothub-connection-device-id", "set by the service"),
    ] {
        let error = with_application(&[(name, "v")]).validate().unwrap_err().to_string();
        assert!(error.contains(&format!("'{name}'")) && error.contains(rule), "{error}");
    }
    let doubled = with_application(&[("k", "1"), ("k", "2")]);
    assert!(doubled.validate().unwrap_err().to_string().contains("more than once"));
    let MessageError::Field { field, .. } =
        with_application(&[(&format!("$.{}", "x".repeat(5000)), "")]).validate().unwrap_err()
    else {
        panic!("another error");
    };
    assert!(field.chars().count() <= 65);
}

#[test]
fn a_topic_is_at_most_what_mqtt_carries() {
    let properties = with_application(&[("k", &" ".repeat(22_000))]);
    assert_eq!(properties.validate_with_body(0), Ok(()));
    assert!(matches!(properties.telemetry_topic("p/"), Err(MessageError::TopicTooLong { length: 66_004 })));
}

proptest! {
    #[test]
    fn round_trip(
        message_id in option::of(".{0,8}"), content_type in option::of(".{0,8}"), ack in option::of(".{0,8}"),
        application in vec(("[^$i].{0,6}", ".{0,6}"), 0..4),
    ) {
        let properties = MessageProperties { message_id, content_type, ack, application, ..Default::default() };
        prop_assert_eq!(&MessageProperties::from_bag(properties.to_bag()), &properties);
        let topic = properties.telemetry_topic("").unwrap();
        prop_assert_eq!(&topic, &properties.to_bag().to_string());
        prop_assert_eq!(MessageProperties::from_bag(PropertyBag::parse(&topic).unwrap()), properties);
    }
}

#[test]
fn names_that_differ_in_case_are_found() {
    let named = |names: &[&str]| MessageProperties {
        application: names.iter().map(|name| ((*name).to_owned(), String::new())).collect(),
        ..MessageProperties::default()
    };
    assert_eq!(named(&[]).names_that_differ_in_case(), None);
    assert_eq!(named(&["Temp"]).names_that_differ_in_case(), None);
    assert_eq!(named(&["Temp", "temperature", "Te"]).names_that_differ_in_case(), None);
    let few = ["a", "Temp", "b", "temP"];
    let many = ["1", "2", "3", "4", "5", "6", "7", "8", "a", "Temp", "b", "temP"];
    for names in [&few[..], &many] {
        assert_eq!(named(names).names_that_differ_in_case(), Some(("Temp", "temP")));
    }
    assert_eq!(named(&many[..11]).names_that_differ_in_case(), None);
    // They are not errors: the service takes the message.
    assert_eq!(named(&["Temp", "temp"]).validate(), Ok(()));
}
