//! The subscriptions' part of a session: what they are asked for, and who waits for them.

use std::time::{Duration, Instant};

use super::state::Session;
use super::subscriptions::Feed;
use super::waiting::{Awaited, Waiting};
use crate::error::Error;
use crate::reply::Reply;
use azmqtt_client::lasting::times::Time;

/// After a refused subscription that was granted on an earlier connection.
const SUBSCRIPTION_RETRY: Duration = Duration::from_secs(10);

impl Session {
    pub(super) fn wait_for(&mut self, what: Awaited, time: Time, reply: Reply<()>) {
        self.times.note(time);
        self.waiting.push(Waiting { what, time, reply });
        self.tell_waiting();
    }

    /// Answers the callers whose state of the connection has come.
    pub(super) fn tell_waiting(&mut self) {
        if self.waiting.is_empty() || !self.mqtt.is_connected() {
            return;
        }
        let mut index = 0;
        while index < self.waiting.len() {
            let come = match self.waiting[index].what {
                Awaited::Everything => self.missing().is_none(),
                Awaited::Feed(feed) => self.stands(feed),
            };
            if come {
                self.waiting.swap_remove(index).reply.send(Ok(()));
            } else {
                index += 1;
            }
        }
    }

    /// Whether nothing of the feed can be missed from here on.
    fn stands(&mut self, feed: Feed) -> bool {
        self.subscriptions.is_granted(feed) && (feed != Feed::DesiredChanges || self.twin.in_step())
    }

    /// A wanted feed that does not stand yet.
    fn missing(&mut self) -> Option<Feed> {
        Feed::ALL.into_iter().find(|feed| self.subscriptions.is_wanted(*feed) && !self.stands(*feed))
    }

    /// Ends the waits whose time is over.
    pub(super) fn expire_waiting(&mut self, now: Instant) {
        let late: Vec<_> = self.waiting.extract_if(.., |waiting| waiting.time.deadline <= now).collect();
        for Waiting { what, time, reply } in late {
            let (operation, feed) = match what {
                Awaited::Everything => ("connect", self.missing()),
                Awaited::Feed(feed) => (feed.subscription(), Some(feed)),
            };
            let known = match feed {
                Some(feed) if self.mqtt.is_connected() => self.why_missing(feed),
                _ => self.why_no_answer(now),
            };
            reply.send(Err(Error::RequestTimeout { operation, after: time.timeout, known: Some(known) }));
        }
    }

    /// Why a feed does not stand on a live connection.
    fn why_missing(&mut self, feed: Feed) -> String {
        let subscription = feed.subscription();
        if !self.subscriptions.is_granted(feed) {
            let last_error = self.shared.monitor.last_error();
            let reason = last_error.unwrap_or_else(|| "the hub has not answered it".to_owned());
            return format!("connected, but {subscription} does not stand: {reason}");
        }
        let last_error = self.shared.monitor.last_error();
        let reason = last_error.unwrap_or_else(|| "the hub has not answered the read of the twin".to_owned());
        format!("connected, and {subscription} is granted, but not compared with the twin: {reason}")
    }

    /// SUBACK came.
    pub(super) fn subscription_answered(&mut self, packet_id: u16, granted: bool, now: Instant) {
        let Some(feed) = self.subscriptions.answered(packet_id, granted) else { return };
        if !granted {
            return self.subscription_refused(feed, now);
        }
        if feed == Feed::DesiredChanges {
            self.twin.changes_granted();
        }
        self.tell_waiting();
    }

    /// The hub will not let the device listen: whoever depends on it is told.
    fn subscription_refused(&mut self, feed: Feed, now: Instant) {
        let filter = feed.filter(&self.shared.config.identity);
        let error = Error::BadAnswer { reason: format!("the hub refused the subscription to {filter}") };
        if feed == Feed::TwinAnswers {
            for origin in self.twin.drain() {
                self.fail_any_request(origin, error.clone(), now);
            }
        }
        if self.subscriptions.any_refused() {
            // It was granted on an earlier connection, and nobody waits who could be told.
            self.shared.monitor.set_last_error(Some(error.to_string()));
            self.subscribe_again_at = Some(now + SUBSCRIPTION_RETRY);
        }
        self.fail_waiting(feed, &error);
    }

    /// Tells whoever waits for the feed that it will not stand.
    pub(super) fn fail_waiting(&mut self, feed: Feed, error: &Error) {
        for waiting in self.waiting.extract_if(.., |waiting| waiting.what.needs(feed)) {
            waiting.reply.send(Err(error.clone()));
        }
    }
}
