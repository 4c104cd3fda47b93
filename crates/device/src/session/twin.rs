//! A device's twin over one connection after the other: requests, and changes of the desired properties.
//!
//! No I/O and no clock. It is the same behind a [`Device`](crate::Device) and behind a
//! [`TwinSession`](crate::TwinSession), whose connection somebody else holds.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;

use super::desired::{DesiredPatch, DesiredTracker};
use super::requests::{Answer, Request, Requests};
use crate::error::Error;
use azmqtt_dialect::HubTopic;

/// How long the read for a comparison may take, and how long to wait after a failed one.
pub(crate) const COMPARISON_TIMEOUT: Duration = Duration::from_secs(60);
pub(crate) const COMPARISON_RETRY: Duration = Duration::from_secs(5);

/// What is under way with the twin. `T` is what the owner wants back with a request of its own.
#[derive(Debug)]
pub(crate) struct Twin<T> {
    requests: Requests<Origin<T>>,
    desired: DesiredTracker,
    /// When a failed read for a comparison may be tried again.
    read_again_at: Option<Instant>,
    /// How long to wait after a read that the hub has refused for good.
    refused_retry: Duration,
}

/// Whose request it is.
#[derive(Debug)]
pub(crate) enum Origin<T> {
    /// The owner's.
    Asked(T),
    /// The comparison of desired properties, which nobody asked for.
    Comparison,
}

/// What an answer came to.
#[derive(Debug)]
pub(crate) enum Answered<T> {
    /// The end of a request of the owner's.
    Asked(T, Result<Answer, Error>),
    /// The twin was read for a comparison: changes to hand on, in order.
    Compared(Vec<DesiredPatch>),
    /// That failed. It is made again by itself.
    NotCompared(Error),
}

impl<T> Twin<T> {
    /// `prefix` should be random: see [`Requests::new`]. After a comparison that the hub has refused for good, the next
    /// one waits for `refused_retry`.
    pub(crate) fn new(prefix: u32, refused_retry: Duration) -> Self {
        Self {
            requests: Requests::new(prefix),
            desired: DesiredTracker::default(),
            read_again_at: None,
            refused_retry,
        }
    }

    /// Adds a request that has until `deadline`.
    pub(crate) fn ask(&mut self, request: Request, now: Instant, deadline: Instant, token: T) {
        self.requests.insert(request, now, deadline, Origin::Asked(token));
    }

    /// The same under an identifier from elsewhere. Whether there was none of that name: if not, nothing is added.
    #[must_use]
    pub(crate) fn ask_as(
        &mut self,
        request_id: &str,
        request: Request,
        now: Instant,
        deadline: Instant,
        token: T,
    ) -> bool {
        self.requests.insert_as(request_id, request, now, deadline, Origin::Asked(token))
    }

    /// Whether the twin must be read now for a comparison. If so, that counts as under way: see [`Self::compare`].
    pub(crate) fn wants_comparison(&mut self, now: Instant) -> bool {
        self.poll(now);
        self.read_again_at.is_none() && self.desired.wants_read()
    }

    /// Adds the read that [`Self::wants_comparison`] asked for; under `request_id`, or one of its own.
    pub(crate) fn compare(&mut self, request_id: Option<&str>, now: Instant) {
        let deadline = now + COMPARISON_TIMEOUT;
        match request_id {
            None => self.requests.insert(Request::Get, now, deadline, Origin::Comparison),
            Some(id) => {
                // One that is in use belongs to a caller who guessed it; the next attempt has another.
                if !self.requests.insert_as(id, Request::Get, now, deadline, Origin::Comparison) {
                    self.desired.read_failed();
                    self.read_again_at = Some(now + COMPARISON_RETRY);
                }
            }
        }
    }

    /// Topic and body of the next request to publish, at QoS 0; it counts as published.
    pub(crate) fn next_unsent(&mut self, now: Instant) -> Option<(String, Bytes)> {
        self.requests.next_unsent(now)
    }

    /// The hub granted the subscription to changes of the desired properties on this connection.
    pub(crate) fn changes_granted(&mut self) {
        self.desired.subscribed();
    }

    /// An answer came in. `None` if it belongs to no open request. `is_full` says whether the application has not taken
    /// its changes: it then gets further ones as one.
    pub(crate) fn answered(
        &mut self,
        (request_id, status, version): (&str, u16, Option<u64>),
        body: &[u8],
        is_full: impl FnOnce() -> bool,
        now: Instant,
    ) -> Option<Answered<T>> {
        let (origin, outcome) = self.requests.answer(request_id, status, version, body)?;
        Some(match (origin, outcome) {
            (Origin::Asked(token), outcome) => {
                if let Ok(Answer::Twin(twin)) = &outcome {
                    self.desired.seen(&twin.desired, twin.desired_version);
                }
                Answered::Asked(token, outcome)
            }
            (Origin::Comparison, Ok(Answer::Twin(twin))) => {
                self.hold_back_if(is_full);
                Answered::Compared(self.desired.read(&twin.desired, twin.desired_version))
            }
            (Origin::Comparison, Ok(Answer::Patched(_))) => {
                // The table answers each request with its own kind.
                self.not_compared(Error::BadAnswer { reason: "an answer of another kind".to_owned() }, now)
            }
            (Origin::Comparison, Err(error)) => self.not_compared(error, now),
        })
    }

