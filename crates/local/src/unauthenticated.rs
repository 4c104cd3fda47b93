//! Connections of clients that have not shown yet who they are: how much each of them may send meanwhile.
//!
//! A CONNECT is some hundred bytes, but one with a will may have 128 KiB, and a registration as much as any message. So
//! each of them may send a little, and a few at a time may send that much: what all of them can make the hub hold
//! stays small. How many there may be is the listener's business.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use azmqtt_mqtt::MAX_PACKET_SIZE;

/// Bytes that any client may send before it is authenticated.
const EACH: usize = 16 << 10;

/// Bytes that a client may send before that if it has one of the places for those with more to say: the largest packet, and some.
const LARGE: usize = MAX_PACKET_SIZE + EACH;

/// How many of these places there are.
const LARGE_PLACES: usize = 64;

/// What the unauthenticated connections of a service share.
pub struct UnauthenticatedLimits {
    large: Arc<Semaphore>,
}

impl Default for UnauthenticatedLimits {
    fn default() -> Self {
        Self { large: Arc::new(Semaphore::new(LARGE_PLACES)) }
    }
}

impl UnauthenticatedLimits {
    /// Counts a connection in that has this `room` among the others of its listener.
    pub fn admit(&self, room: OwnedSemaphorePermit) -> Unauthenticated {
        Unauthenticated { _room: room, large: self.large.clone(), known: Arc::default() }
    }
}

/// Held by a connection as long as it is not authenticated. Once dropped, another connection may take its place, and this one's
/// [`LimitedStream`] is limited no longer.
pub struct Unauthenticated {
    _room: OwnedSemaphorePermit,
    large: Arc<Semaphore>,
    known: Arc<AtomicBool>,
}

impl Unauthenticated {
    /// Limits what the client can make anybody read from `stream`.
    pub fn limit<S>(&self, stream: S) -> LimitedStream<S> {
        let state = Allowance::Of { left: EACH, large: self.large.clone(), taken: None };
        LimitedStream { stream, known: self.known.clone(), state }
    }
}

impl Drop for Unauthenticated {
    fn drop(&mut self) {
        self.known.store(true, Ordering::Release);
    }
}

/// A stream that fails when more is read from it than an unauthenticated client may send.
pub struct LimitedStream<S> {
    stream: S,
    known: Arc<AtomicBool>,
    state: Allowance,
}

enum Allowance {
    /// The client has shown who it is.
    Unbounded,
    Of {
        left: usize,
        large: Arc<Semaphore>,
        taken: Option<OwnedSemaphorePermit>,
    },
}

impl<S: AsyncRead + Unpin> AsyncRead for LimitedStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let Allowance::Of { left, large, taken } = &mut this.state else {
            return Pin::new(&mut this.stream).poll_read(cx, buffer);
        };
        if this.known.load(Ordering::Acquire) {
            this.state = Allowance::Unbounded;
            return Pin::new(&mut this.stream).poll_read(cx, buffer);
        }
        if *left == 0 {
            let place = if taken.is_none() { large.clone().try_acquire_owned().ok() } else { None };
            let Some(place) = place else {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "too much before authentication",
                )));
            };
            (*taken, *left) = (Some(place), LARGE - EACH);
        }
        let most = buffer.remaining().min(*left);
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(most));
        ready!(Pin::new(&mut this.stream).poll_read(cx, &mut part))?;
        let count = part.filled().len();
        buffer.advance(count);
        *left -= count;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LimitedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    /// How much can be read of an endless stream.
    async fn read_all(stream: &mut LimitedStream<tokio::io::Repeat>) -> usize {
        let (mut read, mut chunk) = (0, [0; 5000]);
        while let Ok(count @ 1..) = stream.read(&mut chunk).await {
            read += count;
            if read > 2 * LARGE {
                break;
            }
        }
        read
    }

    #[tokio::test]
    async fn a_client_may_send_little_and_a_few_may_send_more() {
        let room = Arc::new(Semaphore::new(2));
        let limits = UnauthenticatedLimits { large: Arc::new(Semaphore::new(1)) };
        let places = [(); 2].map(|()| limits.admit(room.clone().try_acquire_owned().unwrap()));
        let [mut first, mut second] = places.each_ref().map(|place| place.limit(tokio::io::repeat(7)));
        assert_eq!(read_all(&mut first).await, LARGE);
        assert_eq!(read_all(&mut second).await, EACH);
        drop(first);
        assert_eq!(read_all(&mut second).await, LARGE - EACH, "the place is free again");
        drop(places);
        assert!(read_all(&mut second).await > LARGE, "it is known now");
        assert_eq!((room.available_permits(), limits.large.available_permits()), (2, 1));
    }
}
