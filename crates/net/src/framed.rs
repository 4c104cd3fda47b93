//! Buffered reads and batched writes on one stream, neither waiting for the other, for clients and servers.
//!
//! Everything here is a poll, driven by one task: nothing is cancelled in mid-write, and no lock is needed between the
//! two directions. Whoever drives it parses what is in [`Framed::input`], and bounds what it reads and writes by when
//! it polls.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use crate::{buffers, meter};

/// How much one turn reads before the input is looked at.
const READ_AHEAD: usize = 64 * 1024;
/// Room for one read: two full TLS records.
const READ_SIZE: usize = 32 * 1024;
/// An idle output buffer larger than this is given back.
const IDLE_CAPACITY: usize = 4 * 1024;

/// How long a peer may take to close after this side has.
const SHUTDOWN: Duration = Duration::from_secs(2);

thread_local! {
    /// Where every connection of this thread reads to, so that one that waits for its peer holds no buffer.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_SIZE].into_boxed_slice());
}

/// Is told of every byte on a stream, such as for a recording.
pub trait Observer {
    /// These came from the peer.
    fn received(&mut self, bytes: &[u8]);
    /// The stream has taken these.
    fn sent(&mut self, bytes: &[u8]);
}

/// Nobody looks.
impl Observer for () {
    fn received(&mut self, _: &[u8]) {}
    fn sent(&mut self, _: &[u8]) {}
}

/// Somebody may look.
impl<O: Observer> Observer for Option<Box<O>> {
    fn received(&mut self, bytes: &[u8]) {
        if let Some(observer) = self {
            observer.received(bytes);
        }
    }

    fn sent(&mut self, bytes: &[u8]) {
        if let Some(observer) = self {
            observer.sent(bytes);
        }
    }
}

