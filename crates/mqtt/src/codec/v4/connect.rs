//! CONNECT (§3.1).

use bytes::{BufMut, Bytes, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::fields::{Fields, field_len, put_field};
use crate::codec::frame::{first_byte, put_header};
use crate::packets::{Connect, Kind, Level, Properties, QoS, Will};

const CLEAN_SESSION: u8 = 0x02;
const WILL: u8 = 0x04;
const WILL_RETAIN: u8 = 0x20;
const PASSWORD: u8 = 0x40;
const USERNAME: u8 = 0x80;

pub(super) fn decode(fields: &mut Fields<'_>) -> Result<Connect, ProtocolError> {
    // MQTT 3.1 has another name, and a level of its own.
    let (name, level) = (fields.string()?, fields.u8()?);
    if name != "MQTT" && (name, level) != ("MQIsdp", 3) {
        return Err(fields.malformed("protocol name is not MQTT [MQTT-3.1.2-1]"));
    }
    if level != 4 {
        return Err(ProtocolError::UnsupportedLevel(level));
    }
    let flags = fields.u8()?;
    let (has_will, has_username, has_password) =
        (flags & WILL != 0, flags & USERNAME != 0, flags & PASSWORD != 0);
    if flags & 0x01 != 0 {
        return Err(fields.malformed("reserved connect flag [MQTT-3.1.2-3]"));
    }
    if !has_will && flags & 0b0011_1000 != 0 {
        return Err(fields.malformed("will flags [MQTT-3.1.2-11..15]"));
    }
    let Some(will_qos) = QoS::from_byte(flags >> 3 & 0b11) else {
        return Err(fields.malformed("will flags [MQTT-3.1.2-11..15]"));
    };
    if has_password && !has_username {
        return Err(fields.malformed("password without user name [MQTT-3.1.2-22]"));
    }
    let keep_alive = fields.u16()?;
    let client_id = fields.string()?.to_owned();
    let will = if has_will {
        let topic = fields.topic_name()?.to_owned();
        // A copy: what is kept for as long as the connection must not hold a whole read buffer.
        let message = Bytes::copy_from_slice(fields.bytes()?);
        Some(Will::new(topic, message, will_qos, flags & WILL_RETAIN != 0))
    } else {
        None
    };
    let username = if has_username { Some(fields.string()?.to_owned()) } else { None };
    // The standard allows any bytes here (§3.1.3.5). What servers take are tokens, and a token is text.
    let password = if has_password { Some(fields.string()?.to_owned().into()) } else { None };
    Ok(Connect {
        level: Level::Mqtt311,
        clean_start: flags & CLEAN_SESSION != 0,
        keep_alive,
        properties: Properties::default(),
        client_id,
        will,
        username,
        password,
    })
}

pub(crate) fn encode(connect: &Connect, output: &mut BytesMut, limit: usize) -> Result<(), ProtocolError> {
    let Connect { level, clean_start, keep_alive, properties: _, client_id, will, username, password } =
        connect;
    // Without a user name there is none [MQTT-3.1.2-22].
    let password = password.as_ref().filter(|_| username.is_some());
    let (name, number): (&[u8], u8) = match level {
        Level::Mqtt31 => (b"MQIsdp", 3),
        Level::Mqtt311 | Level::Mqtt5 => (b"MQTT", 4),
    };
    let mut flags = if *clean_start { CLEAN_SESSION } else { 0 };
    let mut len = field_len(name) + 4 + field_len(client_id.as_bytes());
    if let Some(Will { properties: _, topic, message, qos, retain }) = will {
        flags |= WILL | (*qos as u8) << 3 | if *retain { WILL_RETAIN } else { 0 };
        len += field_len(topic.as_bytes()) + field_len(message);
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
    put_field(output, name);
    output.put_u8(number);
    output.put_u8(flags);
    output.put_u16(*keep_alive);
    put_field(output, client_id.as_bytes());
    if let Some(will) = will {
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
