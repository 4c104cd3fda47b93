//! Life-cycle events of clients: who connected, who went and why, which client was made, changed or deleted
//! (Event Grid docs, "MQTT client life cycle events").

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::attributes::Attributes;
use crate::names::{AuthenticationName, ClientName};
use azmqtt_local::faults::STRUCK;
use azmqtt_local::watch::{self, Event, Members};
use azmqtt_net::sync::{Condvar, Mutex};

/// Events that are kept; the oldest make room.
const MAX_EVENTS: usize = 10_000;

/// Bytes of events that are kept for those who watch the namespace.
const MAX_BYTES: usize = 8 << 20;

pub(crate) const CONNECTION_OPENED: &str = "connection.opened";
pub(crate) const CONNECTION_CLOSED: &str = "connection.closed";
pub(crate) const CONNECTION_REFUSED: &str = "connection.refused";
pub(crate) const REQUEST_REFUSED: &str = "request.refused";
pub(crate) const PUBLISH_REFUSED: &str = "publish.refused";
pub(crate) const SUBSCRIBE_REFUSED: &str = "subscribe.refused";
const CLIENT_UPDATED: &str = "client.updated";
const CLIENT_DELETED: &str = "client.deleted";

/// The types of events, as those who watch the namespace see them.
pub(crate) const TYPES: [&str; 9] = [
    CONNECTION_OPENED,
    CONNECTION_CLOSED,
    CONNECTION_REFUSED,
    REQUEST_REFUSED,
    PUBLISH_REFUSED,
    SUBSCRIBE_REFUSED,
    CLIENT_UPDATED,
    CLIENT_DELETED,
    STRUCK,
];

/// An event, and when it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifeCycleEvent {
    /// Counts the events of the namespace, from 1.
    pub sequence: u64,
    /// When it happened.
    pub at: Instant,
    /// When it happened, by the calendar.
    pub time: SystemTime,
    /// What happened.
    pub happened: Happened,
}

/// What happened to a client or its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// `Microsoft.EventGrid.MQTTClientSessionConnected`.
    Connected(SessionOfClient),
    /// `Microsoft.EventGrid.MQTTClientSessionDisconnected`.
    Disconnected(SessionOfClient, DisconnectionReason),
    /// `Microsoft.EventGrid.MQTTClientCreatedOrUpdated`.
    ClientCreatedOrUpdated {
        /// The name of the resource.
        client: ClientName,
        /// The name that it shows.
        authentication_name: AuthenticationName,
        /// Whether it may connect.
        is_enabled: bool,
        /// As they are now.
        attributes: Attributes,
    },
    /// `Microsoft.EventGrid.MQTTClientDeleted`.
    ClientDeleted {
        /// The name of the resource.
        client: ClientName,
        /// The name that it showed.
        authentication_name: AuthenticationName,
    },
}

/// A connection of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOfClient {
    /// `clientAuthenticationName`.
    pub authentication_name: AuthenticationName,
    /// `clientSessionName`: the client identifier.
    pub session: Arc<str>,
    /// `sequenceNumber`: grows with every connection. A disconnect carries that of its connect.
    pub number: u64,
}

/// Why a session was disconnected, as the service names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisconnectionReason {
    /// What the client has shown does not hold any more, or the client is disabled or deleted.
    ClientAuthenticationError,
    /// The client did what it may not, or lost a permission.
    ClientAuthorizationError,
    /// The client broke MQTT, or did what is not supported.
    ClientError,
    /// The client said so.
    ClientInitiatedDisconnect,
    /// The stream broke, or nothing came in time.
    ConnectionLost,
    /// Too much within a second.
    QuotaExceeded,
    /// The namespace cannot do what it should.
    ServerError,
    /// The namespace ended it.
    ServerInitiatedDisconnect,
    /// Too much waited for the client.
    SessionOverflow,
    /// Another connection continues the session.
    SessionTakenOver,
}

impl DisconnectionReason {
    /// As `disconnectionReason` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientAuthenticationError => "ClientAuthenticationError",
            Self::ClientAuthorizationError => "ClientAuthorizationError",
            Self::ClientError => "ClientError",
            Self::ClientInitiatedDisconnect => "ClientInitiatedDisconnect",
            Self::ConnectionLost => "ConnectionLost",
            Self::QuotaExceeded => "QuotaExceeded",
            Self::ServerError => "ServerError",
            Self::ServerInitiatedDisconnect => "ServerInitiatedDisconnect",
            Self::SessionOverflow => "SessionOverflow",
            Self::SessionTakenOver => "SessionTakenOver",
        }
    }
}