    /// A topic came in that says nothing: an answer to a request, perhaps, whose status or version cannot be read.
    pub(crate) fn answered_badly(&mut self, topic: &str, now: Instant) -> Option<Answered<T>> {
        let request_id = HubTopic::request_of_bad_answer(topic)?;
        let (origin, error) = self.requests.answer_badly(request_id, topic)?;
        Some(match origin {
            Origin::Asked(token) => Answered::Asked(token, Err(error)),
            Origin::Comparison => self.not_compared(error, now),
        })
    }

    /// A change of the desired properties was notified. Yields what is to be handed on.
    pub(crate) fn notified(
        &mut self,
        version: u64,
        body: &[u8],
        is_full: impl FnOnce() -> bool,
    ) -> Option<DesiredPatch> {
        // What an unreadable one said is lost; the tracker reads the twin instead.
        let mut patch: Value = serde_json::from_slice(body).unwrap_or_default();
        if let Some(patch) = patch.as_object_mut() {
            patch.shift_remove("$version");
        }
        self.hold_back_if(is_full);
        self.desired.notified(DesiredPatch { patch, version })
    }

    /// Lets an application that does not take its changes fall behind, instead of piling them up.
    fn hold_back_if(&mut self, is_full: impl FnOnce() -> bool) {
        if is_full() {
            self.desired.hold_back();
        }
    }

    /// Whether changes are being kept back.
    pub(crate) fn is_holding_back(&self) -> bool {
        self.desired.is_holding_back()
    }

    /// The application has room again: what was kept back.
    pub(crate) fn release(&mut self) -> Option<DesiredPatch> {
        self.desired.release()
    }

    /// Whether changes arrive without a gap.
    pub(crate) fn in_step(&self) -> bool {
        self.desired.in_step()
    }

    /// Somebody asks for changes: a comparison that waits after a failure is due now.
    pub(crate) fn compare_soon(&mut self) {
        self.read_again_at = None;
    }

    fn not_compared(&mut self, error: Error, now: Instant) -> Answered<T> {
        self.comparison_failed(&error, now);
        Answered::NotCompared(error)
    }

    fn comparison_failed(&mut self, error: &Error, now: Instant) {
        self.desired.read_failed();
        let wait = if is_final(error) { self.refused_retry } else { COMPARISON_RETRY };
        self.read_again_at = Some(now + wait);
    }

    /// A request failed: whoever asked for it is to be told, and nobody did for a comparison, which is made again.
    pub(crate) fn failed(&mut self, origin: Origin<T>, error: &Error, now: Instant) -> Option<T> {
        match origin {
            Origin::Asked(token) => Some(token),
            Origin::Comparison => {
                self.comparison_failed(error, now);
                None
            }
        }
    }

    /// Takes out the requests whose deadline has passed, with how long each had. Each has [`Self::failed`].
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<(Origin<T>, Request, Duration)> {
        self.requests.expire(now)
    }

    /// Time has passed.
    pub(crate) fn poll(&mut self, now: Instant) {
        self.read_again_at = self.read_again_at.filter(|at| *at > now);
    }

    /// When [`Self::poll`] is worth a call.
    pub(crate) fn read_again_at(&self) -> Option<Instant> {
        self.read_again_at
    }

    /// Takes every request out, in the order of the calls. Each has [`Self::failed`].
    pub(crate) fn drain(&mut self) -> Vec<Origin<T>> {
        self.requests.drain().collect()
    }

    /// Nobody will ask for changes any more.
    pub(crate) fn forget_comparison(&mut self) {
        self.requests.forget(|origin| matches!(origin, Origin::Comparison));
    }

    /// Takes every request of the owner's out, in the order of the calls. A comparison is due again by itself.
    pub(crate) fn drain_asked(&mut self) -> impl Iterator<Item = T> + use<T> {
        let drained = self.drain();
        if drained.iter().any(|origin| matches!(origin, Origin::Comparison)) {
            self.desired.read_failed();
        }
        drained.into_iter().filter_map(Origin::asked)
    }

    /// The connection ended. Yields the requests that end with it: conditional patches that were on their way, whose
    /// first copy may have been applied, and with `for_good` all that were published on it.
    pub(crate) fn disconnected(&mut self, reason: &str, for_good: bool) -> Vec<(T, Error)> {
        // A comparison belongs to its connection's subscription: read before that, it could miss a change.
        self.forget_comparison();
        self.desired.disconnected();
        self.read_again_at = None;
        let lost = if for_good {
            self.requests.connection_lost_for_good(reason)
        } else {
            self.requests.connection_lost(reason)
        };
        lost.into_iter().filter_map(|(origin, error)| Some((origin.asked()?, error))).collect()
    }

    /// The open requests, to look at.
    pub(crate) fn requests(&self) -> &Requests<Origin<T>> {
        &self.requests
    }

    /// Forgets a request; its answer will match nothing.
    pub(crate) fn forget(&mut self, request_id: &str) -> Option<T> {
        self.requests.remove(request_id)?.asked()
    }
}

impl<T> Origin<T> {
    fn asked(self) -> Option<T> {
        match self {
            Self::Asked(token) => Some(token),
            Self::Comparison => None,
        }
    }
}

/// Whether the hub has said no for good, as that of a Basic tier does.
pub(crate) fn is_final(error: &Error) -> bool {
    match error {
        Error::RequestFailed { status, .. } => (400..500).contains(status) && ![408, 429].contains(status),
        Error::BadAnswer { .. } => true,
        _ => false,
    }
}
