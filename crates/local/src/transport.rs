//! One byte stream of a client: a framed stream that knows how long the client has not read, and may be recorded.

use std::fmt;
use std::io;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::packets::Tap;
use azmqtt_net::{Framed, buffers};

/// A buffer of output that grew beyond this is given back once it is empty. Acknowledgements never need more.
const KEEP_OUTPUT: usize = 8 << 10;

/// A stream with what it has read and not yet understood.
pub struct Transport<S> {
    framed: Framed<S, Option<Box<Tap>>>,
    /// When the pending output last moved; `None` while nothing is pending.
    stalled_since: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Transport<S> {
    /// A stream of which nothing was read yet. `tap` is told of every byte, if packets are recorded.
    pub fn new(stream: S, tap: Option<Box<Tap>>) -> Self {
        Self { framed: Framed::observed(stream, tap), stalled_since: None }
    }

    /// Bytes that came in, front first.
    pub fn input(&mut self) -> &mut BytesMut {
        &mut self.framed.input
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
        let written = self.framed.written();
        let all = self.framed.poll_write(cx, output)?;
        if all.is_pending() {
            if self.framed.written() > written {
                self.stalled_since = Some(now);
            }
            self.stalled_since.get_or_insert(now);
            return Poll::Pending;
        }
        self.stalled_since = None;
        let count = usize::try_from(self.framed.written() - written).unwrap_or(usize::MAX);
        if count.max(output.capacity()) > KEEP_OUTPUT {
            buffers::give(std::mem::take(output));
        }
        Poll::Ready(Ok(()))
    }

    /// Appends to [`Self::input`] what came in; zero bytes mean that the peer closed. A client that has nothing to say for
    /// now holds no buffer.
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.framed.poll_read(cx)
    }

    /// The same for all that has come in, up to 64 KiB and one read more.
    ///
    /// # Errors
    /// The stream has ended, and all that came before was said by earlier calls.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.framed.poll_fill(cx)
    }

    /// When bytes came in last of which nothing has come out yet, as within a TLS record; once.
    pub fn take_part(&mut self) -> Option<Instant> {
        self.framed.take_part()
    }

    /// Has the recording of packets say why the connection ends.
    pub fn ends(&mut self, reason: impl fmt::Display) {
        if let Some(tap) = &mut self.framed.observer {
            tap.ends(reason.to_string());
        }
    }

    /// When the peer counts as one that does not read, unless it takes something before.
    pub fn write_deadline(&self, timeout: Duration) -> Option<Instant> {
        self.stalled_since.map(|since| since + timeout)
    }

    /// Closes this direction of the stream (TLS `close_notify`, then FIN).
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.framed.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn an_idle_connection_holds_no_buffers() {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let mut transport = Transport::new(near, None);
        let (many, mut taken) = (vec![7; 100_000], vec![0; 100_000]);
        let mut output = BytesMut::from(&many[..]);
        poll_fn(|cx| transport.poll_write(cx, &mut output, Instant::now())).await.unwrap();
        far.read_exact(&mut taken).await.unwrap();
        far.write_all(&many).await.unwrap();
        while transport.input().len() < 100_000 {
            poll_fn(|cx| transport.poll_read(cx)).await.unwrap();
        }
        let _packet = transport.input().split_to(100_000).freeze();
        assert!(poll_fn(|cx| Poll::Ready(transport.poll_read(cx).is_pending())).await);
        assert_eq!((output.capacity(), transport.input().capacity()), (0, 0));
    }

    #[tokio::test]
    async fn the_write_deadline_counts_from_the_last_progress() {
        let (near, mut far) = tokio::io::duplex(8);
        let mut transport = Transport::new(near, None);
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
}
