//! Twin requests and their answers, matched by `$rid`.
//!
//! No I/O and no clock: the owner publishes what [`Requests::next_unsent`] yields, passes the answers in, and
//! says when time has passed. A request without its answer is published again after a reconnect, because a
//! read changes nothing and a merge patch applied twice gives the same properties. A patch with a version
//! condition is the exception: its first copy may have been applied, so that a second one would be refused.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;

use crate::error::Error;
use azmqtt_client::lasting::times::Time;
use azmqtt_dialect::ServiceError;
use azmqtt_dialect::encoding::excerpt;
use azmqtt_dialect::topic::DeviceTopic;
use azmqtt_dialect::twin::{PatchTextError, Section, check_patch_text};

/// What is asked of the twin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The whole twin.
    Get,
    /// A change of the reported properties.
    Patch {
        /// What changes.
        patch: ReportedProperties,
        /// Only if the reported section still has this version.
        if_version: Option<u64>,
    },
}

impl Request {
    /// What errors call it.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Get => "get_twin",
            Self::Patch { .. } => "patch_reported_properties",
        }
    }
}

/// A JSON merge patch for the reported properties, within the service's limits: there is no other way to make one than
/// to have its text checked.
///
/// ```
/// use azmqtt_device::ReportedProperties;
///
/// assert!(ReportedProperties::from_json(r#"{"fan": {"speed": 3}}"#).is_ok());
/// assert!(ReportedProperties::from_json(r#"{"a.b": 3}"#).is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedProperties(Bytes);

impl ReportedProperties {
    /// Checks `text`, a JSON object in UTF-8, in one pass, and keeps it as it is.
    ///
    /// # Errors
    /// [`PatchTextError`], which names the rule and where the text breaks it.
    pub fn from_json(text: impl Into<Bytes>) -> Result<Self, PatchTextError> {
        let text = text.into();
        check_patch_text(Section::Reported, &text)?;
        Ok(Self(text))
    }

    /// What it takes of the outbox, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.0.len()
    }

    /// The payload to publish; a clone of [`Bytes`] copies no text.
    pub(crate) fn payload(&self) -> Bytes {
        self.0.clone()
    }
}

/// The twin as a device sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct TwinDocument {
    /// The desired properties, without `$version`.
    pub desired: Value,
    /// `$version` of the desired properties.
    pub desired_version: u64,
    /// The reported properties, without `$version`.
    pub reported: Value,
    /// `$version` of the reported properties.
    pub reported_version: u64,
}

/// An accepted change of the reported properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedPatch {
    /// `$version` of the reported properties after the change.
    pub version: u64,
    /// The `$rid` that the answer was matched by.
    pub request_id: String,
    /// 204 from the service.
    pub status: u16,
}

/// A successful answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// To [`Request::Get`].
    Twin(Box<TwinDocument>),
    /// To [`Request::Patch`].
    Patched(ReportedPatch),
}

/// The requests without an answer. `T` is what the owner wants back with it.
#[derive(Debug)]
pub struct Requests<T> {
    pending: HashMap<Box<str>, Pending<T>>,
    /// What is to be published on this connection, oldest first. Requests that ended meanwhile are skipped.
    unsent: VecDeque<Box<str>>,
    /// Makes the identifiers of this table differ from those of earlier ones in the same session, whose
    /// answers may still arrive.
    prefix: u32,
    next: u64,
}

#[derive(Debug)]
struct Pending<T> {
    request: Request,
    /// The order of the calls, kept when requests are published again.
    sequence: u64,
    /// When it was published on the current connection.
    sent: Option<Instant>,
    started: Instant,
    deadline: Instant,
    token: T,
}

impl<T> Requests<T> {
    /// An empty table; `prefix` should be random.
    pub fn new(prefix: u32) -> Self {
        Self { pending: HashMap::new(), unsent: VecDeque::new(), prefix, next: 1 }
    }

    /// How many have no answer.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether every request has its answer.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Whether a request of that identifier has no answer.
    pub fn contains(&self, request_id: &str) -> bool {
        self.pending.contains_key(request_id)
    }

