//! What can go wrong with a connection of any service, and what a service's own faults must tell of themselves.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use super::json_fields::{FaultError, JsonFields};

/// A fault of a service, together with the moment at which it happens. Shown as in rules and logs.
pub trait ServiceFault: Clone + fmt::Display {
    /// Takes a fault out of a rule's fields.
    ///
    /// # Errors
    /// What is there is none.
    fn take(fields: &mut JsonFields) -> Result<Self, FaultError>;

    /// The fields that [`Self::take`] reads.
    fn to_json(&self) -> Value;

    /// The moment at which it happens, in one word; `now` for one that waits for nothing, and for one that lasts.
    fn on(&self) -> &'static str;

    /// What happens to a connection as it is, if that is what it is.
    fn now(&self) -> Option<NowFault>;

    /// Whether it may happen to whoever is meant by a rule for somebody in particular.
    ///
    /// # Errors
    /// It happens before anybody knows whose the connection is.
    fn check_named(&self) -> Result<(), FaultError> {
        Ok(())
    }

    /// Bytes of what it carries, which each planned fault has a copy of.
    fn carried(&self) -> usize {
        0
    }
}

/// Whose traffic a fault happens to.
pub trait ServiceTarget: Clone + PartialEq + Default {
    /// Takes a target out of a rule's fields. The default is everybody.
    ///
    /// # Errors
    /// What is there is none.
    fn take(fields: &mut JsonFields) -> Result<Self, FaultError>;

    /// Adds the fields that [`Self::take`] reads.
    fn write(&self, fields: &mut Map<String, Value>);
}

/// To a connection that has just been opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptFault {
    /// Closed at once, with FIN.
    Drop,
    /// Closed at once, with RST.
    Reset,
    /// Left open; not one byte comes.
    Silence,
    /// The TLS handshake begins that much later.
    Delay(Duration),
}

/// In place of an answer to a CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFault {
    /// Closed without a CONNACK.
    Drop,
    /// CONNACK with a return code from 1 to 5 (MQTT 3.1.1 §3.2.2.3), or a reason code from 128 on (MQTT 5 §3.2.2.2).
    Refuse(u8),
    /// No answer; the connection stays open.
    Silence,
    /// The CONNECT is looked at that much later.
    Delay(Duration),
}

/// What becomes of a packet that was about to go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentFault {
    /// It is not sent, and the connection closes without words.
    Drop,
    /// It is not sent.
    Lose,
    /// It comes that much later, with all packets of its kind behind it; after CONNACK or `Any`, with all.
    Delay(Duration),
    /// It comes twice; a message at QoS 1 with DUP the second time.
    Duplicate,
    /// Half of it is sent, and the connection closes.
    Cut,
    /// Bytes that are not MQTT come in its place.
    Corrupt,
}

/// To a connection as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NowFault {
    /// It closes without words.
    Drop,
    /// It closes in an orderly way: TLS `close_notify`, then FIN.
    ShutDown,
    /// The service neither reads nor writes for that time, or to the connection's end.
    Silence(Option<Duration>),
    /// The service stops reading for that time.
    Delay(Duration),
    /// Bytes that are not MQTT.
    Corrupt,
    /// What the client has shown expires: it ends as the service ends it then.
    ExpireToken,
    /// Another connection comes for the same client: it ends as the service ends it then.
    TakeOver,
}

impl AcceptFault {
    /// By its name, with the time that it needs; `None` if there is none of this name.
    ///
    /// # Errors
    /// The time is missing.
    pub fn take(name: &str, fields: &mut JsonFields) -> Result<Option<Self>, FaultError> {
        Ok(Some(match name {
            "drop" => Self::Drop,
            "reset" => Self::Reset,
            "silence" => Self::Silence,
            "delay" => Self::Delay(span(fields, name)?),
            _ => return Ok(None),
        }))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Reset => "reset",
            Self::Silence => "silence",
            Self::Delay(_) => "delay",
        }
    }

    /// Its time.
    pub fn time(self) -> Option<Duration> {
        if let Self::Delay(time) = self { Some(time) } else { None }
    }
}

impl ConnectFault {
    /// As [`AcceptFault::take`]; `code` reads the code of a refusal.
    ///
    /// # Errors
    /// The time or the code is not one.
    pub fn take(
        name: &str,
        fields: &mut JsonFields,
        code: impl FnOnce(&mut JsonFields) -> Result<u8, FaultError>,
    ) -> Result<Option<Self>, FaultError> {
        Ok(Some(match name {
            "drop" => Self::Drop,
            "refuse" => Self::Refuse(code(fields)?),
            "silence" => Self::Silence,
            "delay" => Self::Delay(span(fields, name)?),
            _ => return Ok(None),
        }))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Refuse(_) => "refuse",
            Self::Silence => "silence",
            Self::Delay(_) => "delay",
        }
    }

    /// Its time.
    pub fn time(self) -> Option<Duration> {
        if let Self::Delay(time) = self { Some(time) } else { None }
    }
}

impl SentFault {
    /// As [`AcceptFault::take`].
    ///
    /// # Errors
    /// The time is missing.
    pub fn take(name: &str, fields: &mut JsonFields) -> Result<Option<Self>, FaultError> {
        Ok(Some(match name {
            "drop" => Self::Drop,
            "lose" => Self::Lose,
            "delay" => Self::Delay(span(fields, name)?),
            "duplicate" => Self::Duplicate,
            "cut" => Self::Cut,
            "corrupt" => Self::Corrupt,
            _ => return Ok(None),
        }))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Lose => "lose",
            Self::Delay(_) => "delay",
            Self::Duplicate => "duplicate",
            Self::Cut => "cut",
            Self::Corrupt => "corrupt",
        }
    }

    /// Its time.
    pub fn time(self) -> Option<Duration> {
        if let Self::Delay(time) = self { Some(time) } else { None }
    }
}

impl NowFault {
    /// As [`AcceptFault::take`].
    ///
    /// # Errors
    /// The time is missing.
    pub fn take(name: &str, fields: &mut JsonFields) -> Result<Option<Self>, FaultError> {
        Ok(Some(match name {
            "drop" => Self::Drop,
            "shut_down" => Self::ShutDown,
            "silence" => Self::Silence(fields.seconds("seconds")?),
            "delay" => Self::Delay(span(fields, name)?),
            "corrupt" => Self::Corrupt,
            "expire_token" => Self::ExpireToken,
            "take_over" => Self::TakeOver,
            _ => return Ok(None),
        }))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::ShutDown => "shut_down",
            Self::Silence(_) => "silence",
            Self::Delay(_) => "delay",
            Self::Corrupt => "corrupt",
            Self::ExpireToken => "expire_token",
            Self::TakeOver => "take_over",
        }
    }

    /// Its time.
    pub fn time(self) -> Option<Duration> {
        match self {
            Self::Delay(time) => Some(time),
            Self::Silence(time) => time,
            _ => None,
        }
    }
}

/// The time that a fault of this name needs.
///
/// # Errors
/// It is missing.
pub fn span(fields: &mut JsonFields, name: &str) -> Result<Duration, FaultError> {
    fields.seconds("seconds")?.ok_or_else(|| FaultError(format!("{name} needs seconds")))
}
