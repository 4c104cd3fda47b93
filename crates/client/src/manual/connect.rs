//! What CONNECT can hold.

use std::fmt;

use azmqtt_mqtt::{Connect, LARGEST_PACKET, Publish};

/// The longest text, password or will that CONNECT can hold, in bytes (§1.5.3).
const MAX_FIELD: usize = 65_535;

/// A field of CONNECT that MQTT 3.1.1 cannot carry. Shows nothing of it: it may be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadConnect {
    /// There is a password, and no user name [MQTT-3.1.2-22].
    PasswordAlone,
    /// The password is too long.
    Password,
    /// The user name is too long, or holds U+0000.
    Username,
    /// The client identifier is too long, or holds U+0000.
    ClientId,
    /// The will's topic cannot be that of a message (§4.7).
    WillTopic,
    /// The will's payload is too long (§3.1.3.3).
    WillPayload,
}

impl fmt::Display for BadConnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PasswordAlone => "username: a password needs one in MQTT 3.1.1 [MQTT-3.1.2-22]",
            Self::Password => "password: it may have 65,535 bytes",
            Self::Username => "username: it may have 65,535 bytes of UTF-8, none of them 0",
            Self::ClientId => "client_id: it may have 65,535 bytes of UTF-8, none of them 0",
            Self::WillTopic => {
                "topic: it must not be empty or contain a wildcard or U+0000, and may have 65,535 bytes"
            }
            Self::WillPayload => "will: its payload may have 65,535 bytes (§3.1.3.3)",
        })
    }
}

impl std::error::Error for BadConnect {}

/// Says which field of `connect` MQTT 3.1.1 cannot carry.
///
/// # Errors
/// The first such field.
pub fn check_connect(connect: &Connect) -> Result<(), BadConnect> {
    if connect.username.is_none() && connect.password.is_some() {
        return Err(BadConnect::PasswordAlone);
    }
    if connect.password.as_ref().is_some_and(|password| password.len() > MAX_FIELD) {
        return Err(BadConnect::Password);
    }
    if connect.username.as_ref().is_some_and(|username| !is_text(username)) {
        return Err(BadConnect::Username);
    }
    if let Some(will) = &connect.will {
        if !Publish::new(will.topic.as_str(), will.qos, "").fits(LARGEST_PACKET) {
            return Err(BadConnect::WillTopic);
        }
        if will.message.len() > MAX_FIELD {
            return Err(BadConnect::WillPayload);
        }
    }
    if is_text(&connect.client_id) { Ok(()) } else { Err(BadConnect::ClientId) }
}

/// Whether a field can hold this text (§1.5.3).
fn is_text(text: &str) -> bool {
    text.len() <= MAX_FIELD && !text.contains('\0')
}

#[cfg(test)]
mod tests {
    use azmqtt_mqtt::{QoS, Will};

    use super::*;

    fn check(change: impl FnOnce(&mut Connect)) -> Result<(), BadConnect> {
        let mut connect = Connect::new("client");
        connect.set_login("user", "password");
        connect.will = Some(Will::new("topic", "gone", QoS::AtLeastOnce, false));
        change(&mut connect);
        check_connect(&connect)
    }

    #[test]
    fn names_the_field_that_cannot_be_carried() {
        let long = || "x".repeat(MAX_FIELD + 1);
        let will = |topic: &str, body: String| Some(Will::new(topic, body, QoS::AtMostOnce, false));
        assert_eq!(check(|_| {}), Ok(()));
        assert_eq!(check(|connect| connect.username = None), Err(BadConnect::PasswordAlone));
        assert_eq!(check(|connect| connect.password = Some(long().into())), Err(BadConnect::Password));
        assert_eq!(check(|connect| connect.username = Some(long())), Err(BadConnect::Username));
        assert_eq!(check(|connect| connect.username = Some("a\0".to_owned())), Err(BadConnect::Username));
        assert_eq!(check(|connect| connect.client_id = long()), Err(BadConnect::ClientId));
        for topic in ["", "a/#", "a\0", &long()] {
            assert_eq!(
                check(|connect| connect.will = will(topic, String::new())),
                Err(BadConnect::WillTopic)
            );
        }
        assert_eq!(check(|connect| connect.will = will("t", long())), Err(BadConnect::WillPayload));
        assert_eq!(check(|connect| connect.will = will("t", "x".repeat(MAX_FIELD))), Ok(()));
    }
}
