//! The twin of a device whose connection somebody else holds, such as an application's own MQTT client.
//!
//! No I/O and no clock. The owner publishes what [`TwinSession::next_unsent`] yields, passes in what was received,
//! and says which subscriptions were granted, when the connection ended and when time has passed. Requests and
//! changes are those of `Twin`: the same as behind a [`Device`](super::Device).

use std::fmt;
use std::time::Instant;

use bytes::Bytes;

use crate::config::OutboxLimits;
use crate::error::Error;
use crate::session::desired::DesiredPatch;
use crate::session::requests::{Answer, Request};
use crate::session::twin::{Answered, COMPARISON_RETRY, Twin};
use azmqtt_client::budget::Budget;
use azmqtt_dialect::topic::HubTopic;

/// Longer identifiers of a caller's own are refused; a UUID has 36.
const MAX_REQUEST_ID: usize = 128;

/// The requests and the desired properties of one connection after the other.
#[derive(Debug)]
pub struct TwinSession {
    twin: Twin<Token>,
    budget: Budget,
    policy: OnDisconnect,
    /// The subscription to answers was granted on this connection.
    answers_granted: bool,
    /// Identifiers count up from here: plain decimal digits, since applications parse what they see on the topic.
    first_id: u64,
    next_id: u64,
}

/// A request of the owner's.
#[derive(Debug)]
struct Token {
    request_id: String,
    /// What it takes of the budget, in bytes.
    size: usize,
}

/// What becomes of open requests when the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDisconnect {
    /// They are published again on the next one, but for conditional patches that were on their way.
    Resend,
    /// Those that were published on it fail; those that wait for a connection go on waiting.
    Fail,
}