    /// Adds a request that has until `deadline`, to be published by [`Self::next_unsent`].
    pub fn insert(&mut self, request: Request, now: Instant, deadline: Instant, token: T) {
        let id = format!("{:08x}{:x}", self.prefix, self.next).into_boxed_str();
        self.insert_new(id, request, now, deadline, token);
    }

    /// [`Self::insert`] under an identifier from elsewhere. Whether there was none of that name: if not, nothing
    /// is added.
    #[must_use]
    pub fn insert_as(
        &mut self,
        request_id: &str,
        request: Request,
        now: Instant,
        deadline: Instant,
        token: T,
    ) -> bool {
        let free = !self.pending.contains_key(request_id);
        if free {
            self.insert_new(request_id.into(), request, now, deadline, token);
        }
        free
    }

    fn insert_new(&mut self, id: Box<str>, request: Request, now: Instant, deadline: Instant, token: T) {
        let sequence = self.next;
        self.next += 1;
        self.unsent.push_back(id.clone());
        self.pending.insert(id, Pending { request, sequence, sent: None, started: now, deadline, token });
    }

    /// Topic and body of the oldest request that is not published on this connection. It counts as
    /// published from here on.
    pub fn next_unsent(&mut self, now: Instant) -> Option<(String, Bytes)> {
        while let Some(id) = self.unsent.pop_front() {
            if let Some(pending) = self.pending.get_mut(&id) {
                pending.sent = Some(now);
                return Some(publication(&id, &pending.request));
            }
        }
        None
    }

    /// Whether a published request waits for its answer.
    pub fn awaits_answer(&self) -> bool {
        self.pending.values().any(|pending| pending.sent.is_some())
    }

    /// When the request was published on this connection; `None` if it was not, or is not open.
    pub fn sent_at(&self, request_id: &str) -> Option<Instant> {
        self.pending.get(request_id)?.sent
    }

    /// The connection ended. Yields what cannot be published again.
    pub fn connection_lost(&mut self, reason: &str) -> Vec<(T, Error)> {
        let reason = format!("{reason}; the conditional patch may or may not have been applied");
        self.lost(reason, |request| matches!(request, Request::Patch { if_version: Some(_), .. }))
    }

    /// The connection ended, and nothing that was published on it is to be published again: yields all of that.
    pub fn connection_lost_for_good(&mut self, reason: &str) -> Vec<(T, Error)> {
        self.lost(format!("{reason}; whether the request was carried out is not known"), |_| true)
    }

    fn lost(&mut self, reason: String, ends: impl Fn(&Request) -> bool) -> Vec<(T, Error)> {
        let lost = self.remove_if(|pending| pending.sent.is_some() && ends(&pending.request));
        let mut again: Vec<_> = self.pending.iter_mut().collect();
        again.sort_unstable_by_key(|(_, pending)| pending.sequence);
        self.unsent.clear();
        for (id, pending) in again {
            pending.sent = None;
            self.unsent.push_back(id.clone());
        }
        let error = Error::ConnectionLost { reason };
        lost.into_iter().map(|pending| (pending.token, error.clone())).collect()
    }

    /// An answer came in. `None` if no request with that identifier is open: an answer that came too late,
    /// or twice, or that was never asked for.
    pub fn answer(
        &mut self,
        request_id: &str,
        status: u16,
        version: Option<u64>,
        body: &[u8],
    ) -> Option<(T, Result<Answer, Error>)> {
        let (id, pending) = self.pending.remove_entry(request_id)?;
        let outcome = match (&pending.request, status) {
            (Request::Get, 200) => parse_twin(body).map(|twin| Answer::Twin(Box::new(twin))),
            (Request::Patch { .. }, 200 | 204) => version
                .ok_or_else(|| Error::BadAnswer { reason: format!("{status} without $version") })
                .map(|version| {
                    Answer::Patched(ReportedPatch { version, request_id: id.into_string(), status })
                }),
            _ => {
                let error = Box::new(ServiceError::parse(status, body));
                Err(Error::RequestFailed { status, error })
            }
        };
        Some((pending.token, outcome))
    }

