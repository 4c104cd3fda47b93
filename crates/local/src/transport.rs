//! One byte stream of a client: batched writes, reads while a write is pending, bounds on both.
//!
//! Everything here is a poll, driven by one task: nothing is cancelled in mid-write and no lock is needed between the
//! two directions.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::packets::Tap;
use azmqtt_net::meter;

/// How much is read in one go: two full TLS records.
const READ_SIZE: usize = 32 << 10;

/// A buffer of output that grew beyond this is given back once it is empty. Acknowledgements never need more.
const KEEP_OUTPUT: usize = 8 << 10;

thread_local! {
    /// Shared by all connections of a thread, so that an idle one holds no read buffer.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_SIZE].into_boxed_slice());
}

/// A stream with what it has read and not yet understood.
pub struct Transport<S> {
    stream: S,
    /// Bytes that came in, front first.
    pub input: BytesMut,
    /// The stream holds written bytes that may not have reached the socket.
    unflushed: bool,
    /// When the pending output last moved; `None` while nothing is pending.
    stalled_since: Option<Instant>,
    /// When the socket last brought in a part of something that is to come out as a whole, until somebody asks.
    part_at: Option<Instant>,
    /// Told of every byte, if packets are recorded.
    pub tap: Option<Box<Tap>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Transport<S> {
    /// A stream of which nothing was read yet.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            input: BytesMut::new(),
            unflushed: false,
            stalled_since: None,
            part_at: None,
            tap: None,
        }
    }

    /// Writes as much of `output` as the peer takes now; the rest is written by later calls.
    ///
    /// # Errors
    /// The stream is broken.
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        output: &mut BytesMut,
        now: Instant,
    ) -> Poll<io::Result<()>> {
        if output.is_empty() && !self.unflushed {
            return Poll::Ready(Ok(()));
        }
        self.stalled_since.get_or_insert(now);
        while !output.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, output))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => {
                    if let Some(tap) = &mut self.tap {
                        tap.sent(&output[..written]);
                    }
                    output.advance(written);
                }
            }
            self.unflushed = true;
            self.stalled_since = Some(now);
        }
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.unflushed = false;
        self.stalled_since = None;
        if output.capacity() > KEEP_OUTPUT {
            *output = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Appends to [`Self::input`] what came in; zero bytes mean that the peer closed. A client that has nothing to say for
    /// now holds no buffer.
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            let (read, alive) = meter::watch(|| Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            if alive && read.is_pending() {
                self.part_at = Some(Instant::now());
            }
            if self.input.is_empty() && read.is_pending() {
                self.input = BytesMut::new();
            }
            ready!(read)?;
            if let Some(tap) = &mut self.tap {
                tap.received(buffer.filled());
            }
            self.input.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    }

    /// When bytes came in last of which nothing has come out yet, as within a TLS record; once.
    pub fn take_part(&mut self) -> Option<Instant> {
        self.part_at.take()
    }

    /// Has the recording of packets say why the connection ends.
    pub fn ends(&mut self, reason: impl fmt::Display) {
        if let Some(tap) = &mut self.tap {
            tap.ends(reason.to_string());
        }
    }

    /// When the peer counts as one that does not read, unless it takes something before.
    pub fn write_deadline(&self, timeout: Duration) -> Option<Instant> {
        self.stalled_since.map(|since| since + timeout)
    }

    /// Says goodbye on the stream (TLS `close_notify`, then FIN).
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn reads_while_a_write_is_pending() {
        let (near, mut far) = tokio::io::duplex(8);
        let mut transport = Transport::new(near);
        let mut output = BytesMut::from(&[7; 20][..]);
        far.write_all(b"abc").await.unwrap();
        let read = poll_fn(|cx| {
            assert!(transport.poll_write(cx, &mut output, Instant::now()).is_pending());
            transport.poll_read(cx)
        });
        assert_eq!(read.await.unwrap(), 3);
        assert_eq!((&transport.input[..], output.len()), (&b"abc"[..], 12));
    }

    #[tokio::test]
    async fn an_idle_connection_holds_no_buffers() {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let mut transport = Transport::new(near);
        let (many, mut taken) = (vec![7; 100_000], vec![0; 100_000]);
        let mut output = BytesMut::from(&many[..]);
        poll_fn(|cx| transport.poll_write(cx, &mut output, Instant::now())).await.unwrap();
        far.read_exact(&mut taken).await.unwrap();
        far.write_all(&many).await.unwrap();
        while transport.input.len() < 100_000 {
            poll_fn(|cx| transport.poll_read(cx)).await.unwrap();
        }
        let _packet = transport.input.split_to(100_000).freeze();
        assert!(poll_fn(|cx| Poll::Ready(transport.poll_read(cx).is_pending())).await);
        assert_eq!((output.capacity(), transport.input.capacity()), (0, 0));
    }

    #[tokio::test]
    async fn the_write_deadline_counts_from_the_last_progress() {
        let (near, mut far) = tokio::io::duplex(8);
        let mut transport = Transport::new(near);
        let mut output = BytesMut::from(&[7; 20][..]);
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        assert_eq!(transport.write_deadline(second), None);
        let mut write = async |at| poll_fn(|cx| Poll::Ready(transport.poll_write(cx, &mut output, at))).await;
        assert!(write(start).await.is_pending());
        assert!(write(start + second).await.is_pending());
        far.read_exact(&mut [0; 8]).await.unwrap();
        assert!(write(start + second).await.is_pending());
        far.read_exact(&mut [0; 8]).await.unwrap();
        assert!(write(start + 2 * second).await.is_ready());
        assert_eq!(transport.write_deadline(second), None);
    }

    #[tokio::test]
    async fn a_closed_peer_reads_as_zero_bytes() {
        let (near, far) = tokio::io::duplex(8);
        drop(far);
        let mut transport = Transport::new(near);
        assert_eq!(poll_fn(|cx| transport.poll_read(cx)).await.unwrap(), 0);
    }
}
