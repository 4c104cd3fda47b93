//! Who sent a CONNECT of another version of MQTT.
//!
//! A client that speaks MQTT 5 is a common mistake where 3.1.1 is wanted; it is refused, and whoever looks for its packets does so
//! by its client id.

use bytes::Buf;

use super::record::Content;

/// The client id of a CONNECT of MQTT 5 (§3.1), or of 3.1.1 with a wrong level, and what is recorded of it. `None` if it
/// cannot be read.
pub(super) fn read_connect(packet: &[u8]) -> Option<(String, Content)> {
    let mut rest = packet.get(1..)?;
    variable_length(&mut rest)?;
    if text(&mut rest)? != "MQTT" {
        return None;
    }
    let level = rest.try_get_u8().ok()?;
    let flags = rest.try_get_u8().ok()?;
    let keep_alive = rest.try_get_u16().ok()?;
    if level >= 5 {
        let properties = variable_length(&mut rest)?;
        rest = rest.get(properties..)?;
    }
    let client_id = text(&mut rest)?.to_owned();
    let content = Content::Connect {
        level,
        clean_session: flags & 0x02 != 0,
        keep_alive,
        username: None,
        has_password: flags & 0x40 != 0,
        will: None,
    };
    Some((client_id, content))
}

/// At most four bytes, seven bits each (MQTT 3.1.1 §2.2.3).
fn variable_length(rest: &mut &[u8]) -> Option<usize> {
    let mut length = 0;
    for index in 0..4 {
        let byte = rest.try_get_u8().ok()?;
        length |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
    None
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::from(rest.try_get_u16().ok()?);
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MQTT_5: &[u8] = b"\x10\x1c\0\x04MQTT\x05\xC2\0\x3C\x05\x11\0\0\0\x0A\0\x04dev1\0\0\0\x03abc";

    #[test]
    fn a_client_of_mqtt_5_is_known_by_its_id() {
        let (client_id, content) = read_connect(MQTT_5).unwrap();
        assert_eq!(client_id, "dev1");
        assert_eq!(
            content,
            Content::Connect {
                level: 5,
                clean_session: true,
                keep_alive: 60,
                username: None,
                has_password: true,
                will: None
            }
        );
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much(cut in 0..MQTT_5.len(), at in 0..MQTT_5.len(), byte: u8) {
            let mut packet = MQTT_5.to_vec();
            packet[at] = byte;
            let _ = read_connect(&packet);
            let _ = read_connect(&packet[..cut]);
        }
    }
}