impl fmt::Display for DisconnectionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Happened {
    /// The type of the event, without `Microsoft.EventGrid.`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Connected(_) => "MQTTClientSessionConnected",
            Self::Disconnected(..) => "MQTTClientSessionDisconnected",
            Self::ClientCreatedOrUpdated { .. } => "MQTTClientCreatedOrUpdated",
            Self::ClientDeleted { .. } => "MQTTClientDeleted",
        }
    }
}

impl Happened {
    fn as_event(&self) -> Event {
        let of_session = |session: &SessionOfClient| {
            Members::default().with("session", &*session.session).with("connection", session.number)
        };
        match self {
            Self::Connected(session) => Event::new(CONNECTION_OPENED)
                .about(session.authentication_name.as_str(), None)
                .saying(of_session(session)),
            Self::Disconnected(session, reason) => Event::new(CONNECTION_CLOSED)
                .labelled(reason.name())
                .about(session.authentication_name.as_str(), None)
                .saying(of_session(session).with("reason", reason.name())),
            Self::ClientCreatedOrUpdated { client, authentication_name, is_enabled, .. } => {
                let members =
                    Members::default().with("resource", client.as_str()).with("enabled", *is_enabled);
                Event::new(CLIENT_UPDATED).about(authentication_name.as_str(), None).saying(members)
            }
            Self::ClientDeleted { client, authentication_name } => {
                let members = Members::default().with("resource", client.as_str());
                Event::new(CLIENT_DELETED).about(authentication_name.as_str(), None).saying(members)
            }
        }
    }
}

/// The newest 10,000 events of a namespace.
pub struct LifeCycleLog {
    events: Mutex<Events>,
    grown: Condvar,
    /// The same for those who watch the namespace, and more.
    watched: Arc<watch::Events>,
    /// One moment by both clocks.
    begun: (Instant, SystemTime),
}

impl Default for LifeCycleLog {
    fn default() -> Self {
        let begun = (Instant::now(), SystemTime::now());
        let watched = Arc::new(watch::Events::new("client", MAX_EVENTS, MAX_BYTES));
        Self { events: Mutex::default(), grown: Condvar::default(), watched, begun }
    }
}

#[derive(Default)]
struct Events {
    newest: VecDeque<LifeCycleEvent>,
    total: u64,
}

impl fmt::Debug for LifeCycleLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LifeCycleLog").field("total", &self.events.lock().total).finish_non_exhaustive()
    }
}

impl LifeCycleLog {
    /// Adds an event.
    pub(crate) fn note(&self, happened: Happened, at: Instant) {
        let (begun, calendar) = self.begun;
        let time = calendar.checked_add(at.saturating_duration_since(begun)).unwrap_or(calendar);
        let mut events = self.events.lock();
        events.total += 1;
        if events.newest.len() >= MAX_EVENTS {
            events.newest.pop_front();
        }
        let sequence = events.total;
        self.watched.push(happened.as_event());
        events.newest.push_back(LifeCycleEvent { sequence, at, time, happened });
        drop(events);
        self.grown.notify_all();
    }

    /// What happens in the namespace, for those who watch it.
    pub(crate) fn watched(&self) -> &Arc<watch::Events> {
        &self.watched
    }

    /// The kept events with a higher sequence number than `after`, oldest first.
    pub fn events(&self, after: u64) -> Vec<LifeCycleEvent> {
        self.events.lock().newest.iter().filter(|event| event.sequence > after).cloned().collect()
    }

    /// How many there were in all.
    pub fn total(&self) -> u64 {
        self.events.lock().total
    }

    /// Blocks until there is one of [`Self::events`]; false when the time ran out.
    pub fn wait(&self, after: u64, timeout: Duration) -> bool {
        let waited =
            self.grown.wait_timeout_while(self.events.lock(), timeout, |events| events.total <= after);
        waited.0.total > after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deleted(name: &str) -> Happened {
        let client = ClientName::parse(name).unwrap();
        Happened::ClientDeleted { authentication_name: AuthenticationName::from(&client), client }
    }

    #[test]
    fn the_newest_stay() {
        let log = LifeCycleLog::default();
        for number in 0..=MAX_EVENTS {
            log.note(deleted(&format!("c{number}")), Instant::now());
        }
        let events = log.events(0);
        assert_eq!((events.len(), events[0].sequence), (MAX_EVENTS, 2));
        assert_eq!(log.events(MAX_EVENTS as u64)[0].happened, deleted(&format!("c{MAX_EVENTS}")));
        assert!(log.wait(MAX_EVENTS as u64, Duration::ZERO));
        assert!(!log.wait(MAX_EVENTS as u64 + 1, Duration::ZERO));
    }
}
