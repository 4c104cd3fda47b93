//! The open answers of a service: how many there may be, and their end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::feed::Feed;
use super::query::Asked;
use super::stream::Stream;

/// Answers that may be open at the same time.
const MOST: u32 = 64;

/// How long the end of an answer is waited for, when all end.
const PATIENCE: Duration = Duration::from_millis(500);

/// There are as many open answers as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// The open answers of a service.
pub struct Streams {
    places: Arc<Semaphore>,
    ended: AtomicBool,
    end: Notify,
}

impl Default for Streams {
    fn default() -> Self {
        let places = Arc::new(Semaphore::new(MOST as usize));
        Self { places, ended: AtomicBool::new(false), end: Notify::new() }
    }
}

impl Streams {
    /// Begins an answer, with a feed for each kind that is asked for, in the same order.
    ///
    /// # Errors
    /// There are too many already.
    pub fn open(self: &Arc<Self>, asked: Asked, feeds: Vec<Arc<dyn Feed>>) -> Result<Response, Refused> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Refused)?;
        let media_type = asked.form.media_type();
        let stream = Stream::new(asked, feeds, Place { streams: self.clone(), _permit: place });
        let chunks = futures_util::stream::unfold(stream, |mut stream| async {
            let chunk = stream.next().await?;
            Some((Ok::<_, std::convert::Infallible>(chunk), stream))
        });
        let headers =
            [(CONTENT_TYPE, media_type), (CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
        Ok((headers, Body::from_stream(chunks)).into_response())
    }

    /// How many answers are open.
    pub fn count(&self) -> usize {
        MOST as usize - self.places.available_permits()
    }

    /// Told when all are to end.
    pub(super) fn ending(&self) -> &Notify {
        &self.end
    }

    /// Ends all of them in good order, when they have written what there is. One that is not read is not waited for.
    pub async fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.end.notify_waiters();
        // The semaphore is never closed; a time that runs out is no error.
        let _ = timeout(PATIENCE, self.places.acquire_many(MOST)).await;
    }
}

/// The place of an open answer.
pub(super) struct Place {
    streams: Arc<Streams>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// Whether the service ends.
    pub(super) fn has_ended(&self) -> bool {
        self.streams.ended.load(Ordering::Acquire)
    }

    pub(super) fn streams(&self) -> Arc<Streams> {
        self.streams.clone()
    }
}
