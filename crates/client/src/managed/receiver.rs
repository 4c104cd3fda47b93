//! Takes what comes in.

use std::fmt;
use std::sync::Arc;

use super::commands::Command;
use super::error::Error;
use super::handle::Client;
use super::inlets::Inlet;
use super::message::{Delivery, Received};
use crate::acknowledge::Place;
use crate::reply::{Closed, Reply};
use crate::stream::Stream;
use azmqtt_net::sync::Mutex;

/// Receives the messages that match a filter, from when it is made. Every matching receiver gets a message, and it is
/// acknowledged once all of them are done with it, in the order of arrival.
///
/// Asking for the next message is how the application says that it is done with the one before; so does dropping the
/// receiver. With [`Config::manual_acknowledge`] it says so by [`Client::acknowledge`] alone. What still waits in a
/// receiver that is dropped counts as unclaimed.
///
/// [`Config::manual_acknowledge`]: super::config::Config::manual_acknowledge
pub struct Receiver {
    client: Client,
    inlet: Arc<Inlet>,
    stream: Stream<Received, Delivery>,
    /// The message that the application works on.
    current: Mutex<Option<Place>>,
}

impl Receiver {
    pub(super) fn new(client: Client, inlet: Arc<Inlet>) -> Self {
        Self { client, inlet, stream: Stream::default(), current: Mutex::default() }
    }

    /// Waits for the next message; `None` when nothing will come any more.
    pub async fn next(&self) -> Option<Received> {
        loop {
            if let Some(message) = self.take() {
                return Some(message);
            }
            let (reply, ready) = Reply::channel();
            let _listening = Listening { receiver: self, key: self.listen(reply) };
            if ready.await.unwrap_or(Err(Error::Closed)).is_err() {
                // What came at the last moment still counts.
                return self.take();
            }
        }
    }

    /// Takes the next message if one waits. The application is done with the one before.
    pub fn take(&self) -> Option<Received> {
        self.settle_current();
        let manual = self.client.config().manual_acknowledge;
        let delivery = |message: &Received| message.delivery.filter(|_| !manual);
        let acknowledge = |deliveries| self.client.acknowledge(deliveries);
        loop {
            let (message, place) = self.stream.take(&self.inlet.inbox, delivery, acknowledge)?;
            if self.client.shared().inlets.comes_again(&message) {
                if let Some(place) = place {
                    self.stream.done(place, acknowledge);
                }
                continue;
            }
            *self.current.lock() = place;
            return Some(message);
        }
    }

    /// Answers `reply` when it is worth trying [`Self::take`], or with [`Closed::closed`] when nothing will come any more.
    /// The key is for [`Self::forget`].
    pub fn listen<E: Closed + 'static>(&self, reply: Reply<(), E>) -> usize {
        self.stream.listen(&self.inlet.inbox, reply)
    }

    /// Takes a wait back. Its reply is dropped.
    pub fn forget(&self, key: usize) {
        self.stream.forget(key);
    }

    /// The application is done with the last message, which is acknowledged at once.
    pub fn done(&self) {
        self.settle_current();
        self.stream.flush(|deliveries| self.client.acknowledge(deliveries));
    }

    /// Messages that wait.
    pub fn len(&self) -> usize {
        self.inlet.inbox.len() + self.stream.waiting()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn settle_current(&self) {
        if let Some(place) = self.current.lock().take() {
            self.stream.done(place, |deliveries| self.client.acknowledge(deliveries));
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.done();
        let left = self.stream.drain().into();
        self.client.shared().inlets.remove(&self.inlet);
        self.client.post(Command::Leave(Arc::clone(&self.inlet), left));
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("inlet", &self.inlet).finish_non_exhaustive()
    }
}

/// A wait that is taken back when its future is dropped.
struct Listening<'a> {
    receiver: &'a Receiver,
    key: usize,
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.receiver.forget(self.key);
    }
}
