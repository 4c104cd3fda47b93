//! Properties as values.

use super::*;
use crate::packets::InvalidProperty;

#[test]
fn what_is_set_is_read() {
    let properties = PropertiesBuilder::new()
        .payload_format(true)
        .message_expiry(u32::MAX)
        .content_type("text/plain")
        .response_topic("a/b")
        .correlation_data(b"\0\xFF")
        .subscription_identifier(268_435_455)
        .subscription_identifier(1)
        .session_expiry(0)
        .assigned_client_id("id")
        .server_keep_alive(60)
        .authentication_method("m")
        .authentication_data(b"d")
        .request_problem_information(false)
        .will_delay(1)
        .request_response_information(true)
        .response_information("r")
        .server_reference("s")
        .reason_string("why")
        .receive_maximum(1)
        .topic_alias_maximum(2)
        .topic_alias(3)
        .maximum_qos(false)
        .retain_available(true)
        .user_property("a", "1")
        .maximum_packet_size(4)
        .user_property("a", "2")
        .wildcard_available(false)
        .subscription_ids_available(true)
        .shared_available(false)
        .user_property("", "")
        .build()
        .unwrap();
    assert_eq!(properties.payload_format(), Some(true));
    assert_eq!(properties.message_expiry(), Some(u32::MAX));
    assert_eq!(properties.content_type(), Some("text/plain"));
    assert_eq!(properties.response_topic(), Some("a/b"));
    assert_eq!(properties.correlation_data(), Some(&b"\0\xFF"[..]));
    assert_eq!(properties.subscription_identifiers().collect::<Vec<_>>(), [268_435_455, 1]);
    assert_eq!(properties.session_expiry(), Some(0));
    assert_eq!(properties.assigned_client_id(), Some("id"));
    assert_eq!(properties.server_keep_alive(), Some(60));
    assert_eq!(properties.authentication_method(), Some("m"));
    assert_eq!(properties.authentication_data(), Some(&b"d"[..]));
    assert_eq!(properties.request_problem_information(), Some(false));
    assert_eq!(properties.will_delay(), Some(1));
    assert_eq!(properties.request_response_information(), Some(true));
    assert_eq!(properties.response_information(), Some("r"));
    assert_eq!(properties.server_reference(), Some("s"));
    assert_eq!(properties.reason_string(), Some("why"));
    assert_eq!(properties.receive_maximum(), Some(1));
    assert_eq!(properties.topic_alias_maximum(), Some(2));
    assert_eq!(properties.topic_alias(), Some(3));
    assert_eq!(properties.maximum_qos(), Some(false));
    assert_eq!(properties.retain_available(), Some(true));
    assert_eq!(properties.maximum_packet_size(), Some(4));
    assert_eq!(properties.wildcard_available(), Some(false));
    assert_eq!(properties.subscription_ids_available(), Some(true));
    assert_eq!(properties.shared_available(), Some(false));
    assert_eq!(properties.user_properties().collect::<Vec<_>>(), [("a", "1"), ("a", "2"), ("", "")]);
    assert_eq!(properties.compact(), properties);

    let without = PropertiesBuilder::from(&properties).without(Property::UserProperty).build().unwrap();
    assert_eq!(without.user_properties().count(), 0);
    assert_eq!(without.shared_available(), Some(false));
    assert_eq!(Properties::default().user_properties().count(), 0);
    assert_eq!(Properties::default().topic_alias(), None);
}

#[test]
fn what_cannot_be_is_not_built() {
    let long = "x".repeat(65_536);
    for (builder, property) in [
        (PropertiesBuilder::new().topic_alias(0), "Topic Alias"),
        (PropertiesBuilder::new().receive_maximum(0), "Receive Maximum"),
        (PropertiesBuilder::new().maximum_packet_size(0), "Maximum Packet Size"),
        (PropertiesBuilder::new().subscription_identifier(0), "Subscription Identifier"),
        (PropertiesBuilder::new().subscription_identifier(268_435_456), "Subscription Identifier"),
        (PropertiesBuilder::new().content_type("a\0"), "Content Type"),
        (PropertiesBuilder::new().response_topic("a/#"), "Response Topic"),
        (PropertiesBuilder::new().user_property("\0", ""), "User Property"),
        (PropertiesBuilder::new().user_property("", &long), "User Property"),
        (PropertiesBuilder::new().reason_string(&long), "Reason String"),
        (PropertiesBuilder::new().correlation_data(long.as_bytes()), "Correlation Data"),
        (PropertiesBuilder::new().message_expiry(1).message_expiry(1), "Message Expiry Interval"),
        (PropertiesBuilder::new().authentication_data(b"d"), "Authentication Data"),
    ] {
        let refused = builder.build();
        assert!(
            matches!(refused, Err(InvalidProperty { property: named, .. }) if named == property),
            "{refused:?}"
        );
    }
    let longest = "x".repeat(65_535);
    let properties = PropertiesBuilder::new().user_property(&longest, &longest).build().unwrap();
    assert_eq!(properties.user_properties().next(), Some((&*longest, &*longest)));
}

