//! The twin's part of a session: requests out, answers and changes in.

use std::time::Instant;

use super::desired::DesiredPatch;
use super::requests::Answer;
use super::state::Session;
use super::subscriptions::Feed;
use super::twin::{Answered, COMPARISON_TIMEOUT, Origin, is_final};
use crate::commands::TwinReply;
use crate::error::Error;
use azmqtt_client::connection::OUTPUT_HIGH_WATER;
use azmqtt_client::lasting::times::Time;
use azmqtt_client::watch::Event;
use azmqtt_mqtt::{Publish, QoS};

/// Changes that may wait for the application; past that they are merged.
const MAX_CHANGES: usize = 64;

impl Session {
    /// Publishes the requests that are due, once their answers can be heard.
    pub(super) fn publish_requests(&mut self, now: Instant) {
        if !self.subscriptions.is_granted(Feed::TwinAnswers) {
            return;
        }
        // A closing client waits for its requests, but nobody waits for changes any more.
        if !self.goal.is_closing()
            && self.subscriptions.is_granted(Feed::DesiredChanges)
            && self.twin.wants_comparison(now)
        {
            self.times.note(Time::from(now, COMPARISON_TIMEOUT));
            self.twin.compare(None, now);
        }
        while self.mqtt.output().len() < OUTPUT_HIGH_WATER {
            let Some((topic, body)) = self.twin.next_unsent(now) else { break };
            let request = Publish::new(topic, QoS::AtMostOnce, body);
            let written = self.mqtt.publish_qos0(&request, now, now);
            debug_assert_eq!(written, Ok(()), "requests are bounded where they are made");
        }
    }

    /// An answer to a twin request came in.
    pub(super) fn twin_answered(
        &mut self,
        request_id: &str,
        status: u16,
        version: Option<u64>,
        body: &[u8],
        now: Instant,
    ) {
        let monitor = &self.shared.monitor;
        if let Some(sent) = self.twin.requests().sent_at(request_id) {
            monitor.twin_times.record(now.saturating_duration_since(sent));
        }
        let is_full = || self.shared.desired.is_full(MAX_CHANGES);
        let Some(answered) = self.twin.answered((request_id, status, version), body, is_full, now) else {
            monitor.counters.twin_answers_unmatched.add(1);
            let event = || Event::Unmatched { request_id: request_id.to_owned(), status };
            return monitor.watchers.tell(|watched| watched.then(event));
        };
        monitor.counters.twin_requests_answered.add(1);
        self.tell_answered(answered);
    }

    /// A topic came in that says nothing: an answer to a twin request, perhaps.
    pub(super) fn answered_badly(&mut self, topic: &str, now: Instant) {
        if let Some(answered) = self.twin.answered_badly(topic, now) {
            self.tell_answered(answered);
        }
    }

    fn tell_answered(&mut self, answered: Answered<TwinReply>) {
        match answered {
            Answered::Asked(TwinReply::Get(reply), Ok(Answer::Twin(twin))) => {
                self.shared.budget.give_back(0);
                reply.send(Ok(*twin));
            }
            Answered::Asked(TwinReply::Patch(reply, size), Ok(Answer::Patched(patched))) => {
                self.shared.budget.give_back(size);
                reply.send(Ok(patched));
            }
            Answered::Asked(reply, Err(error)) => self.fail_request(reply, error),
            Answered::Asked(reply, Ok(_)) => {
                // The table answers each request with its own kind.
                let reason = "an answer of another kind".to_owned();
                self.fail_request(reply, Error::BadAnswer { reason });
            }
            Answered::Compared(changes) => {
                self.hand_on(changes);
                self.tell_waiting();
            }
            Answered::NotCompared(error) => self.comparison_failed(&error),
        }
    }

    /// Tells who asked for a request that it failed.
    pub(super) fn fail_request(&mut self, reply: TwinReply, error: Error) {
        self.shared.budget.give_back(reply.size());
        self.goal.count_failures(1);
        reply.fail(error);
    }

    /// The same for any request.
    pub(super) fn fail_any_request(&mut self, origin: Origin<TwinReply>, error: Error, now: Instant) {
        match self.twin.failed(origin, &error, now) {
            Some(reply) => self.fail_request(reply, error),
            None => self.comparison_failed(&error),
        }
    }

    /// The read for a comparison failed: it is made again. Where the hub has said no for good, whoever waits is told.
    fn comparison_failed(&mut self, error: &Error) {
        self.shared.monitor.set_last_error(Some(format!("comparing desired properties: {error}")));
        if is_final(error) {
            self.fail_waiting(Feed::DesiredChanges, error);
        }
    }

    /// A change of the desired properties was notified.
    pub(super) fn desired_notified(&mut self, version: u64, body: &[u8]) {
        let is_full = || self.shared.desired.is_full(MAX_CHANGES);
        let change = self.twin.notified(version, body, is_full);
        self.hand_on(change);
    }

    /// Gives the application what was kept back, if it has room again.
    pub(super) fn release_changes(&mut self) {
        if self.twin.is_holding_back() && !self.shared.desired.is_full(MAX_CHANGES) {
            let change = self.twin.release();
            self.hand_on(change);
        }
    }

    fn hand_on(&self, changes: impl IntoIterator<Item = DesiredPatch>) {
        for change in changes {
            self.shared.monitor.counters.desired_changes.add(1);
            self.shared.desired.push(change);
        }
    }
}