/// A stream with what was read and not yet understood.
#[derive(Debug)]
pub struct Framed<S, O = ()> {
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
    /// Who is told of every byte.
    pub observer: O,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Framed<S> {
    /// A stream that nobody observes.
    pub fn new(stream: S) -> Self {
        Self::observed(stream, ())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, O: Observer> Framed<S, O> {
    /// A stream whose bytes `observer` is told of.
    pub fn observed(stream: S, observer: O) -> Self {
        Self { stream, input: BytesMut::new(), written: 0, flushed: 0, end: None, part_at: None, observer }
    }

    /// Writes what the stream takes of `output`, and with `read` reads what it has, up to 64 KiB and one read more.
    /// Ready when anything was written or read, with how many bytes were read, or when the stream ended (see
    /// [`Self::take_end`]).
    ///
    /// Every state lives in `self` and `output`: dropping the future that polls this loses nothing.
    pub fn poll_turn(&mut self, cx: &mut Context<'_>, output: &mut BytesMut, read: bool) -> Poll<usize> {
        let before = (self.written, self.flushed);
        let mut broken = match self.poll_write(cx, output) {
            Poll::Ready(Err(error)) => Some(error),
            Poll::Ready(Ok(())) | Poll::Pending => None,
        };
        // A peer that closed has often answered before: after a failed write that is read to the end.
        let received = if read || broken.is_some() { self.read_some(cx, &mut broken) } else { 0 };
        let progress = before != (self.written, self.flushed) || received > 0 || self.end.is_some();
        if progress { Poll::Ready(received) } else { Poll::Pending }
    }

    /// Appends to [`Self::input`] what has come in, up to 64 KiB and one read more: how many bytes, at least one.
    ///
    /// # Errors
    /// The stream has ended, and all that came before was said by earlier calls. A peer that closed is
    /// [`io::ErrorKind::UnexpectedEof`].
    pub fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match self.read_some(cx, &mut None) {
            0 => self.end.take().map_or(Poll::Pending, |end| Poll::Ready(Err(end))),
            received => Poll::Ready(Ok(received)),
        }
    }

    /// Reads what has come in, up to the end of the stream, of which `broken` may be the reason.
    fn read_some(&mut self, cx: &mut Context<'_>, broken: &mut Option<io::Error>) -> usize {
        let mut received = 0;
        while self.end.is_none() && received < READ_AHEAD {
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
        received
    }

    /// Why nothing more will come or go, once. What came before is in [`Self::input`].
    pub fn take_end(&mut self) -> Option<io::Error> {
        self.end.take()
    }

    /// When bytes came in last of which nothing has come out yet, as within a TLS record; once.
    pub fn take_part(&mut self) -> Option<Instant> {
        self.part_at.take()
    }

    /// Appends to [`Self::input`] what came in, up to 32 KiB or the room that it has; zero bytes mean that the peer closed. An
    /// input with nothing in it holds no memory while nothing comes.
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let before = self.input.len();
        let (read, alive) = meter::watch(|| {
            // Of a peer that sends much, the rest has its place already.
            if before > 0 && self.input.try_reclaim(READ_SIZE) {
                pin!(self.stream.read_buf(&mut self.input)).poll(cx)
            } else {
                self.poll_read_by_scratch(cx)
            }
        });
        if read.is_pending() {
            if alive {
                self.part_at = Some(Instant::now());
            }
            if self.input.is_empty() {
                buffers::give(std::mem::take(&mut self.input));
            }
        }
        let count = ready!(read)?;
        self.observer.received(&self.input[before..]);
        Poll::Ready(Ok(count))
    }

    fn poll_read_by_scratch(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            if self.input.is_empty() && self.input.capacity() == 0 {
                self.input = buffers::take();
            }
            self.input.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    }

    /// Writes as much of `output` as the peer takes now. Ready when all of it has left for the socket; the rest is
    /// written by later calls.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, output: &mut BytesMut) -> Poll<io::Result<()>> {
        while !output.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, output)? {
                Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(count) => {
                    self.observer.sent(&output[..count]);
                    output.advance(count);
                    self.written += count as u64;
                }
                Poll::Pending => break,
            }
        }
        if self.flushed < self.written && Pin::new(&mut self.stream).poll_flush(cx)?.is_ready() {
            self.flushed = self.written;
        }
        if output.is_empty() && self.flushed == self.written { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// How many bytes have ever been handed to the stream.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// How many of them have left for the socket.
    pub fn flushed(&self) -> u64 {
        self.flushed
    }

    /// Gives memory back when nothing is under way.
    pub fn shrink(&mut self, output: &mut BytesMut) {
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        if output.is_empty() && output.capacity() > IDLE_CAPACITY {
            *output = BytesMut::new();
        }
    }

    /// Closes this direction of the stream (TLS `close_notify`, then FIN).
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    /// Ends the stream in order, in a task of its own: closes this direction, then reads to the end of the other one, for
    /// up to 2 s. A socket that is closed with unread input is reset, and takes with it what was written last.
    pub fn shut_down(self) -> impl Future<Output = ()> + Send + use<S, O>
    where
        S: Send,
    {
        let mut stream = self.stream;
        async move {
            let shut_down = async {
                stream.shutdown().await?;
                let mut rest = [0; 1024];
                while stream.read(&mut rest).await? > 0 {}
                io::Result::Ok(())
            };
            // Whatever happens here, the protocol's side of the connection is over already.
            let _ = timeout(SHUTDOWN, shut_down).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn reads_while_a_write_is_pending() {
        let (near, mut far) = tokio::io::duplex(8);
        let mut framed = Framed::new(near);
        let mut output = BytesMut::from(&[7; 20][..]);
        far.write_all(b"abc").await.unwrap();
        let read = poll_fn(|cx| {
            assert!(framed.poll_write(cx, &mut output).is_pending());
            framed.poll_read(cx)
        });
        assert_eq!(read.await.unwrap(), 3);
        assert_eq!((&framed.input[..], output.len()), (&b"abc"[..], 12));
    }

    #[tokio::test]
    async fn an_idle_connection_holds_no_buffers() {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let mut framed = Framed::new(near);
        let (many, mut taken) = (vec![7; 100_000], vec![0; 100_000]);
        let mut output = BytesMut::from(&many[..]);
        poll_fn(|cx| framed.poll_write(cx, &mut output)).await.unwrap();
        far.read_exact(&mut taken).await.unwrap();
        far.write_all(&many).await.unwrap();
        while framed.input.len() < 100_000 {
            poll_fn(|cx| framed.poll_read(cx)).await.unwrap();
        }
        let _packet = framed.input.split_to(100_000).freeze();
        assert!(poll_fn(|cx| Poll::Ready(framed.poll_read(cx).is_pending())).await);
        framed.shrink(&mut output);
        assert_eq!((output.capacity(), framed.input.capacity()), (0, 0));
    }

    /// Through the scratch buffer and past it, whatever is taken out on the way and held by others.
    #[tokio::test]
    async fn bytes_come_in_order() {
        let bytes: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
        let (near, mut far) = tokio::io::duplex(3 * READ_SIZE);
        let mut framed = Framed::observed(near, Some(Box::<Counts>::default()));
        let sent = bytes.clone();
        let sending = tokio::spawn(async move { far.write_all(&sent).await.map(|()| far) });
        let (mut got, mut held) = (Vec::new(), Vec::new());
        while got.len() < bytes.len() {
            assert!(poll_fn(|cx| framed.poll_fill(cx)).await.unwrap() > 0);
            let part = framed.input.len() - framed.input.len() % 7 / 2;
            let part = framed.input.split_to(part).freeze();
            got.extend_from_slice(&part);
            if held.len() < 10 {
                held.push(part);
            } else {
                held.clear();
            }
            got.extend_from_slice(&framed.input.split());
        }
        assert!(got == bytes);
        assert_eq!(framed.observer.as_ref().unwrap().0, bytes.len());
        drop(sending.await.unwrap().unwrap());
        assert!(poll_fn(|cx| framed.poll_fill(cx)).await.is_err());
    }

    #[tokio::test]
    async fn a_closed_peer_reads_as_zero_bytes() {
        let (near, far) = tokio::io::duplex(8);
        drop(far);
        let mut framed = Framed::new(near);
        assert_eq!(poll_fn(|cx| framed.poll_read(cx)).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_a_peer_said_before_it_closed_is_read_after_a_failed_write() {
        let (near, mut far) = tokio::io::duplex(64);
        far.write_all(b"bye").await.unwrap();
        drop(far);
        let mut framed = Framed::new(near);
        let mut output = BytesMut::from(&b"more"[..]);
        assert_eq!(poll_fn(|cx| framed.poll_turn(cx, &mut output, false)).await, 3);
        assert_eq!(&framed.input[..], b"bye");
        assert!(framed.take_end().is_some() && framed.take_end().is_none());
    }

    /// Counts, as a recording would.
    #[derive(Default)]
    struct Counts(usize, usize);

    impl Observer for Counts {
        fn received(&mut self, bytes: &[u8]) {
            self.0 += bytes.len();
        }

        fn sent(&mut self, bytes: &[u8]) {
            self.1 += bytes.len();
        }
    }

    #[tokio::test]
    async fn an_observer_is_told_of_every_byte_once() {
        let (near, mut far) = tokio::io::duplex(8);
        let mut framed = Framed::observed(near, Some(Box::<Counts>::default()));
        let mut output = BytesMut::from(&[7; 20][..]);
        let sending = async {
            far.write_all(b"abc").await.unwrap();
            far.read_exact(&mut [0; 20]).await.unwrap();
        };
        let turns = async {
            while framed.flushed() < 20 || framed.input.len() < 3 {
                poll_fn(|cx| framed.poll_turn(cx, &mut output, true)).await;
            }
        };
        tokio::join!(sending, turns);
        let Counts(received, sent) = **framed.observer.as_ref().unwrap();
        assert_eq!((received, sent, framed.written()), (3, 20, 20));
    }
}
