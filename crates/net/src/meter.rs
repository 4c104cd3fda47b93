//! Bytes as a socket brings them in, for who reads what is made of them: TLS gives out a record of up to 16 KiB as a whole,
//! so that on a slow line nothing comes out of it for a while although the peer lives.
//!
//! TLS asks for 4 KiB at a time, each of which would be a call of the system. From a peer that sends much, what there is more
//! is taken along.

use std::cell::{Cell, RefCell};
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much one call of the system may bring.
const AHEAD: usize = 64 * 1024;

/// So much a peer sends before anything is read ahead: one that has not shown who it is yet holds no more memory than before.
const MUCH: usize = 64 * 1024;

thread_local! {
    /// Where all sockets of this thread read to. It goes along with what one has read ahead.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// How many bytes the sockets of this thread have brought in. A poll goes from the reader down to its socket on one
    /// thread, so the reader finds what its own socket brought in as a difference.
    static BROUGHT_IN: Cell<u64> = const { Cell::new(0) };
}

/// Polls a stream: what it said, and whether a [`Metered`] socket under it brought in anything.
pub fn watch<T>(poll: impl FnOnce() -> T) -> (T, bool) {
    let before = BROUGHT_IN.get();
    let polled = poll();
    (polled, BROUGHT_IN.get() != before)
}

/// A socket whose bytes count, and are read ahead.
#[derive(Debug)]
pub struct Metered<S> {
    socket: S,
    /// What it has brought and nobody has asked for yet: the bytes of `scratch` there, which is empty while there are none.
    ahead: Range<usize>,
    scratch: Vec<u8>,
    /// How many bytes it has brought, up to [`MUCH`].
    brought: usize,
}

impl<S> Metered<S> {
    /// Counts what `socket` brings in.
    pub fn new(socket: S) -> Self {
        Self { socket, ahead: 0..0, scratch: Vec::new(), brought: 0 }
    }

    /// Hands out what was read ahead.
    fn take_ahead(&mut self, buffer: &mut ReadBuf<'_>) {
        let end = self.ahead.end.min(self.ahead.start + buffer.remaining());
        buffer.put_slice(&self.scratch[self.ahead.start..end]);
        self.ahead.start = end;
        if self.ahead.is_empty() {
            SCRATCH.set(std::mem::take(&mut self.scratch));
        }
    }
}

impl<S: AsyncRead + Unpin> Metered<S> {
    /// Reads as much as there is, of which the buffer may take a part.
    fn poll_read_ahead(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.scratch = SCRATCH.take();
        self.scratch.resize(AHEAD, 0);
        let mut brought = ReadBuf::new(&mut self.scratch);
        let read = Pin::new(&mut self.socket).poll_read(cx, &mut brought);
        self.ahead = 0..brought.filled().len();
        self.take_ahead(buffer);
        read
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = if !self.ahead.is_empty() {
            self.take_ahead(buffer);
            Poll::Ready(Ok(()))
        } else if self.brought < MUCH {
            Pin::new(&mut self.socket).poll_read(cx, buffer)
        } else {
            self.poll_read_ahead(cx, buffer)
        };
        let count = buffer.filled().len() - before;
        self.brought = MUCH.min(self.brought + count);
        BROUGHT_IN.set(BROUGHT_IN.get().wrapping_add(count as u64));
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_is_read_ahead_comes_out_in_order_and_leaves_no_memory() {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let mut metered = Metered::new(near);
        let sent: Vec<u8> = (0..300_000u32).map(|index| index as u8).collect();
        far.write_all(&sent).await.unwrap();
        drop(far);
        let mut received = Vec::new();
        let mut part = [0; 4096];
        loop {
            match metered.read(&mut part).await.unwrap() {
                0 => break,
                count => received.extend_from_slice(&part[..count]),
            }
        }
        assert!(received == sent, "{} bytes came", received.len());
        assert_eq!(metered.scratch.capacity(), 0);
    }
}
