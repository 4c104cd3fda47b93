//! Requests without an answer, by their correlation data.

use std::collections::HashMap;
use std::time::Instant;

use crate::lasting::times::Time;
use crate::managed::message::{Correlation, Received};
use crate::reply::Reply;
use azmqtt_mqtt::Publish;

/// The table of requests.
#[derive(Debug, Default)]
pub(super) struct Requests {
    open: HashMap<Correlation, Open>,
    /// The response topics that were asked for, and whether the broker has granted them.
    topics: HashMap<String, bool>,
    /// Requests so far, for their order.
    count: u64,
}

/// A request without its answer.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) response_topic: String,
    pub(super) time: Time,
    pub(super) started: Instant,
    pub(super) reply: Reply<Received>,
    /// Until the response topic is granted, the message, and what it takes of the outbox.
    pub(super) unsent: Option<(Publish, u32)>,
    /// The broker knows nobody who would answer.
    pub(super) unmatched: bool,
    /// Its place among the requests; given by [`Requests::insert`].
    pub(super) sequence: u64,
}

impl Requests {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn insert(&mut self, correlation: Correlation, mut request: Open) {
        self.count += 1;
        request.sequence = self.count;
        self.open.insert(correlation, request);
    }

    pub(super) fn get_mut(&mut self, correlation: &Correlation) -> Option<&mut Open> {
        self.open.get_mut(correlation)
    }

    pub(super) fn remove(&mut self, correlation: &Correlation) -> Option<Open> {
        self.open.remove(correlation)
    }

    /// The request that a message answers: by its topic and the bytes of its correlation data.
    pub(super) fn answered(&mut self, topic: &str, correlation: Option<&[u8]>) -> Option<Open> {
        let correlation: &Correlation = correlation?.try_into().ok()?;
        if self.open.get(correlation)?.response_topic != topic {
            return None;
        }
        self.open.remove(correlation)
    }

    /// Whether answers come on this topic.
    pub(super) fn listens_to(&self, topic: &str) -> bool {
        !self.topics.is_empty() && self.topics.contains_key(topic)
    }

    /// Whether the broker has granted the topic; `None` if it was not asked.
    pub(super) fn is_granted(&self, topic: &str) -> Option<bool> {
        self.topics.get(topic).copied()
    }

    pub(super) fn set_granted(&mut self, topic: &str, granted: bool) {
        self.topics.insert(topic.to_owned(), granted);
    }

    /// The topic is to be asked for anew by the next request.
    pub(super) fn forget_topic(&mut self, topic: &str) {
        self.topics.remove(topic);
    }

    pub(super) fn forget_topics(&mut self) {
        self.topics.clear();
    }

    /// The messages that waited for this topic, oldest first.
    pub(super) fn release(&mut self, topic: &str) -> Vec<(Correlation, Time, Publish, u32)> {
        let waiting = self.open.iter_mut().filter(|(_, request)| request.response_topic == topic);
        let mut released: Vec<_> = waiting
            .filter_map(|(correlation, request)| {
                let (publish, size) = request.unsent.take()?;
                Some((request.sequence, (*correlation, request.time, publish, size)))
            })
            .collect();
        released.sort_unstable_by_key(|(sequence, _)| *sequence);
        released.into_iter().map(|(_, message)| message).collect()
    }

    /// Takes out the requests that wait for this topic.
    pub(super) fn refused(&mut self, topic: &str) -> Vec<Open> {
        self.take(|request| request.response_topic == topic && request.unsent.is_some())
    }

    /// Takes out the requests whose time is over.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Open> {
        self.take(|request| request.time.deadline <= now)
    }

    pub(super) fn drain(&mut self) -> Vec<Open> {
        self.take(|_| true)
    }

    pub(super) fn times(&self) -> impl Iterator<Item = Time> {
        self.open.values().map(|request| request.time)
    }

    fn take(&mut self, which: impl Fn(&Open) -> bool) -> Vec<Open> {
        self.open.extract_if(|_, request| which(request)).map(|(_, request)| request).collect()
    }
}