#[test]
fn values_are_not_shown() {
    let properties =
        PropertiesBuilder::new().authentication_method("OAUTH2-JWT").authentication_data(b"secret");
    let properties = properties.user_property("name", "value").build().unwrap();
    assert_eq!(
        format!("{properties:?}"),
        r#"["Authentication Method", "Authentication Data", "User Property"]"#
    );
}

#[test]
fn reason_codes() {
    for byte in 0..=0xFF {
        let reason = ReasonCode::from_byte(byte);
        assert_eq!(reason.is_some(), ReasonCode::ALL.iter().any(|reason| *reason as u8 == byte));
        assert!(reason.is_none_or(|reason| reason as u8 == byte && reason.is_error() == (byte >= 0x80)));
    }
    assert_eq!(ReasonCode::ALL.len(), 43);
    assert_eq!(ReasonCode::NotAuthorized.to_string(), "Not authorized (0x87)");
}

/// The codes of MQTT 3.1.1 and what they mean in MQTT 5, in both directions.
#[test]
fn the_return_codes_of_an_older_connack() {
    for code in 0..=5 {
        let mut input = BytesMut::from(&[0x20, 2, 0, code][..]);
        let read = codec::decode(&mut input, Sender::Server, Version::Mqtt311, MAX_PACKET_SIZE);
        let Ok(Some(packet @ Packet::ConnAck(_))) = read else { panic!("{read:?}") };
        assert_eq!(crate::tests::encoded(&packet), [0x20, 2, 0, code]);
    }
    for reason in ReasonCode::ALL {
        let code = codec::return_code(*reason);
        assert_eq!(code > 0, reason.is_error(), "{reason}");
        assert!(code <= 5);
    }
}

#[test]
fn text_is_what_it_holds() {
    use std::collections::HashSet;
    let text = Text::from("a/é");
    assert_eq!(text, "a/é");
    assert_eq!(text, "a/é".to_owned());
    assert_eq!(text, Text::from("a/é".to_owned()));
    assert_eq!(
        (text.len(), text.to_string(), format!("{text:?}")),
        (4, "a/é".to_owned(), r#""a/é""#.to_owned())
    );
    assert!(HashSet::from([text]).contains("a/é"));
}

/// As the standard library has it, wherever in a text the byte is.
#[test]
fn bytes_are_text_or_not() {
    use crate::packets::{NotText, text_of};
    for len in 0..20 {
        for at in 0..len {
            for byte in 0..=0xFF {
                let mut bytes = vec![b'a'; len];
                bytes[at] = byte;
                let expected = match std::str::from_utf8(&bytes) {
                    Err(_) => Err(NotText::NotUtf8),
                    Ok(_) if byte == 0 => Err(NotText::HasNul),
                    Ok(text) => Ok(text),
                };
                assert_eq!(text_of(&bytes), expected, "{bytes:?}");
            }
        }
    }
    assert_eq!(text_of("aaaaaaaé\u{10FFFF}aaaaaaaa".as_bytes()), Ok("aaaaaaaé\u{10FFFF}aaaaaaaa"));
    assert_eq!(text_of(b""), Ok(""));
}

#[test]
fn wildcards_wherever_they_are() {
    use crate::packets::has_wildcard;
    for len in 1..20 {
        for at in 0..len {
            for byte in 0..0x80_u8 {
                let mut text = vec![b'a'; len];
                text[at] = byte;
                let text = String::from_utf8(text).unwrap();
                assert_eq!(has_wildcard(&text), text.contains(['+', '#']), "{text:?}");
            }
        }
    }
    assert!(!has_wildcard("é\u{2B2B}\u{AB}\u{A3}aaaaaaaa\u{32B}\u{323}"));
}