    /// An answer came in whose status or version cannot be read: `topic` is all of it. `None` as for [`Self::answer`].
    pub fn answer_badly(&mut self, request_id: &str, topic: &str) -> Option<(T, Error)> {
        let token = self.remove(request_id)?;
        // Whatever the hub sends ends in errors and logs: not all of it, and no control characters.
        let reason = format!("its status or version cannot be read: {:?}", excerpt(topic, 200));
        Some((token, Error::BadAnswer { reason }))
    }

    /// Takes out the requests whose deadline has passed, with how long each had.
    pub fn expire(&mut self, now: Instant) -> Vec<(T, Request, Duration)> {
        self.remove_if(|pending| pending.deadline <= now)
            .into_iter()
            .map(|pending| (pending.token, pending.request, pending.deadline - pending.started))
            .collect()
    }

    /// The earliest deadline.
    pub fn deadline(&self) -> Option<Instant> {
        self.pending.values().map(|pending| pending.deadline).min()
    }

    /// The times of all.
    pub(crate) fn times(&self) -> impl Iterator<Item = Time> {
        self.pending.values().map(|&Pending { deadline, started, .. }| Time {
            deadline,
            timeout: deadline.saturating_duration_since(started),
        })
    }

    /// Forgets the requests whose token `unwanted` picks; their answers will match nothing.
    pub fn forget(&mut self, mut unwanted: impl FnMut(&T) -> bool) {
        self.remove_if(|pending| unwanted(&pending.token));
    }

    /// Forgets the request with this identifier. Yields its token, if it was open.
    pub fn remove(&mut self, request_id: &str) -> Option<T> {
        let pending = self.pending.remove(request_id)?;
        self.unsent.retain(|id| **id != *request_id);
        Some(pending.token)
    }

    /// Takes every request out, in the order of the calls.
    pub fn drain(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.remove_if(|_| true).into_iter().map(|pending| pending.token)
    }

    /// Takes out what `condition` picks, in the order of the calls.
    fn remove_if(&mut self, mut condition: impl FnMut(&Pending<T>) -> bool) -> Vec<Pending<T>> {
        let mut removed: Vec<_> =
            self.pending.extract_if(|_, pending| condition(pending)).map(|(_, pending)| pending).collect();
        if !removed.is_empty() {
            // Without a connection nobody else tidies up.
            self.unsent.retain(|id| self.pending.contains_key(id));
        }
        removed.sort_unstable_by_key(|pending| pending.sequence);
        removed
    }
}

fn publication(id: &str, request: &Request) -> (String, Bytes) {
    match request {
        Request::Get => (DeviceTopic::TwinGet { request_id: id }.to_string(), Bytes::new()),
        Request::Patch { patch, if_version } => {
            let topic = DeviceTopic::ReportedPatch { request_id: id, if_version: *if_version };
            (topic.to_string(), patch.payload())
        }
    }
}

/// Reads `{"desired": {…, "$version": n}, "reported": {…, "$version": m}}`.
fn parse_twin(body: &[u8]) -> Result<TwinDocument, Error> {
    let bad = |reason: String| Error::BadAnswer { reason };
    let mut twin: Value =
        serde_json::from_slice(body).map_err(|error| bad(format!("the twin is not JSON: {error}")))?;
    let mut section = |name: &str| {
        let mut section = twin.get_mut(name).map(Value::take).unwrap_or_default();
        let properties =
            section.as_object_mut().ok_or_else(|| bad(format!("the twin has no object {name:?}")))?;
        let version = properties
            .shift_remove("$version")
            .and_then(|version| version.as_u64())
            .ok_or_else(|| bad(format!("the twin's {name} section has no $version")))?;
        Ok::<_, Error>((section, version))
    };
    let (desired, desired_version) = section("desired")?;
    let (reported, reported_version) = section("reported")?;
    Ok(TwinDocument { desired, desired_version, reported, reported_version })
}
