//! The twin of a device whose connection somebody else holds, such as an application's own MQTT client.
//!
//! No I/O and no clock. The owner publishes what [`TwinSession::next_unsent`] yields, passes in what was received,
//! and says which subscriptions were granted, when the connection ended and when time has passed. Requests are those
//! of [`Requests`], changes those of [`DesiredTracker`]: the same as behind a [`Device`](super::Device).

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;

use super::budget::Budget;
use super::config::OutboxLimits;
use super::desired::{DesiredPatch, DesiredTracker};
use super::error::Error;
use super::requests::{Answer, Request, Requests};
use azmqtt_dialect::topic::HubTopic;

/// How long the read for a comparison may take, and how long to wait after a failed one.
const COMPARISON_TIMEOUT: Duration = Duration::from_secs(60);
const COMPARISON_RETRY: Duration = Duration::from_secs(5);

/// Longer identifiers of a caller's own are refused; a UUID has 36.
const MAX_REQUEST_ID: usize = 128;

/// The requests and the desired properties of one connection after the other.
#[derive(Debug)]
pub struct TwinSession {
    requests: Requests<Token>,
    desired: DesiredTracker,
    budget: Budget,
    policy: OnDisconnect,
    /// The subscription to answers was granted on this connection.
    answers_granted: bool,
    /// After a failed comparison.
    read_again_at: Option<Instant>,
    /// Identifiers count up from here: plain decimal digits, since applications parse what they see on the topic.
    first_id: u64,
    next_id: u64,
}

