//! The packet that all codecs decode.

use azmqtt_mqtt::{Packet, PropertiesBuilder, Publish, QoS, Version, codec};
use bytes::BytesMut;

/// How many properties of a user's there are, beside six others.
const USER_PROPERTIES: usize = 34;

/// The bytes of a PUBLISH with forty properties: all that a client may send, and user properties such as those of
/// `CloudEvents`.
///
/// # Panics
/// If the packet cannot be encoded, which it can.
#[must_use]
pub fn publish_with_forty_properties() -> Vec<u8> {
    let mut properties = PropertiesBuilder::new()
        .payload_format(true)
        .message_expiry(3600)
        .topic_alias(7)
        .response_topic("clients/boiler-17/factories/3/lines/12/readings")
        .correlation_data(&[7; 16])
        .content_type("application/json; charset=utf-8");
    for number in 0..USER_PROPERTIES {
        properties = properties
            .user_property(&format!("ce_attribute{number}"), &format!("urn:factories:3:lines:12:{number}"));
    }
    let mut publish = Publish::new("factories/3/lines/12/readings", QoS::AtLeastOnce, vec![b'7'; 256]);
    publish.packet_id = 7;
    publish.properties = properties.build().expect("each property is legal");
    let mut output = BytesMut::new();
    codec::encode(&Packet::Publish(publish), Version::Mqtt5, &mut output, usize::MAX).expect("it fits");
    output.to_vec()
}
