//! Peers that stop in the middle: writes that nobody reads, bodies that nobody sends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A timer that runs only while something is waited for.
struct IdleTimeout {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl IdleTimeout {
    fn new(limit: Duration) -> Self {
        Self { limit, timer: None }
    }

    /// Passes a result on and stops the timer; starts it when there is none yet. An error once it has run out.
    fn watch<T>(&mut self, cx: &mut Context<'_>, polled: Poll<T>) -> Poll<Result<T, io::Error>> {
        if let Poll::Ready(value) = polled {
            self.timer = None;
            return Poll::Ready(Ok(value));
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.limit)));
        timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// A stream whose writes fail when the peer takes nothing for a while.
pub struct IdleTimeoutWrites<S> {
    stream: S,
    idle: IdleTimeout,
}

impl<S> IdleTimeoutWrites<S> {
    /// Writes to `stream`, of which each may take as long as `limit`.
    pub fn new(stream: S, limit: Duration) -> Self {
        Self { stream, idle: IdleTimeout::new(limit) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for IdleTimeoutWrites<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for IdleTimeoutWrites<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.idle.watch(cx, written).map(|outcome| outcome.and_then(|written| written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.idle.watch(cx, flushed).map(|outcome| outcome.and_then(|flushed| flushed))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.idle.watch(cx, shut).map(|outcome| outcome.and_then(|shut| shut))
    }
}

/// Bytes a second that a body must bring after its first moments: a trickle keeps the room that was made for it for ever.
const MIN_RATE: u64 = 64 << 10;

/// A request's body that fails when the rest of it does not come, or takes too long.
pub struct IdleTimeoutBody<B> {
    body: B,
    idle: IdleTimeout,
    begun: Instant,
    received: u64,
}

impl<B> IdleTimeoutBody<B> {
    /// Reads `body`, of which each part may take as long as `limit`.
    pub fn new(body: B, limit: Duration) -> Self {
        Self { body, idle: IdleTimeout::new(limit), begun: Instant::now(), received: 0 }
    }

    /// Counts what came; an error if it is less than it should be by now.
    fn check_rate(&mut self, frame: &Frame<Bytes>) -> Result<(), io::Error> {
        self.received += frame.data_ref().map_or(0, |data| data.len() as u64);
        let allowed = self.idle.limit + Duration::from_secs(self.received / MIN_RATE);
        if self.begun.elapsed() > allowed { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

impl<B> Body for IdleTimeoutBody<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.idle.watch(cx, polled).map(|outcome| match outcome {
            Ok(frame) => frame.map(|frame| {
                let frame = frame.map_err(Into::into)?;
                self.check_rate(&frame)?;
                Ok(frame)
            }),
            Err(stalled) => Some(Err(stalled.into())),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);
    const JUST_BELOW: Duration = Duration::from_secs(9);

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_now_and_then_gets_it_all() {
        let (near, mut far) = tokio::io::duplex(8);
        let mut writes = IdleTimeoutWrites::new(near, LIMIT);
        let writing = tokio::spawn(async move { writes.write_all(&[7; 64]).await });
        for _ in 0..8 {
            sleep(JUST_BELOW).await;
            far.read_exact(&mut [0; 8]).await.unwrap();
        }
        writing.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_nothing_ends_the_write() {
        let (near, _far) = tokio::io::duplex(8);
        let begun = Instant::now();
        let error = IdleTimeoutWrites::new(near, LIMIT).write_all(&[7; 64]).await.unwrap_err();
        assert_eq!((error.kind(), begun.elapsed()), (io::ErrorKind::TimedOut, LIMIT));
    }

    /// Gives so many bytes after each of the spans, and then nothing for ever.
    struct Slow(Vec<Duration>, Option<Pin<Box<Sleep>>>, usize);

    impl Body for Slow {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            let Some(span) = self.0.first().copied() else { return Poll::Pending };
            let timer = self.1.get_or_insert_with(|| Box::pin(sleep(span)));
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            (self.1, _) = (None, self.0.remove(0));
            Poll::Ready(Some(Ok(Frame::data(vec![0; self.2].into()))))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_be_slow_and_may_not_stop() {
        let span = JUST_BELOW;
        let mut body = IdleTimeoutBody::new(Slow(vec![span; 5], None, 9 * MIN_RATE as usize), LIMIT);
        let begun = Instant::now();
        for _ in 0..5 {
            poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.unwrap().unwrap();
        }
        poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.unwrap().unwrap_err();
        assert_eq!(begun.elapsed(), span * 5 + LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_not_trickle() {
        let span = Duration::from_millis(100);
        let mut body = IdleTimeoutBody::new(Slow(vec![span; 1000], None, 1), LIMIT);
        let begun = Instant::now();
        while poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.unwrap().is_ok() {}
        assert!((LIMIT..LIMIT + 2 * span).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    }
}