#[derive(Debug)]
enum Token {
    Asked { request_id: String, size: usize },
    Comparison,
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
            Self::RequestIdInUse => f.write_str("request_id: a request with it is open already"),
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
            requests: Requests::new(0),
            desired: DesiredTracker::default(),
            budget: Budget::new(limits),
            policy,
            answers_granted: false,
            read_again_at: None,
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
            Request::Patch { body, .. } => body.len(),
        };
        self.budget.take(size).map_err(Refused::Full)?;
        let token = Token::Asked { request_id: request_id.clone(), size };
        if self.requests.insert_as(&request_id, request, now, deadline, token) {
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
        self.read_again_at = self.read_again_at.filter(|at| *at > now);
        if self.read_again_at.is_none() && self.desired.wants_read() {
            let request_id = self.new_id();
            let deadline = now + COMPARISON_TIMEOUT;
            // An identifier of its own that is in use belongs to a caller who guessed it; the next attempt has another.
            if !self.requests.insert_as(&request_id, Request::Get, now, deadline, Token::Comparison) {
                self.comparison_failed(now);
            }
        }
        self.requests.next_unsent(now)
    }

    /// The hub granted the subscription to answers on this connection.
    pub fn answers_granted(&mut self) {
        self.answers_granted = true;
    }

    /// The hub granted the subscription to changes of the desired properties on this connection.
    pub fn changes_granted(&mut self) {
        self.desired.subscribed();
    }

    /// The connection ended, or a new one replaced it. Yields the requests that end with it.
    pub fn disconnected(&mut self, reason: &str) -> Vec<(String, Error)> {
        self.answers_granted = false;
        self.desired.disconnected();
        // The next connection begins with a read of its own.
        self.requests.forget(|token| matches!(token, Token::Comparison));
        self.read_again_at = None;
        let lost = match self.policy {
            OnDisconnect::Resend => self.requests.connection_lost(reason),
            OnDisconnect::Fail => self.requests.connection_lost_for_good(reason),
        };
        self.ended(lost)
    }

    /// Whether a message on this topic answers a request of this session's, open or ended. One that ended under a
    /// caller's own identifier is none: the caller may use that again elsewhere.
    pub fn owns(&self, topic: &str) -> bool {
        match HubTopic::parse(topic) {
            Ok(HubTopic::TwinResponse { request_id, .. }) => {
                self.is_own(request_id) || self.requests.contains(request_id)
            }
            _ => false,
        }
    }

    /// A message came in.
    pub fn received(&mut self, topic: &str, payload: &[u8], now: Instant) -> Received {
        match HubTopic::parse(topic) {
            Ok(HubTopic::TwinResponse { status, request_id, version }) => {
                self.answered(request_id, status, version, payload, now)
            }
            Ok(HubTopic::DesiredPatch { version }) => {
                // What an unreadable one said is lost; the tracker reads the twin instead.
                let mut patch: Value = serde_json::from_slice(payload).unwrap_or_default();
                if let Some(patch) = patch.as_object_mut() {
                    patch.shift_remove("$version");
                }
                Received::Desired(
                    self.desired.notified(DesiredPatch { patch, version }).into_iter().collect(),
                )
            }
            _ => self.answered_badly(topic, now),
        }
    }

    /// A topic that says nothing: an answer to a request, perhaps.
    fn answered_badly(&mut self, topic: &str, now: Instant) -> Received {
        let bad = HubTopic::request_of_bad_answer(topic);
        match bad.and_then(|request_id| self.requests.answer_badly(request_id, topic)) {
            None => Received::Other,
            Some((Token::Asked { request_id, size }, error)) => {
                self.budget.give_back(size);
                Received::Answered { request_id, outcome: Err(error) }
            }
            Some((Token::Comparison, _)) => {
                self.comparison_failed(now);
                Received::Desired(Vec::new())
            }
        }
    }

    fn answered(
        &mut self,
        request_id: &str,
        status: u16,
        version: Option<u64>,
        body: &[u8],
        now: Instant,
    ) -> Received {
        let Some((token, outcome)) = self.requests.answer(request_id, status, version, body) else {
            let late = self.is_own(request_id);
            return Received::Unmatched { request_id: request_id.to_owned(), status, version, late };
        };
        match token {
            Token::Asked { request_id, size } => {
                self.budget.give_back(size);
                if let Ok(Answer::Twin(twin)) = &outcome {
                    self.desired.seen(&twin.desired, twin.desired_version);
                }
                Received::Answered { request_id, outcome }
            }
            Token::Comparison => {
                let changes = if let Ok(Answer::Twin(twin)) = outcome {
                    self.desired.read(&twin.desired, twin.desired_version)
                } else {
                    self.comparison_failed(now);
                    Vec::new()
                };
                Received::Desired(changes)
            }
        }
    }

    /// Takes out the requests whose deadline has passed.
    pub fn expire(&mut self, now: Instant) -> Vec<(String, Error)> {
        let expired: Vec<_> = self
            .requests
            .expire(now)
            .into_iter()
            .map(|(token, request, after)| {
                let operation = request.operation();
                (token, Error::RequestTimeout { operation, after, known: None })
            })
            .collect();
        if expired.iter().any(|(token, _)| matches!(token, Token::Comparison)) {
            self.comparison_failed(now);
        }
        self.ended(expired)
    }

    /// When to call [`Self::expire`] and [`Self::next_unsent`] at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        [self.requests.deadline(), self.read_again_at].into_iter().flatten().min()
    }

    /// Forgets a request; its answer will match nothing.
    pub fn forget(&mut self, request_id: &str) {
        if let Some(Token::Asked { size, .. }) = self.requests.remove(request_id) {
            self.budget.give_back(size);
        }
    }

    /// Takes every request out, in the order of the calls.
    pub fn drain(&mut self) -> Vec<(String, Error)> {
        let drained: Vec<_> = self.requests.drain().map(|token| (token, Error::ClientClosed)).collect();
        self.ended(drained)
    }

    fn ended(&mut self, tokens: Vec<(Token, Error)>) -> Vec<(String, Error)> {
        let mut asked = Vec::with_capacity(tokens.len());
        for (token, error) in tokens {
            match token {
                Token::Asked { request_id, size } => {
                    self.budget.give_back(size);
                    asked.push((request_id, error));
                }
                // Due again by itself: either now or once there is a connection.
                Token::Comparison => self.desired.read_failed(),
            }
        }
        asked
    }

    fn comparison_failed(&mut self, now: Instant) {
        self.desired.read_failed();
        self.read_again_at = Some(now + COMPARISON_RETRY);
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

/// Checks an identifier of a caller's own: it becomes a part of the topic's query as it is.
fn check_request_id(request_id: &str) -> Result<(), &'static str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~:@".contains(&b);
    if request_id.is_empty() || request_id.len() > MAX_REQUEST_ID {
        Err("it must have 1 to 128 characters")
    } else if !request_id.bytes().all(plain) {
        Err("it may hold only ASCII letters, digits, '-', '_', '.', '~', ':' and '@'")
    } else {
        Ok(())
    }
}
