//! The standard's data types (§1.5): integers, texts, bodies with their length.

use bytes::{BufMut, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::frame::Frame;
use crate::codec::topic::is_valid_filter;

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

    fn take(&mut self, len: usize) -> Result<&'a [u8], ProtocolError> {
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
        let bytes = self.bytes()?;
        let text =
            std::str::from_utf8(bytes).map_err(|_| self.malformed("text is not UTF-8 [MQTT-1.5.3-1]"))?;
        if bytes.contains(&0) {
            return Err(self.malformed("U+0000 in text [MQTT-1.5.3-2]"));
        }
        Ok(text)
    }

    pub(super) fn topic_name(&mut self) -> Result<&'a str, ProtocolError> {
        let topic = self.string()?;
        if topic.is_empty() {
            return Err(self.malformed("empty topic name [MQTT-4.7.3-1]"));
        }
        if topic.bytes().any(|byte| matches!(byte, b'+' | b'#')) {
            return Err(self.malformed("wildcard in a topic name [MQTT-3.3.2-2]"));
        }
        Ok(topic)
    }

    pub(super) fn topic_filter(&mut self) -> Result<&'a str, ProtocolError> {
        let filter = self.string()?;
        if is_valid_filter(filter) { Ok(filter) } else { Err(self.malformed("topic filter (§4.7)")) }
    }

    pub(super) fn packet_id(&mut self) -> Result<u16, ProtocolError> {
        match self.u16()? {
            0 => Err(self.malformed("packet identifier 0 [MQTT-2.3.1-1]")),
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
