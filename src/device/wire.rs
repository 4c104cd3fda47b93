//! Reads and batched writes on one stream, neither waiting for the other.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use azmqtt_net::meter;

/// How much is read before the input is looked at.
const READ_AHEAD: usize = 64 * 1024;
/// Room for one read: two full TLS records.
const READ_SIZE: usize = 32 * 1024;
/// An idle buffer larger than this is given back.
const IDLE_CAPACITY: usize = 4 * 1024;

/// How long a peer that was told goodbye may take to close.
const WIND_UP: Duration = Duration::from_secs(2);

thread_local! {
    /// Where every connection of this thread reads to, so that one that waits for its peer holds no buffer.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_SIZE].into_boxed_slice());
}

/// A stream with what was read and not yet understood.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: S,
    /// Bytes from the peer, front first.
    pub input: BytesMut,
    /// Bytes handed to the stream since it was opened.
    written: u64,
    /// How many of them have left for the socket.
    flushed: u64,
    /// Why the stream ended, until somebody asks.
    end: Option<io::Error>,
    /// When the socket last brought in a part of something that is to come out as a whole, until somebody asks.
    part_at: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, input: BytesMut::new(), written: 0, flushed: 0, end: None, part_at: None }
    }

    /// Writes what the stream takes of `output`, and with `read` reads what it has. Ready when anything was
    /// written or read, with how many bytes were read, or when the stream ended (see [`Self::take_end`]).
    ///
    /// Every state lives in `self` and `output`: dropping the future that polls this loses nothing.
    pub(crate) fn poll_turn(
        &mut self,
        cx: &mut Context<'_>,
        output: &mut BytesMut,
        read: bool,
    ) -> Poll<usize> {
        let (mut progress, mut broken) = match self.poll_write_all(cx, output) {
            Ok(progress) => (progress, None),
            Err(error) => (false, Some(error)),
        };
        let mut received = 0;
        // A peer that closed has often answered before: after a failed write that is read to the end.
        while (read || broken.is_some()) && self.end.is_none() && received < READ_AHEAD {
            match self.poll_read(cx) {
                Poll::Ready(Ok(0)) => {
                    self.end = Some(broken.take().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()));
                }
                Poll::Ready(Ok(count)) => received += count,
                Poll::Ready(Err(error)) => self.end = Some(broken.take().unwrap_or(error)),
                Poll::Pending => {
                    self.end = broken.take();
                    break;
                }
            }
        }
        progress |= received > 0 || self.end.is_some();
        if progress { Poll::Ready(received) } else { Poll::Pending }
    }

    /// Why nothing more will come or go, once. What came before is in [`Self::input`].
    pub(crate) fn take_end(&mut self) -> Option<io::Error> {
        self.end.take()
    }

    /// When bytes came in last of which nothing has come out yet, as within a TLS record; once.
    pub(crate) fn take_part(&mut self) -> Option<Instant> {
        self.part_at.take()
    }

    /// Appends to the input what came in; zero bytes mean that the peer closed.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            let (read, alive) = meter::watch(|| Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            if alive && read.is_pending() {
                self.part_at = Some(Instant::now());
            }
            ready!(read)?;
            self.input.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    }

    fn poll_write_all(&mut self, cx: &mut Context<'_>, output: &mut BytesMut) -> io::Result<bool> {
        let mut progress = false;
        while !output.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, output) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => {
                    output.advance(count);
                    self.written += count as u64;
                    progress = true;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        if self.flushed < self.written && Pin::new(&mut self.stream).poll_flush(cx)?.is_ready() {
            self.flushed = self.written;
            progress = true;
        }
        Ok(progress)
    }

    /// How many bytes have ever been handed to the stream.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// How many of them have left for the socket.
    pub(crate) fn flushed(&self) -> u64 {
        self.flushed
    }

    /// Gives memory back when nothing is under way.
    pub(crate) fn shrink(&mut self, output: &mut BytesMut) {
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        if output.is_empty() && output.capacity() > IDLE_CAPACITY {
            *output = BytesMut::new();
        }
    }

    /// Ends the stream in order, in a task of its own: closes this direction, then reads to the end of the
    /// other one. A socket that is closed with unread input is reset, and takes with it what was written
    /// last.
    pub(crate) fn wind_up(self) -> impl Future<Output = ()> + Send + use<S>
    where
        S: Send,
    {
        let mut stream = self.stream;
        async move {
            let wind_up = async {
                stream.shutdown().await?;
                let mut rest = [0; 1024];
                while stream.read(&mut rest).await? > 0 {}
                io::Result::Ok(())
            };
            // Whatever happens here, the MQTT side of the connection is over already.
            let _ = timeout(WIND_UP, wind_up).await;
        }
    }
}
