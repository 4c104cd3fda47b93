//! What makes bytes a property block (MQTT 5 §2.2.2).

use crate::packets::properties::table::{self, Place, Property, Row, Wire};
use crate::packets::properties::value::{Value, split_value};
use crate::packets::reason::ReasonCode;
use crate::packets::text::{NotText, has_wildcard, text_of};

/// Which rule a property breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The property's name.
    pub(crate) property: &'static str,
    /// The rule, with its section.
    pub(crate) rule: &'static str,
    /// How it is told to the peer.
    pub(crate) reason: ReasonCode,
}

impl Broken {
    fn malformed(property: &'static str, rule: &'static str) -> Self {
        Self { property, rule, reason: ReasonCode::MalformedPacket }
    }

    fn forbidden(property: &'static str, rule: &'static str) -> Self {
        Self { property, rule, reason: ReasonCode::ProtocolError }
    }
}

/// Checks each property of `block`, which stands in `place`. Returns which there are, as a set.
pub(crate) fn check(mut block: &[u8], place: Place) -> Result<u64, Broken> {
    let legal = table::legal(place);
    let mut present = 0;
    while let Some((&identifier, rest)) = block.split_first() {
        let Some(row) = table::row(identifier) else {
            return Err(Broken::malformed("property", "unknown identifier (§2.2.2.2)"));
        };
        let bit = row.property.bit();
        if legal & bit == 0 {
            return Err(Broken::malformed(row.name, "not in this packet (§2.2.2.2)"));
        }
        if present & bit != 0 && !table::may_repeat(row.property, place) {
            return Err(Broken::forbidden(row.name, "more than once (§2.2.2.2)"));
        }
        present |= bit;
        let Some((value, rest)) = split_value(rest, row.wire) else {
            return Err(Broken::malformed(row.name, "crosses the end of the properties (§2.2.2.1)"));
        };
        check_value(value, row)?;
        block = rest;
    }
    let data = Property::AuthenticationData;
    if present & (Property::AuthenticationMethod.bit() | data.bit()) == data.bit() {
        return Err(Broken::forbidden(data.name(), "without an authentication method (§3.1.2.11.10)"));
    }
    Ok(present)
}

fn check_value(value: Value<'_>, row: &Row) -> Result<(), Broken> {
    match (row.wire, value) {
        (Wire::Boolean, Value::Number(2..)) => Err(Broken::forbidden(row.name, "neither 0 nor 1 (§2.2.2.2)")),
        (Wire::ShortNotZero, Value::Number(0)) if row.property == Property::TopicAlias => {
            let reason = ReasonCode::TopicAliasInvalid;
            Err(Broken { property: row.name, rule: "0 [MQTT-3.3.2-8]", reason })
        }
        (Wire::ShortNotZero | Wire::LongNotZero | Wire::VariableNotZero, Value::Number(0)) => {
            Err(Broken::forbidden(row.name, "0 (§2.2.2.2)"))
        }
        (Wire::Text, Value::Bytes(text)) => check_text(text, row).map(drop),
        (Wire::Topic, Value::Bytes(topic)) => {
            if has_wildcard(check_text(topic, row)?) {
                return Err(Broken::forbidden(row.name, "wildcard in a topic name [MQTT-3.3.2-14]"));
            }
            Ok(())
        }
        (Wire::Pair, Value::Pair(name, value)) => {
            check_text(name, row)?;
            check_text(value, row).map(drop)
        }
        _ => Ok(()),
    }
}

fn check_text<'a>(text: &'a [u8], row: &Row) -> Result<&'a str, Broken> {
    match text_of(text) {
        Ok(text) => Ok(text),
        Err(NotText::NotUtf8) => Err(Broken::malformed(row.name, "not UTF-8 [MQTT-1.5.4-1]")),
        Err(NotText::HasNul) => Err(Broken::malformed(row.name, "U+0000 [MQTT-1.5.4-2]")),
    }
}
