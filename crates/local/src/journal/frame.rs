//! Frames, and the records in them.

use bytes::{BufMut, BytesMut};

use super::crc::crc32;

/// What a file begins with.
pub const MAGIC: &[u8] = b"azmqtt journal 1\n";

/// Bytes before the content of a frame.
pub const HEADER: usize = 13;

/// The most that is written as one frame, unless a single record is larger.
pub const FRAME: usize = 4 << 20;

/// The largest frame that is read, in bytes of its content.
pub const LARGEST: usize = 64 << 20;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A part of the snapshot.
    Snapshot,
    /// The end of the snapshot; it has no content.
    EndOfSnapshot,
    /// What was appended.
    Batch,
}

impl Kind {
    const ALL: [(Self, u8); 3] = [(Self::Snapshot, b's'), (Self::EndOfSnapshot, b'e'), (Self::Batch, b'b')];

    fn byte(self) -> u8 {
        Self::ALL.into_iter().find(|(kind, _)| *kind == self).map_or(0, |(_, byte)| byte)
    }

    fn of(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == byte).map(|(kind, _)| kind)
    }
}

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub kind: Kind,
    /// Bytes of the content.
    pub length: usize,
    pub checksum: u32,
}

impl Header {
    /// That of a frame with this content.
    pub fn of(kind: Kind, content: &[u8]) -> Self {
        Self { kind, length: content.len(), checksum: crc32(content) }
    }

    pub fn write(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let mut out = &mut bytes[..];
        out.put_u8(self.kind.byte());
        // A batch is cut into frames long before.
        out.put_u32_le(self.length as u32);
        out.put_u32_le(self.checksum);
        let own = crc32(&bytes[..HEADER - 4]);
        bytes[HEADER - 4..].copy_from_slice(&own.to_le_bytes());
        bytes
    }

    /// `None` if it is none.
    pub fn read(bytes: [u8; HEADER]) -> Option<Self> {
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if crc32(&bytes[..HEADER - 4]) != number(HEADER - 4) {
            return None;
        }
        let (kind, length) = (Kind::of(bytes[0])?, usize::try_from(number(1)).ok()?);
        (length <= LARGEST).then_some(Self { kind, length, checksum: number(5) })
    }
}

/// Something that a journal keeps.
pub trait Record {
    /// Appends it; what is there already stays.
    fn encode(&self, out: &mut BytesMut);
}

/// Records that are written together.
#[derive(Debug, Default)]
pub struct Batch(BytesMut);

impl Batch {
    /// Adds a record.
    pub fn push(&mut self, record: &impl Record) {
        let start = self.0.len();
        self.0.put_u32_le(0);
        record.encode(&mut self.0);
        let length = (self.0.len() - start - 4) as u32;
        self.0[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of the records, each with its length.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The contents of the frames in which they are written: as many records each as are at most [`FRAME`].
    pub(super) fn frames(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let mut end = 0;
            while let Some((record, _)) = split(&rest[end..])
                && (end == 0 || end + 4 + record.len() <= FRAME)
            {
                end += 4 + record.len();
            }
            let (frame, left) = rest.split_at(end);
            rest = left;
            (!frame.is_empty()).then_some(frame)
        })
    }
}

/// The first record of a content, and what is behind it; `None` if it is not whole.
pub fn split(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = content.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}
