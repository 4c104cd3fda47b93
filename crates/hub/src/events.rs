//! What happens in a hub, for those who watch it: the types of events, and what each says.
//!
//! Telemetry is not among them: the recorder keeps that. No event holds a secret; texts of clients are bounded.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::error::HubError;
use crate::id::Id;
use azmqtt_local::watch::metrics::Histogram;
use azmqtt_local::watch::{self, Event, Members};
use azmqtt_net::sync::Mutex;

/// The newest events are kept, at most so many.
const MOST: usize = 10_000;

/// And at most so many bytes of them.
const MOST_BYTES: usize = 8 << 20;

/// A patch of a twin that is longer than this is not shown, in bytes of JSON.
const LONGEST_PATCH: usize = 2 << 10;

/// A text of a client, such as an id that nobody has checked, is cut off here, in characters.
const LONGEST_TEXT: usize = 256;

/// How long an event of [`THROTTLED`] is for all that come after it.
const TELL_AGAIN: Duration = Duration::from_secs(1);

/// The types of all events.
pub const TYPES: [&str; 26] = [
    DEVICE_CREATED,
    DEVICE_UPDATED,
    DEVICE_DELETED,
    DEVICE_PROVISIONED,
    CONNECTION_OPENED,
    CONNECTION_CLOSED,
    CONNECTION_REFUSED,
    REQUEST_REFUSED,
    TWIN_REPORTED,
    TWIN_DESIRED,
    TWIN_TAGS,
    METHOD_CALLED,
    METHOD_ANSWERED,
    METHOD_FAILED,
    C2D_ENQUEUED,
    C2D_DELIVERED,
    C2D_COMPLETED,
    C2D_ABANDONED,
    C2D_REJECTED,
    C2D_EXPIRED,
    C2D_PURGED,
    C2D_GIVEN_UP,
    UPLOAD_STARTED,
    UPLOAD_FINISHED,
    FAULT_STRUCK,
    THROTTLED,
];

pub const DEVICE_CREATED: &str = "device.created";
pub const DEVICE_UPDATED: &str = "device.updated";
pub const DEVICE_DELETED: &str = "device.deleted";
pub const DEVICE_PROVISIONED: &str = "device.provisioned";
pub const CONNECTION_OPENED: &str = "connection.opened";
pub const CONNECTION_CLOSED: &str = "connection.closed";
pub const CONNECTION_REFUSED: &str = "connection.refused";
pub const REQUEST_REFUSED: &str = "request.refused";
pub const TWIN_REPORTED: &str = "twin.reported";
pub const TWIN_DESIRED: &str = "twin.desired";
pub const TWIN_TAGS: &str = "twin.tags";
pub const METHOD_CALLED: &str = "method.called";
pub const METHOD_ANSWERED: &str = "method.answered";
pub const METHOD_FAILED: &str = "method.failed";
pub const C2D_ENQUEUED: &str = "c2d.enqueued";
pub const C2D_DELIVERED: &str = "c2d.delivered";
pub const C2D_COMPLETED: &str = "c2d.completed";
pub const C2D_ABANDONED: &str = "c2d.abandoned";
pub const C2D_REJECTED: &str = "c2d.rejected";
pub const C2D_EXPIRED: &str = "c2d.expired";
pub const C2D_PURGED: &str = "c2d.purged";
pub const C2D_GIVEN_UP: &str = "c2d.given_up";
pub const UPLOAD_STARTED: &str = "upload.started";
pub const UPLOAD_FINISHED: &str = "upload.finished";
pub const FAULT_STRUCK: &str = azmqtt_local::faults::STRUCK;
pub const THROTTLED: &str = "throttled";

/// The ring of a hub. Clones are the same ring.
#[derive(Clone)]
pub struct Events {
    ring: Arc<watch::Events>,
    /// How long devices took to answer.
    methods: Arc<Histogram>,
    throttled: Arc<Mutex<BTreeMap<&'static str, OverRate>>>,
}

/// Operations of one kind that were over their rate.
#[derive(Default)]
struct OverRate {
    count: u64,
    /// How many of them the last event has counted, and when that was.
    told: Option<(u64, Instant)>,
}

impl Default for Events {
    fn default() -> Self {
        let ring = Arc::new(watch::Events::new("device_id", MOST, MOST_BYTES));
        Self { ring, methods: Arc::default(), throttled: Arc::default() }
    }
}

impl Events {
    /// The ring, for readers.
    pub fn ring(&self) -> &Arc<watch::Events> {
        &self.ring
    }

    /// How long devices took to answer calls of methods.
    pub fn method_times(&self) -> &Histogram {
        &self.methods
    }

    /// Something happened to a device or module, of which there is no more to say.
    pub fn about(&self, kind: &'static str, id: Id<'_>) {
        self.tell(kind, id, Members::default());
    }

    /// Something happened to a device or module.
    pub fn tell(&self, kind: &'static str, id: Id<'_>, members: Members) {
        self.ring.push(Event::new(kind).about(id.device, id.module).saying(members));
    }

    /// The same, counted by one of a few words.
    pub fn tell_labelled(&self, kind: &'static str, label: &'static str, id: Id<'_>, members: Members) {
        self.ring.push(Event::new(kind).labelled(label).about(id.device, id.module).saying(members));
    }

    /// A device has answered a call.
    pub fn method_answered(&self, id: Id<'_>, name: &str, request_id: &str, status: i32, took: Duration) {
        self.methods.observe(took);
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let members = Members::default().with("name", name).with("request_id", bounded(request_id));
        self.tell(METHOD_ANSWERED, id, members.with("status", status).with("duration_ms", millis));
    }

