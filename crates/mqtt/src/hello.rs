//! CONNECT to other servers than the hub: any level of MQTT 3, an empty user name, a password that is no text.
//!
//! rumqttc's `Connect` takes an empty user name or password for none, and holds text alone.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Connect, LastWill};

/// The version of the protocol, which CONNECT names (§3.1.2.1, §3.1.2.2). Of what this side sends, nothing else differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// MQTT 3.1: `MQIsdp`, 3.
    Mqtt31,
    /// MQTT 3.1.1: `MQTT`, 4.
    Mqtt311,
}

impl Level {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Mqtt31 => b"MQIsdp",
            Self::Mqtt311 => b"MQTT",
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Mqtt31 => 3,
            Self::Mqtt311 => 4,
        }
    }
}

/// What CONNECT says. Each field has at most 65,535 bytes. `Debug` shows no login.
#[derive(Clone)]
pub struct Hello {
    /// The version that is spoken.
    pub level: Level,
    /// The client's name.
    pub client_id: String,
    /// Whether the server is to forget the session.
    pub clean_session: bool,
    /// The keep-alive interval in seconds; 0 for none.
    pub keep_alive: u16,
    /// What is published if the connection ends without a goodbye.
    pub will: Option<LastWill>,
    /// User name and password. There is no password without a user name [MQTT-3.1.2-22].
    pub login: Option<(String, Option<Bytes>)>,
}

impl std::fmt::Debug for Hello {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hello")
            .field("level", &self.level)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl From<Connect> for Hello {
    fn from(connect: Connect) -> Self {
        let Connect { keep_alive, client_id, clean_session, last_will, login, .. } = connect;
        let login = login.map(|login| {
            let password = (!login.password.is_empty()).then(|| Bytes::from(login.password));
            (login.username, password)
        });
        Self { level: Level::Mqtt311, client_id, clean_session, keep_alive, will: last_will, login }
    }
}

impl Hello {
    /// Writes the packet (§3.1).
    pub(super) fn encode(&self, output: &mut BytesMut) {
        let mut body = BytesMut::new();
        put(&mut body, self.level.name());
        body.put_u8(self.level.number());
        body.put_u8(self.flags());
        body.put_u16(self.keep_alive);
        put(&mut body, self.client_id.as_bytes());
        if let Some(will) = &self.will {
            put(&mut body, will.topic.as_bytes());
            put(&mut body, &will.message);
        }
        if let Some((username, password)) = &self.login {
            put(&mut body, username.as_bytes());
            if let Some(password) = password {
                put(&mut body, password);
            }
        }
        output.put_u8(0x10);
        put_remaining_length(output, body.len());
        output.extend_from_slice(&body);
    }

    fn flags(&self) -> u8 {
        let will =
            self.will.as_ref().map_or(0, |will| 0x04 | (will.qos as u8) << 3 | u8::from(will.retain) << 5);
        let login = match &self.login {
            None => 0,
            Some((_, None)) => 0x80,
            Some((_, Some(_))) => 0xC0,
        };
        u8::from(self.clean_session) << 1 | will | login
    }
}

/// A field with its length; what is too long for one is cut off.
fn put(body: &mut BytesMut, field: &[u8]) {
    let len = u16::try_from(field.len()).unwrap_or(u16::MAX);
    body.put_u16(len);
    body.extend_from_slice(&field[..usize::from(len)]);
}

/// Seven bits a byte, the lowest first (§2.2.3).
fn put_remaining_length(output: &mut BytesMut, mut length: usize) {
    loop {
        let byte = (length % 0x80) as u8;
        length /= 0x80;
        output.put_u8(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::{self, Sender};
    use crate::{Login, Packet, QoS};

    fn encoded(hello: &Hello) -> BytesMut {
        let mut output = BytesMut::new();
        hello.encode(&mut output);
        output
    }

    proptest! {
        #[test]
        fn it_reads_as_what_rumqttc_writes(
            client_id in "[a-z]{0,40}", clean_session: bool, keep_alive: u16,
            login in proptest::option::of(("[a-z]{1,300}", "[a-z]{0,9}")),
            will in proptest::option::of(("[a-z]{1,9}", proptest::collection::vec(any::<u8>(), 0..300), 0..2u8, any::<bool>())),
        ) {
            let mut connect = Connect::new(client_id);
            connect.clean_session = clean_session;
            connect.keep_alive = keep_alive;
            connect.login = login.map(|(username, password)| Login::new(username, password));
            connect.last_will = will.map(|(topic, message, qos, retain)| {
                let qos = if qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
                LastWill { topic, message: message.into(), qos, retain }
            });
            let mut bytes = encoded(&Hello::from(connect.clone()));
            let read = wire::decode(&mut bytes, Sender::Client, usize::MAX).expect("it is valid");
            prop_assert_eq!(read, Some(Packet::Connect(connect)));
            prop_assert!(bytes.is_empty());
        }
    }

    #[test]
    fn what_rumqttc_cannot_write() {
        let mut hello = Hello::from(Connect::new("c"));
        hello.keep_alive = 10;
        hello.login = Some((String::new(), Some(Bytes::new())));
        assert_eq!(&encoded(&hello)[..], b"\x10\x11\0\x04MQTT\x04\xC2\0\x0A\0\x01c\0\0\0\0");
        hello.login = Some(("u".to_owned(), Some(Bytes::from_static(b"\xFF"))));
        hello.level = Level::Mqtt31;
        assert_eq!(&encoded(&hello)[..], b"\x10\x15\0\x06MQIsdp\x03\xC2\0\x0A\0\x01c\0\x01u\0\x01\xFF");
    }
}
