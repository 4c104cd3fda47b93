//! CONNECT (§3.1).

use std::fmt;

use bytes::Bytes;

use crate::packets::properties::Properties;
use crate::packets::qos::QoS;

/// The client's first packet. Each text and each body in it has at most 65,535 bytes. `Debug` shows neither user name
/// nor password.
#[derive(Clone, PartialEq, Eq)]
pub struct Connect {
    /// The version that is spoken.
    pub level: Level,
    /// Whether the server is to forget the session that it may have of this client. MQTT 3.1.1 calls it "clean session",
    /// and forgets the new one as well when the connection ends.
    pub clean_start: bool,
    /// The keep-alive interval in seconds; 0 for none.
    pub keep_alive: u16,
    /// None in MQTT 3.1.1.
    pub properties: Properties,
    /// The client's name.
    pub client_id: String,
    /// What is published if the connection ends without a DISCONNECT.
    pub will: Option<Will>,
    /// An empty user name is one.
    pub username: Option<String>,
    /// Any bytes (§3.1.3.5). MQTT 3 has no password without a user name [MQTT-3.1.2-22], MQTT 5 has.
    pub password: Option<Bytes>,
}

impl Connect {
    /// A clean start in MQTT 3.1.1 with a keep-alive of 10 seconds, without a will, user name or password.
    pub fn new(client_id: impl Into<String>) -> Self {
        Self {
            level: Level::Mqtt311,
            clean_start: true,
            keep_alive: 10,
            properties: Properties::default(),
            client_id: client_id.into(),
            will: None,
            username: None,
            password: None,
        }
    }

    /// Sets user name and password. An empty password is left out of the packet: whoever shows a client certificate has
    /// none.
    pub fn set_login(&mut self, username: impl Into<String>, password: impl Into<Bytes>) {
        self.username = Some(username.into());
        self.password = Some(password.into()).filter(|password| !password.is_empty());
    }

    /// The password as text, empty if there is none; `None` if it is not UTF-8.
    pub fn password_text(&self) -> Option<&str> {
        std::str::from_utf8(self.password.as_deref().unwrap_or_default()).ok()
    }
}

/// By hand, because it holds a password.
impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("level", &self.level)
            .field("clean_start", &self.clean_start)
            .field("keep_alive", &self.keep_alive)
            .field("properties", &self.properties)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// The version of the protocol, which CONNECT names (§3.1.2.1, §3.1.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// MQTT 3.1: `MQIsdp`, 3. Of what a client sends, CONNECT alone differs from 3.1.1.
    Mqtt31,
    /// MQTT 3.1.1: `MQTT`, 4.
    Mqtt311,
    /// MQTT 5: `MQTT`, 5.
    Mqtt5,
}

impl Level {
    /// How the packets after CONNECT are written.
    pub fn version(self) -> Version {
        match self {
            Self::Mqtt31 | Self::Mqtt311 => Version::Mqtt311,
            Self::Mqtt5 => Version::Mqtt5,
        }
    }
}

/// How packets are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// As in MQTT 3.1.1.
    Mqtt311,
    /// As in MQTT 5.
    Mqtt5,
}

/// The message that the server publishes for a client that is gone (§3.1.2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// None in MQTT 3.1.1.
    pub properties: Properties,
    /// The topic name.
    pub topic: String,
    /// The body.
    pub message: Bytes,
    /// The QoS at which it is published.
    pub qos: QoS,
    /// Whether the server keeps it for later subscribers.
    pub retain: bool,
}

impl Will {
    /// This will, without properties.
    pub fn new(topic: impl Into<String>, message: impl Into<Bytes>, qos: QoS, retain: bool) -> Self {
        Self { properties: Properties::default(), topic: topic.into(), message: message.into(), qos, retain }
    }
}