    /// A call has no answer.
    pub fn method_failed(&self, id: Id<'_>, name: &str, error: &HubError) {
        let members = Members::default().with("name", name).with("reason", error.to_string());
        self.tell(METHOD_FAILED, id, members);
    }

    /// An operation is over its rate. There is one event a second for each kind, however many there are.
    pub fn over_rate(&self, operation: &'static str, now: Instant) {
        let mut all = self.throttled.lock();
        let over = all.entry(operation).or_default();
        over.count += 1;
        let told = over.told.map_or(0, |(told, _)| told);
        if over.told.is_none_or(|(_, at)| now.saturating_duration_since(at) >= TELL_AGAIN) {
            let members = Members::default().with("operation", operation).with("count", over.count - told);
            over.told = Some((over.count, now));
            self.ring.push(Event::new(THROTTLED).saying(members));
        }
    }

    /// How many operations were over their rate, by kind.
    pub fn throttled(&self) -> Vec<(&'static str, u64)> {
        self.throttled.lock().iter().map(|(operation, over)| (*operation, over.count)).collect()
    }

    /// A part of a twin changed. A patch that is long is left out, and its size takes its place.
    pub fn twin_changed(&self, kind: &'static str, id: Id<'_>, version: u64, patch: &Value) {
        let text = patch.to_string();
        let members = Members::default().with("version", version);
        let members = match text.len() {
            ..=LONGEST_PATCH => members.with_json("patch", &text),
            size => members.with("patch_bytes", size),
        };
        self.tell(kind, id, members);
    }

    /// A client was not let in.
    pub fn refused(&self, refused: &Refused<'_>) {
        let members = Members::default()
            .with("reason", bounded(refused.reason))
            .with("cause", refused.cause.name())
            .with_some("advice", refused.cause.advice())
            .with_some("return_code", refused.return_code);
        let kind = if refused.cause == Cause::Request { REQUEST_REFUSED } else { CONNECTION_REFUSED };
        let event = Event::new(kind).labelled(refused.cause.name()).saying(members);
        self.ring.push(match refused.client_id.map(bounded) {
            Some(client_id) => match client_id.split_once('/') {
                Some((device, module)) => event.about(device, Some(module)),
                None => event.about(client_id, None),
            },
            None => event,
        });
    }
}

/// A refusal.
pub struct Refused<'a> {
    /// What the client called itself; nobody has checked whether it may.
    pub client_id: Option<&'a str>,
    pub cause: Cause,
    /// The same in words, with what was found.
    pub reason: &'a str,
    /// The code in its CONNACK.
    pub return_code: Option<u8>,
}

impl<'a> Refused<'a> {
    /// Of a client of which nothing is known.
    pub fn of(cause: Cause, reason: &'a str) -> Self {
        Self { client_id: None, cause, reason, return_code: None }
    }
}

/// Why a client was not let in, in a few words: what refusals are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The CONNECT is of another version of MQTT.
    Protocol,
    /// The user name is missing, or is none of IoT Hub.
    UserName,
    /// The client id is not the device of the user name.
    ClientId,
    /// The user name is for another hub.
    HostName,
    /// There is no such device.
    UnknownDevice,
    /// The token, key or certificate is not the device's, or not valid now.
    Credentials,
    /// The device is disabled.
    Disabled,
    /// The hub does not take the will.
    Will,
    /// The TLS handshake failed.
    Tls,
    /// No CONNECT came in time.
    Unfinished,
    /// The upgrade to a WebSocket was refused.
    WebSocket,
    /// The provisioning service refused it.
    Provisioning,
    /// A request of HTTPS without the right for it.
    Request,
    /// A fault that was asked for.
    Fault,
}

impl Cause {
    /// For labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Protocol => "protocol",
            Self::UserName => "user_name",
            Self::ClientId => "client_id",
            Self::HostName => "host_name",
            Self::UnknownDevice => "unknown_device",
            Self::Credentials => "credentials",
            Self::Disabled => "disabled",
            Self::Will => "will",
            Self::Tls => "tls",
            Self::Unfinished => "unfinished",
            Self::WebSocket => "websocket",
            Self::Provisioning => "provisioning",
            Self::Request => "request",
            Self::Fault => "fault",
        }
    }

    /// What to do about it.
    const fn advice(self) -> Option<&'static str> {
        Some(match self {
            Self::Protocol => "Connect with MQTT 3.1.1.",
            Self::UserName => "Send {hub}/{device id}/?api-version=2021-04-12 as the user name.",
            Self::ClientId => "Use the device id as the client id; of a module {device id}/{module id}.",
            Self::HostName => "Take the host name from the connection string of this hub.",
            Self::UnknownDevice => "Create the device in this hub first; ids are case-sensitive.",
            Self::Credentials => {
                "Take the key or certificate from this device's connection string, and check the clock and the \
                 expiry of the token."
            }
            Self::Disabled => "Enable the device.",
            Self::Will => "Send the will to the device's own topic for telemetry, with QoS 0 or 1.",
            Self::Tls => {
                "Have the client trust the hub's certificate authority, and send the host name (SNI)."
            }
            Self::Unfinished => "Send CONNECT when the TLS handshake is done; HTTP has a port of its own.",
            Self::WebSocket => "Ask for the subprotocol mqtt, from an origin that the hub allows.",
            Self::Provisioning => "Check the id scope, the registration id and the enrolment.",
            Self::Request | Self::Fault => return None,
        })
    }
}

/// The beginning of a text.
pub fn bounded(text: &str) -> &str {
    text.char_indices().nth(LONGEST_TEXT).map_or(text, |(end, _)| &text[..end])
}
