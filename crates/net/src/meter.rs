//! Bytes as a socket brings them in, for who reads what is made of them: TLS gives out a record of up to 16 KiB as a whole,
//! so that on a slow line nothing comes out of it for a while although the peer lives.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

thread_local! {
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

/// A socket whose bytes count.
#[derive(Debug)]
pub struct Metered<S>(S);

impl<S> Metered<S> {
    /// Counts what `socket` brings in.
    pub fn new(socket: S) -> Self {
        Self(socket)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.0).poll_read(cx, buffer);
        BROUGHT_IN.set(BROUGHT_IN.get().wrapping_add((buffer.filled().len() - before) as u64));
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