/// Why a request is not taken.
#[derive(Debug, Clone, PartialEq)]
pub enum Refused {
    /// The identifier breaks the rule that is named.
    RequestId(&'static str),
    /// A request of that identifier is open.
    RequestIdInUse,
    /// Too much is open.
    Full(Error),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequestId(rule) => write!(f, "request_id: {rule}"),
            Self::RequestIdInUse => f.write_str("request_id: it is in use by an open request"),
            Self::Full(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Refused {}

/// What a received message was.
#[derive(Debug, PartialEq)]
pub enum Received {
    /// Nothing of the twin's.
    Other,
    /// The end of a request.
    Answered {
        /// The identifier that [`TwinSession::begin`] gave.
        request_id: String,
        /// As behind a [`Device`](super::Device).
        outcome: Result<Answer, Error>,
    },
    /// An answer to no open request.
    Unmatched {
        /// The identifier in it.
        request_id: String,
        /// The HTTP-like status.
        status: u16,
        /// `$version`, if there is one.
        version: Option<u64>,
        /// It was for a request of this session's, which has ended or was answered already.
        late: bool,
    },
    /// Changes of the desired properties to hand on, in order; perhaps none.
    Desired(Vec<DesiredPatch>),
}

impl TwinSession {
    /// Nothing is asked yet. `random` makes identifiers differ from those of earlier sessions, whose answers may
    /// still arrive, and from an application's own counters and clocks.
    pub fn new(random: u64, policy: OnDisconnect, limits: OutboxLimits) -> Self {
        // Fifteen digits: exact in a float as well, and neither seconds, milliseconds nor microseconds of Unix time.
        let first_id = 200_000_000_000_000 + random % 600_000_000_000_000;
        Self {
            twin: Twin::new(0, COMPARISON_RETRY),
            budget: Budget::new(limits),
            policy,
            answers_granted: false,
            first_id,
            next_id: first_id,
        }
    }

    /// Adds a request that has until `deadline`, to be published by [`Self::next_unsent`]. Yields its identifier: the
    /// caller's, or a new one.
    pub fn begin(
        &mut self,
        request: Request,
        request_id: Option<&str>,
        now: Instant,
        deadline: Instant,
    ) -> Result<String, Refused> {
        let request_id = match request_id {
            Some(id) => check_request_id(id).map(|()| id.to_owned()).map_err(Refused::RequestId)?,
            None => self.new_id(),
        };
        let size = match &request {
            Request::Get => 0,
            Request::Patch { patch, .. } => patch.size(),
        };
        self.budget.take(size).map_err(|full| Refused::Full(full.into()))?;
        let token = Token { request_id: request_id.clone(), size };
        if self.twin.ask_as(&request_id, request, now, deadline, token) {
            Ok(request_id)
        } else {
            self.budget.give_back(size);
            Err(Refused::RequestIdInUse)
        }
    }

    /// Topic and body of the next request to publish, at QoS 0; it counts as published. `None` until the answers
    /// can be heard.
    pub fn next_unsent(&mut self, now: Instant) -> Option<(String, Bytes)> {
        if !self.answers_granted {
            return None;
        }
        if self.twin.wants_comparison(now) {
            let request_id = self.new_id();
            self.twin.compare(Some(&request_id), now);
        }
        self.twin.next_unsent(now)
    }

    /// The hub granted the subscription to answers on this connection.
    pub fn answers_granted(&mut self) {
        self.answers_granted = true;
    }

    /// The hub granted the subscription to changes of the desired properties on this connection.
    pub fn changes_granted(&mut self) {
        self.twin.changes_granted();
    }

    /// The connection ended, or a new one replaced it. Yields the requests that end with it.
    pub fn disconnected(&mut self, reason: &str) -> Vec<(String, Error)> {
        self.answers_granted = false;
        let lost = self.twin.disconnected(reason, self.policy == OnDisconnect::Fail);
        self.ended(lost)
    }

    /// Whether a message on this topic answers a request of this session's, open or ended. One that ended under a
    /// caller's own identifier is none: the caller may use that again elsewhere.
    pub fn owns(&self, topic: &str) -> bool {
        match HubTopic::parse(topic) {
            Ok(HubTopic::TwinResponse { request_id, .. }) => {
                self.is_own(request_id) || self.twin.requests().contains(request_id)
            }
            _ => false,
        }
    }

    /// A message came in.
    pub fn received(&mut self, topic: &str, payload: &[u8], now: Instant) -> Received {
        match HubTopic::parse(topic) {
            Ok(HubTopic::TwinResponse { status, request_id, version }) => {
                let answer = (request_id, status, version);
                if let Some(answered) = self.twin.answered(answer, payload, never_full, now) {
                    return self.tell(answered);
                }
                let late = self.is_own(request_id);
                Received::Unmatched { request_id: request_id.to_owned(), status, version, late }
            }
            Ok(HubTopic::DesiredPatch { version }) => {
                Received::Desired(self.twin.notified(version, payload, never_full).into_iter().collect())
            }
            // A topic that says nothing: an answer to a request, perhaps.
            _ => match self.twin.answered_badly(topic, now) {
                Some(answered) => self.tell(answered),
                None => Received::Other,
            },
        }
    }

    fn tell(&mut self, answered: Answered<Token>) -> Received {
        match answered {
            Answered::Asked(Token { request_id, size }, outcome) => {
                self.budget.give_back(size);
                Received::Answered { request_id, outcome }
            }
            Answered::Compared(changes) => Received::Desired(changes),
            Answered::NotCompared(_) => Received::Desired(Vec::new()),
        }
    }

    /// Takes out the requests whose deadline has passed.
    pub fn expire(&mut self, now: Instant) -> Vec<(String, Error)> {
        let mut expired = Vec::new();
        for (origin, request, after) in self.twin.expire(now) {
            let error = Error::RequestTimeout { operation: request.operation(), after, known: None };
            if let Some(token) = self.twin.failed(origin, &error, now) {
                expired.push((token, error));
            }
        }
        self.ended(expired)
    }

    /// When to call [`Self::expire`] and [`Self::next_unsent`] at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        [self.twin.requests().deadline(), self.twin.read_again_at()].into_iter().flatten().min()
    }

    /// Forgets a request; its answer will match nothing.
    pub fn forget(&mut self, request_id: &str) {
        if let Some(Token { size, .. }) = self.twin.forget(request_id) {
            self.budget.give_back(size);
        }
    }

    /// Takes every request out, in the order of the calls.
    pub fn drain(&mut self) -> Vec<(String, Error)> {
        let drained = self.twin.drain_asked().map(|token| (token, Error::ClientClosed)).collect();
        self.ended(drained)
    }

    fn ended(&self, tokens: Vec<(Token, Error)>) -> Vec<(String, Error)> {
        let ended = tokens.into_iter().map(|(Token { request_id, size }, error)| {
            self.budget.give_back(size);
            (request_id, error)
        });
        ended.collect()
    }

    fn new_id(&mut self) -> String {
        let id = self.next_id;
        self.next_id += 1;
        id.to_string()
    }

    fn is_own(&self, request_id: &str) -> bool {
        request_id.parse().is_ok_and(|id: u64| (self.first_id..self.next_id).contains(&id))
    }
}

/// Nobody bounds the changes here: the owner takes each at once.
fn never_full() -> bool {
    false
}

/// Checks an identifier of a caller's own: it becomes a part of the topic's query as it is.
fn check_request_id(request_id: &str) -> Result<(), &'static str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~:@".contains(&b);
    if request_id.is_empty() || request_id.len() > MAX_REQUEST_ID {
        Err("it must have 1 to 128 characters")
    } else if !request_id.bytes().all(plain) {
        Err("it may contain only ASCII letters, digits, '-', '_', '.', '~', ':' and '@'")
    } else {
        Ok(())
    }
}
