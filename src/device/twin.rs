//! The twin's side of the conversation: requests out, answers and changes in.

use std::time::{Duration, Instant};

use super::converse::OUTPUT_HIGH_WATER;
use super::desired::DesiredPatch;
use super::error::Error;
use super::reply::Reply;
use super::requests::{Answer, ReportedPatch, Request, TwinDocument};
use super::subscriptions::Feed;
use super::task::Task;
use super::watch::Event;
use azmqtt_dialect::HubTopic;
use azmqtt_mqtt::Publish;

/// Who asked for a twin request.
#[derive(Debug)]
pub(in crate::device) enum TwinReply {
    Get(Reply<TwinDocument>),
    /// With what the patch takes of the outbox, in bytes.
    Patch(Reply<ReportedPatch>, usize),
    /// The comparison of desired properties, which nobody asked for.
    Comparison,
}

impl TwinReply {
    /// What the request takes of the outbox, in bytes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Patch(_, size) => *size,
            Self::Get(_) | Self::Comparison => 0,
        }
    }

    /// Whether the application asked.
    pub(super) fn is_asked(&self) -> bool {
        !matches!(self, Self::Comparison)
    }

    pub(super) fn fail(self, error: Error) {
        match self {
            Self::Get(reply) => reply.send(Err(error)),
            Self::Patch(reply, _) => reply.send(Err(error)),
            Self::Comparison => {}
        }
    }
}

/// How long the read for a comparison may take, and how long to wait after a failed one.
const COMPARISON_TIMEOUT: Duration = Duration::from_secs(60);
const COMPARISON_RETRY: Duration = Duration::from_secs(5);
/// After one that the hub refused, unless somebody asks before.
const REFUSED_RETRY: Duration = Duration::from_secs(300);

/// Changes that may wait for the application; past that they are merged.
const MAX_CHANGES: usize = 64;

impl Task {
    /// Publishes the requests that are due, once their answers can be heard.
    pub(super) fn publish_requests(&mut self, now: Instant) {
        if !self.subscriptions.is_granted(Feed::TwinAnswers) {
            return;
        }
        // A closing client waits for its requests, but nobody waits for changes any more.
        let may_read = self.closing.is_none() && self.read_again_at.is_none_or(|at| at <= now);
        if may_read && self.subscriptions.is_granted(Feed::DesiredChanges) && self.desired.wants_read() {
            let deadline = now + COMPARISON_TIMEOUT;
            self.note_deadline(deadline, COMPARISON_TIMEOUT);
            self.requests.insert(Request::Get, now, deadline, TwinReply::Comparison);
        }
        while self.mqtt.output().len() < OUTPUT_HIGH_WATER {
            let Some((topic, body)) = self.requests.next_unsent(now) else { break };
            let publish = Publish::from_bytes(topic, azmqtt_mqtt::QoS::AtMostOnce, body);
            self.mqtt.publish_qos0(&publish, now);
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
        if let Some(sent) = self.requests.sent_at(request_id) {
            monitor.twin_times.record(now.saturating_duration_since(sent));
        }
        let Some((reply, outcome)) = self.requests.answer(request_id, status, version, body) else {
            monitor.counters.twin_answers_unmatched.add(1);
            let event = || Event::Unmatched { request_id: request_id.to_owned(), status };
            return monitor.watchers.tell(|watched| watched.then(event));
        };
        monitor.counters.twin_requests_answered.add(1);
        match (reply, outcome) {
            (TwinReply::Get(reply), Ok(Answer::Twin(twin))) => {
                self.shared.budget.give_back(0);
                self.desired.seen(&twin.desired, twin.desired_version);
                reply.send(Ok(*twin));
            }
            (TwinReply::Patch(reply, size), Ok(Answer::Patched(patched))) => {
                self.shared.budget.give_back(size);
                reply.send(Ok(patched));
            }
            (TwinReply::Comparison, Ok(Answer::Twin(twin))) => {
                self.hold_back_if_behind();
                let changes = self.desired.read(&twin.desired, twin.desired_version);
                self.hand_on(changes);
                self.tell_waiting();
            }
            (reply, Err(error)) => self.fail_request(reply, error),
            (reply, Ok(_)) => {
                // The table answers each request with its own kind.
                let reason = "an answer of another kind".to_owned();
                self.fail_request(reply, Error::BadAnswer { reason });
            }
        }
    }

    /// A topic came in that says nothing: an answer to a twin request, perhaps.
    pub(super) fn answered_badly(&mut self, topic: &str) {
        if let Some(request_id) = HubTopic::request_of_bad_answer(topic)
            && let Some((reply, error)) = self.requests.answer_badly(request_id, topic)
        {
            self.fail_request(reply, error);
        }
    }

    /// Tells who asked for a request that it failed.
    pub(super) fn fail_request(&mut self, reply: TwinReply, error: Error) {
        if reply.is_asked() {
            self.shared.budget.give_back(reply.size());
            self.count_failure();
        } else {
            self.comparison_failed(&error);
        }
        reply.fail(error);
    }

    /// The read for a comparison failed: it is made again. Where the hub has said no for good, as that of a Basic tier
    /// does, whoever waits is told.
    fn comparison_failed(&mut self, error: &Error) {
        self.shared.monitor.set_last_error(Some(format!("comparing desired properties: {error}")));
        self.desired.read_failed();
        let is_final = match error {
            Error::RequestFailed { status, .. } => {
                (400..500).contains(status) && ![408, 429].contains(status)
            }
            Error::BadAnswer { .. } => true,
            _ => false,
        };
        self.read_again_at = Some(Instant::now() + if is_final { REFUSED_RETRY } else { COMPARISON_RETRY });
        if is_final {
            self.fail_waiting(Feed::DesiredChanges, error);
        }
    }

    /// A change of the desired properties was notified.
    pub(super) fn desired_notified(&mut self, version: u64, body: &[u8]) {
        // What an unreadable one said is lost; the tracker reads the twin instead.
        let mut patch: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        if let Some(patch) = patch.as_object_mut() {
            patch.shift_remove("$version");
        }
        self.hold_back_if_behind();
        let change = self.desired.notified(DesiredPatch { patch, version });
        self.hand_on(change);
    }

    /// Lets an application that does not take its changes fall behind, instead of piling them up.
    fn hold_back_if_behind(&mut self) {
        if self.shared.desired.is_full(MAX_CHANGES) {
            self.desired.hold_back();
        }
    }

    /// Gives the application what was kept back, if it has room again.
    pub(super) fn release_changes(&mut self) {
        if self.desired.is_holding_back() && !self.shared.desired.is_full(MAX_CHANGES) {
            let change = self.desired.release();
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
