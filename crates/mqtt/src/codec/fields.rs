//! The standard's data types (§1.5): integers, texts, bodies with their length.

use bytes::{BufMut, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::frame::Frame;
use crate::codec::topic::{is_valid_filter, is_valid_share};
use crate::packets::properties::read_variable;
use crate::packets::{Kind, NotText, ReasonCode, has_wildcard, text_of};

/// A reader over a packet's body.
pub(super) struct Fields<'a> {
    frame: &'a Frame,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(frame: &'a Frame, body: &'a [u8]) -> Self {
        Self { frame, rest: body }
    }

    pub(super) fn malformed(&self, rule: &'static str) -> ProtocolError {
        self.frame.malformed(rule)
    }

    pub(super) fn forbidden(&self, rule: &'static str) -> ProtocolError {
        ProtocolError::Forbidden { packet: self.packet(), rule, reason: ReasonCode::ProtocolError }
    }

    /// The packet's name.
    pub(super) fn packet(&self) -> &'static str {
        self.frame.kind().map_or("packet", Kind::name)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// How many bytes are left.
    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }

    /// All that is left.
    pub(super) fn take_rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// The end of the packet.
    pub(super) fn finish(&self) -> Result<(), ProtocolError> {
        if self.is_empty() { Ok(()) } else { Err(self.malformed("trailing bytes")) }
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], ProtocolError> {
        let (head, rest) =
            self.rest.split_at_checked(len).ok_or_else(|| self.malformed("a field crosses the end"))?;
        self.rest = rest;
        Ok(head)
    }

    pub(super) fn u8(&mut self) -> Result<u8, ProtocolError> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16, ProtocolError> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], ProtocolError> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    pub(super) fn string(&mut self) -> Result<&'a str, ProtocolError> {
        text_of(self.bytes()?).map_err(|error| match error {
            NotText::NotUtf8 => self.malformed("text is not UTF-8 [MQTT-1.5.3-1, in 5 MQTT-1.5.4-1]"),
            NotText::HasNul => self.malformed("U+0000 in text [MQTT-1.5.3-2, in 5 MQTT-1.5.4-2]"),
        })
    }

    pub(super) fn topic_name(&mut self) -> Result<&'a str, ProtocolError> {
        let topic = self.topic_name_or_none()?;
        if topic.is_empty() { Err(self.malformed("empty topic name [MQTT-4.7.3-1]")) } else { Ok(topic) }
    }

    /// A topic name, or an empty one, for which an alias may stand.
    pub(super) fn topic_name_or_none(&mut self) -> Result<&'a str, ProtocolError> {
        let topic = self.string()?;
        if has_wildcard(topic) {
            return Err(self.malformed("wildcard in a topic name [MQTT-3.3.2-2]"));
        }
        Ok(topic)
    }

    pub(super) fn topic_filter(&mut self) -> Result<&'a str, ProtocolError> {
        let filter = self.string()?;
        if is_valid_filter(filter) { Ok(filter) } else { Err(self.malformed("topic filter (§4.7)")) }
    }

    /// A topic filter, or a shared subscription (MQTT 5 §4.8.2).
    pub(super) fn topic_filter_or_share(&mut self) -> Result<&'a str, ProtocolError> {
        let filter = self.topic_filter()?;
        if is_valid_share(filter) {
            Ok(filter)
        } else {
            Err(self.malformed("shared subscription [MQTT-4.8.2-1, MQTT-4.8.2-2]"))
        }
    }

    /// A variable byte integer (MQTT 5 §1.5.5).
    pub(super) fn variable(&mut self) -> Result<u32, ProtocolError> {
        let Some((number, len)) = read_variable(self.rest) else {
            return Err(self.malformed("variable byte integer [MQTT-1.5.5-1]"));
        };
        self.rest = &self.rest[len..];
        Ok(number)
    }

    pub(super) fn packet_id(&mut self) -> Result<u16, ProtocolError> {
        match self.u16()? {
            0 => Err(self.malformed("packet identifier 0 [MQTT-2.3.1-1, in 5 MQTT-2.2.1-3]")),
            id => Ok(id),
        }
    }
}

/// How many bytes [`put_field`] writes.
pub(super) fn field_len(field: &[u8]) -> usize {
    2 + field.len().min(usize::from(u16::MAX))
}

/// A text or a body with its length; what is too long for one is cut off.
pub(super) fn put_field(output: &mut BytesMut, field: &[u8]) {
    let len = u16::try_from(field.len()).unwrap_or(u16::MAX);
    output.put_u16(len);
    output.put_slice(&field[..usize::from(len)]);
}
