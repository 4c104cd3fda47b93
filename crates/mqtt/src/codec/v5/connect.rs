//! CONNECT (§3.1).

use bytes::{BufMut, Bytes, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::fields::{Fields, field_len, put_field};
use crate::codec::frame::{first_byte, put_header};
use crate::codec::v5::properties;
use crate::packets::properties::Place;
use crate::packets::{Connect, Kind, Level, QoS, Will};

const NAME_AND_LEVEL: &[u8] = b"\0\x04MQTT\x05";
const CLEAN_START: u8 = 0x02;
const WILL: u8 = 0x04;
const WILL_RETAIN: u8 = 0x20;
const PASSWORD: u8 = 0x40;
const USERNAME: u8 = 0x80;

/// Whether this body of a CONNECT names the protocol level of MQTT 5.
pub(crate) fn is_of_v5(body: &[u8]) -> bool {
    body.starts_with(NAME_AND_LEVEL)
}

/// Reads a body of which [`is_of_v5`] says so. What it holds is copied: it is kept for as long as the connection, and must
/// not hold a whole read buffer.
pub(super) fn decode(fields: &mut Fields<'_>) -> Result<Connect, ProtocolError> {
    fields.take(NAME_AND_LEVEL.len())?;
    let flags = fields.u8()?;
    if flags & 0x01 != 0 {
        return Err(fields.malformed("reserved connect flag [MQTT-3.1.2-3]"));
    }
    if flags & WILL == 0 && flags & 0b0001_1000 != 0 {
        return Err(fields.malformed("a QoS without a will [MQTT-3.1.2-11]"));
    }
    if flags & WILL == 0 && flags & WILL_RETAIN != 0 {
        return Err(fields.malformed("retain without a will [MQTT-3.1.2-13]"));
    }
    let Some(will_qos) = QoS::from_byte(flags >> 3 & 0b11) else {
        return Err(fields.malformed("a will with QoS 3 [MQTT-3.1.2-12]"));
    };
    let keep_alive = fields.u16()?;
    let properties = properties::read(fields, Place::from_client(Kind::Connect))?.copy();
    let client_id = fields.string()?.to_owned();
    let will = if flags & WILL != 0 {
        Some(Will {
            properties: properties::read(fields, Place::WILL)?.copy(),
            topic: fields.topic_name()?.to_owned(),
            message: Bytes::copy_from_slice(fields.bytes()?),
            qos: will_qos,
            retain: flags & WILL_RETAIN != 0,
        })
    } else {
        None
    };
    let username = if flags & USERNAME != 0 { Some(fields.string()?.to_owned()) } else { None };
    let password = if flags & PASSWORD != 0 { Some(Bytes::copy_from_slice(fields.bytes()?)) } else { None };
    Ok(Connect {
        level: Level::Mqtt5,
        clean_start: flags & CLEAN_START != 0,
        keep_alive,
        properties,
        client_id,
        will,
        username,
        password,
    })
}

pub(crate) fn encode(connect: &Connect, output: &mut BytesMut, limit: usize) -> Result<(), ProtocolError> {
    let Connect { level: _, clean_start, keep_alive, properties, client_id, will, username, password } =
        connect;
    properties::check_legal(properties, Kind::Connect)?;
    let mut flags = if *clean_start { CLEAN_START } else { 0 };
    let mut len = NAME_AND_LEVEL.len() + 3 + properties::encoded_len(properties);
    len += field_len(client_id.as_bytes());
    if let Some(Will { properties, topic, message, qos, retain }) = will {
        properties::check_legal_in_will(properties)?;
        flags |= WILL | (*qos as u8) << 3 | if *retain { WILL_RETAIN } else { 0 };
        len += properties::encoded_len(properties) + field_len(topic.as_bytes()) + field_len(message);
    }
    if let Some(username) = username {
        flags |= USERNAME;
        len += field_len(username.as_bytes());
    }
    if let Some(password) = password {
        flags |= PASSWORD;
        len += field_len(password);
    }

    put_header(output, first_byte(Kind::Connect), len, limit)?;
    output.put_slice(NAME_AND_LEVEL);
    output.put_u8(flags);
    output.put_u16(*keep_alive);
    properties::put(output, properties);
    put_field(output, client_id.as_bytes());
    if let Some(will) = will {
        properties::put(output, &will.properties);
        put_field(output, will.topic.as_bytes());
        put_field(output, &will.message);
    }
    if let Some(username) = username {
        put_field(output, username.as_bytes());
    }
    if let Some(password) = password {
        put_field(output, password);
    }
    Ok(())
}
