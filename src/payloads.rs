//! Payloads of many messages, copied out of Python's objects into buffers that they share.

use bytes::{Bytes, BytesMut};

/// Bytes of a buffer.
const CHUNK: usize = 8 * 1024;

/// Payloads up to this share a buffer: a larger one would leave much of it unused.
const SMALL: usize = 1024;

/// Copies payloads. Most messages are small, and memory for each of them costs more than the copy.
///
/// A buffer is freed with the last of its payloads, so this is for messages that leave in the order they come in.
#[derive(Default)]
pub(super) struct Payloads {
    chunk: BytesMut,
}

impl Payloads {
    /// A copy of `payload`.
    pub(super) fn copy(&mut self, payload: &[u8]) -> Bytes {
        if payload.len() > SMALL {
            return Bytes::copy_from_slice(payload);
        }
        if self.chunk.capacity() < payload.len() {
            // `reserve` would move what is left of the old one.
            self.chunk = BytesMut::with_capacity(CHUNK);
        }
        self.chunk.extend_from_slice(payload);
        self.chunk.split().freeze()
    }
}
