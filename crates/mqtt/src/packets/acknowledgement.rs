//! The packets that answer a PUBLISH: a packet identifier, and in MQTT 5 a reason code and properties.

use crate::packets::properties::Properties;
use crate::packets::reason::ReasonCode;

macro_rules! acknowledgements {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            /// That of the PUBLISH; never 0.
            pub packet_id: u16,
            /// How it went. MQTT 3.1.1 has no word for it: always [`ReasonCode::Success`] there.
            pub reason: ReasonCode,
            /// None in MQTT 3.1.1.
            pub properties: Properties,
        }

        impl $name {
            /// It went well, without properties.
            pub fn new(packet_id: u16) -> Self {
                Self::with_reason(packet_id, ReasonCode::Success)
            }

            /// It went so, without properties.
            pub fn with_reason(packet_id: u16, reason: ReasonCode) -> Self {
                Self { packet_id, reason, properties: Properties::default() }
            }
        }
    )*};
}

acknowledgements! {
    /// PUBACK: the receiver of a QoS 1 message has it, or refuses it (§3.4).
    PubAck;
    /// PUBREC, the first answer to a QoS 2 message (§3.5).
    PubRec;
    /// PUBREL, the answer to PUBREC (§3.6).
    PubRel;
    /// PUBCOMP, the answer to PUBREL (§3.7).
    PubComp;
}
