//! Packets of MQTT 5: streams from either side, and each kind of packet alone.

use azmqtt_mqtt::Version;
use azmqtt_mqtt::codec::Sender;

use crate::mqtt::decode;

/// Packets that a client sent.
pub fn from_client(data: &[u8]) -> bool {
    decode(data, Sender::Client, Version::Mqtt5)
}

/// Packets that a server sent.
pub fn from_server(data: &[u8]) -> bool {
    decode(data, Sender::Server, Version::Mqtt5)
}

/// One packet of this type (§2.1.2). The first byte has its flags in the lower half, and in the upper half 0 for a client's
/// and anything else for a server's; the rest is its body, whose length is always right.
fn packet(kind: u8, data: &[u8]) -> bool {
    let Some((&first, body)) = data.split_first() else { return false };
    let sender = if first >> 4 == 0 { Sender::Client } else { Sender::Server };
    let mut bytes = vec![kind << 4 | first & 0x0F];
    let mut rest = body.len();
    while rest >= 0x80 {
        bytes.push((rest % 0x80) as u8 | 0x80);
        rest /= 0x80;
    }
    bytes.push(rest as u8);
    bytes.extend_from_slice(body);
    decode(&bytes, sender, Version::Mqtt5)
}

macro_rules! packets {
    ($($name:ident = $kind:literal, $section:literal;)*) => {$(
        #[doc = concat!("One ", stringify!($name), " (", $section, ").")]
        pub fn $name(data: &[u8]) -> bool {
            packet($kind, data)
        }
    )*};
}

packets! {
    auth = 15, "§3.15";
    connack = 2, "§3.2";
    connect = 1, "§3.1";
    disconnect = 14, "§3.14";
    puback = 4, "§3.4";
    pubcomp = 7, "§3.7";
    publish = 3, "§3.3";
    pubrec = 5, "§3.5";
    pubrel = 6, "§3.6";
    suback = 9, "§3.9";
    subscribe = 8, "§3.8";
    unsuback = 11, "§3.11";
    unsubscribe = 10, "§3.10";
}
