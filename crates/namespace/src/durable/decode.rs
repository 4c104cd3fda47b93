//! Reading records: bounded by what is there, and each value checked as where it came from.

use std::sync::Arc;

use bytes::Bytes;

use super::record::{
    BEGAN, Body, CONNECTED, DISCONNECTED, DONE, DROPPED, ENDED, IDENTIFIED, INTEGER, LIST, PAYLOAD, QUEUED,
    Queued, RETAINED, Record, SENT, STANDINGS, SUBSCRIBED, TEXT, UNSUBSCRIBED, WILL, WILL_DONE, WILL_DUE,
};
use super::wall::Wall;
use crate::attributes::{AttributeValue, Attributes};
use crate::names::AuthenticationName;
use crate::principal::{Principal, Standing};
use crate::routing::{Options, SessionKey};
use azmqtt_mqtt::{Properties, Publish, QoS, Text, Will};

const CUT_OFF: &str = "a record is too short";

impl Record {
    /// A record as it was written.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut fields = Fields(bytes);
        let record = fields.record()?;
        if fields.0.is_empty() { Ok(record) } else { Err("a record is too long".to_owned()) }
    }
}

/// What is left of a record.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn record(&mut self) -> Result<Record, String> {
        Ok(match self.u8()? {
            BEGAN => {
                let (key, client_id) = (self.key()?, self.text()?.into());
                let (principal, standing) = self.identity()?;
                Record::Began { key, client_id, principal, standing }
            }
            IDENTIFIED => {
                let key = self.key()?;
                let (principal, standing) = self.identity()?;
                Record::Identified { key, principal, standing }
            }
            CONNECTED => Record::Connected { key: self.key()?, kept_for: self.u32()? },
            WILL => Record::Will { key: self.key()?, will: self.will()? },
            WILL_DUE => Record::WillDue { key: self.key()?, due: self.wall()? },
            WILL_DONE => Record::WillDone { key: self.key()? },
            DISCONNECTED => Record::Disconnected { key: self.key()?, expires: self.wall()? },
            ENDED => Record::Ended { key: self.key()? },
            SUBSCRIBED => {
                Record::Subscribed { key: self.key()?, filter: self.text()?.into(), options: self.options()? }
            }
            UNSUBSCRIBED => Record::Unsubscribed { key: self.key()?, filter: self.text()?.into() },
            PAYLOAD => Record::Payload { number: self.u64()?, payload: self.payload()? },
            QUEUED => Record::Queued(self.queued()?),
            SENT => Record::Sent { key: self.key()?, number: self.u64()?, packet_id: self.u16()? },
            DONE => Record::Done { key: self.key()?, number: self.u64()? },
            RETAINED => {
                let (accepted, expires) = (self.wall()?, self.wall()?);
                let qos = self.qos()?;
                let (topic, properties) = (self.text()?, self.properties()?);
                let mut publish = Publish::new(Text::from(topic), qos, self.payload()?);
                publish.retain = true;
                publish.properties = properties;
                Record::Retained { publish, accepted, expires }
            }
            DROPPED => Record::Dropped { topic: Text::from(self.text()?) },
            kind => return Err(format!("a record is of the unknown kind {kind}")),
        })
    }

    fn queued(&mut self) -> Result<Queued, String> {
        Ok(Queued {
            key: self.key()?,
            number: self.u64()?,
            packet_id: self.u16()?,
            accepted: self.wall()?,
            retain: self.flag()?,
            topic: Text::from(self.text()?),
            properties: self.properties()?,
            body: if self.flag()? { Body::Shared(self.u64()?) } else { Body::Own(self.payload()?) },
        })
    }

    fn will(&mut self) -> Result<Will, String> {
        let (qos, retain) = (self.qos()?, self.flag()?);
        let (topic, properties) = (self.text()?, self.properties()?);
        Ok(Will { properties, ..Will::new(topic, self.payload()?, qos, retain) })
    }

    fn identity(&mut self) -> Result<(Arc<Principal>, Standing), String> {
        let number = self.u8()?;
        let standing = STANDINGS.into_iter().find(|(_, known)| *known == number);
        let (standing, _) = standing.ok_or("a record has an unknown way to show who a client is")?;
        let name = AuthenticationName::parse(self.text()?).map_err(|error| error.to_string())?;
        Ok((Arc::new(Principal { name, attributes: self.attributes()? }), standing))
    }

    fn attributes(&mut self) -> Result<Attributes, String> {
        let mut entries = Vec::new();
        for _ in 0..self.u16()? {
            let key = self.text()?.to_owned();
            let value = match self.u8()? {
                INTEGER => AttributeValue::Integer(self.u64()?.cast_signed()),
                TEXT => AttributeValue::Text(self.text()?.to_owned()),
                LIST => {
                    let mut texts = Vec::new();
                    for _ in 0..self.u32()? {
                        texts.push(self.text()?.to_owned());
                    }
                    AttributeValue::List(texts)
                }
                _ => return Err("an attribute is of an unknown kind".to_owned()),
            };
            entries.push((key, value));
        }
        Attributes::new(entries).map_err(|error| error.to_string())
    }

    fn options(&mut self) -> Result<Options, String> {
        let (flags, identifier) = (self.u8()?, self.u32()?);
        let has = |bit: u8| flags >> bit & 1 == 1;
        let qos = if has(0) { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        Ok(Options { qos, no_local: has(1), retain_as_published: has(2), identifier })
    }

    fn properties(&mut self) -> Result<Properties, String> {
        Properties::parse(self.payload()?).map_err(|error| error.to_string())
    }

    fn key(&mut self) -> Result<SessionKey, String> {
        self.u32().map(SessionKey)
    }

    fn wall(&mut self) -> Result<Wall, String> {
        self.u64().map(Wall)
    }

    fn text(&mut self) -> Result<&'a str, String> {
        std::str::from_utf8(self.bytes()?).map_err(|_| "a text is not UTF-8".to_owned())
    }

    fn payload(&mut self) -> Result<Bytes, String> {
        self.bytes().map(Bytes::copy_from_slice)
    }

    fn bytes(&mut self) -> Result<&'a [u8], String> {
        let length = usize::try_from(self.u32()?).map_err(|_| CUT_OFF)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(CUT_OFF)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn qos(&mut self) -> Result<QoS, String> {
        Ok(if self.flag()? { QoS::AtLeastOnce } else { QoS::AtMostOnce })
    }

    fn flag(&mut self) -> Result<bool, String> {
        self.u8().map(|number| number != 0)
    }

    fn u8(&mut self) -> Result<u8, String> {
        self.chunk().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Result<u16, String> {
        self.chunk().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, String> {
        self.chunk().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, String> {
        self.chunk().map(u64::from_le_bytes)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (chunk, rest) = self.0.split_first_chunk().ok_or(CUT_OFF)?;
        self.0 = rest;
        Ok(*chunk)
    }
}
