//! Takes what comes in.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Weak;
use std::time::Duration;

use super::kind::Incoming;
use super::streams::Stream;
use super::subscription::Subscription;
use crate::error::Error;
use crate::handle::Device;
use crate::reply::Reply;
use crate::stats::State;
use azmqtt_client::acknowledge::Place;
use azmqtt_net::sync::Mutex;

/// The first and the longest wait before [`Receiver::keep_subscribed`] tries again.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// Receives items of one kind, each by one of the receivers that there are for it. Asking for the next item is how the
/// application says that it is done with the one before, which is acknowledged then (at QoS 1): the hub delivers again what
/// was not. So does dropping it.
pub struct Receiver<T: Incoming> {
    device: Device,
    /// Started when the receiver is made, so that what happens from then on is not missed.
    subscription: Subscription,
    timeout: Duration,
    /// The item that the application works on.
    current: Mutex<Option<Place>>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Incoming> Receiver<T> {
    /// Asks the hub for items; each attempt at that has `timeout`.
    pub fn new(device: Device, timeout: Duration) -> Self {
        let subscription = Subscription::default();
        subscription.begin(|reply| T::subscribe(&device, timeout, reply));
        Self { device, subscription, timeout, current: Mutex::default(), kind: PhantomData }
    }

    /// Waits for the next item; `None` when nothing will come any more.
    ///
    /// # Errors
    /// Of the subscription, once for each attempt. The next call tries again.
    pub async fn next(&self) -> Result<Option<T>, Error> {
        if let Some(item) = self.take() {
            return Ok(Some(item));
        }
        let (reply, subscribed) = Reply::channel();
        self.when_subscribed(reply);
        subscribed.await.unwrap_or(Err(Error::ClientClosed))?;
        loop {
            if let Some(item) = self.take() {
                return Ok(Some(item));
            }
            let (reply, ready) = Reply::channel();
            let _listening = Listening { receiver: self, key: self.listen(reply) };
            match ready.await.unwrap_or(Err(Error::ClientClosed)) {
                Ok(()) => {}
                // What came at the last moment still counts.
                Err(Error::ClientClosed) => return Ok(self.take()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes the next item if one waits. The application is done with the one before.
    pub fn take(&self) -> Option<T> {
        self.settle_current();
        let (item, place) = self.stream().take(T::inbox(&self.device), T::delivery, |deliveries| {
            self.device.acknowledge(deliveries);
        })?;
        *self.current.lock() = place;
        Some(item)
    }

    /// Answers `reply` when it is worth trying [`Self::take`], or with [`Error::ClientClosed`] when nothing will come any
    /// more. The key is for [`Self::forget`].
    pub fn listen(&self, reply: Reply<()>) -> usize {
        self.stream().listen(T::inbox(&self.device), reply)
    }

    /// Takes a wait back. Its reply is dropped.
    pub fn forget(&self, key: usize) {
        self.stream().forget(key);
    }

    /// Answers when the hub has granted the subscription, or has not; then the next call tries again.
    pub fn when_subscribed(&self, reply: Reply<()>) {
        if self.device.state() == State::Connected {
            self.subscription.forget_failure();
        }
        self.subscription.then(|reply| T::subscribe(&self.device, self.timeout, reply), reply);
    }

    /// Has the hub asked for items until it has granted that, with backoff, or until the receiver is dropped. `failed` is
    /// told of each failure; the last one may be [`Error::ClientClosed`].
    pub async fn keep_subscribed(receiver: Weak<Self>, mut failed: impl FnMut(Error)) {
        let mut retry = FIRST_RETRY;
        loop {
            let (reply, outcome) = Reply::channel();
            match receiver.upgrade() {
                Some(receiver) => receiver.when_subscribed(reply),
                None => return,
            }
            let Err(error) = outcome.await.unwrap_or(Err(Error::ClientClosed)) else { return };
            let is_over = error == Error::ClientClosed;
            failed(error);
            if is_over {
                return;
            }
            tokio::time::sleep(retry).await;
            retry = (2 * retry).min(LONGEST_RETRY);
        }
    }

    /// The application is done with the last item, which is acknowledged at once.
    pub fn done(&self) {
        self.settle_current();
        self.stream().flush(|deliveries| self.device.acknowledge(deliveries));
    }

    fn settle_current(&self) {
        if let Some(place) = self.current.lock().take() {
            self.stream().done(place, |deliveries| self.device.acknowledge(deliveries));
        }
    }

    fn stream(&self) -> &Stream<T> {
        T::stream(self.device.streams())
    }
}

impl<T: Incoming> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.done();
    }
}

impl<T: Incoming> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("device", &self.device).finish_non_exhaustive()
    }
}

/// A wait that is taken back when its future is dropped.
struct Listening<'a, T: Incoming> {
    receiver: &'a Receiver<T>,
    key: usize,
}

impl<T: Incoming> Drop for Listening<'_, T> {
    fn drop(&mut self) {
        self.receiver.forget(self.key);
    }
}
