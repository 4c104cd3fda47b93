//! CONNECT: what is taken, whose session it continues, and what the client is told.

use std::sync::Arc;
use std::time::Instant;

use azmqtt_mqtt::{Connect, Properties, PropertiesBuilder, ReasonCode, Server, Version, Will};

use super::connection::Connection;
use super::outcome::{End, Refusal};
use super::rates::{Denials, Inbound, Outbound};
use super::session::{Identity, Link, Online, Queue, Session, Token};
use super::state::Broker;
use crate::access::{Rights, TopicCache};
use crate::behaviours::{
    AnnouncedReceiveMaximum, Behaviours, DeniedWill, EmptyClientId, OutboundWindow, SubscriptionIdentifiers,
};
use crate::life_cycle::Happened;
use crate::limits::{
    MAX_AUTHENTICATION_DATA, MAX_KEEP_ALIVE, MAX_PACKET_SIZE, MAX_TOPIC_ALIAS, MAX_WILL_DELAY,
};
use crate::routing::SessionKey;
use crate::topic::Levels;

/// Bytes of a client identifier.
const MAX_CLIENT_ID: usize = 256;

const MORE_SESSIONS: &str = "Use the identifier of the client's session, or raise \
    maximumClientSessionsPerAuthenticationName of the namespace.";

const WILL: &str = "Use another topic for the will, or create a permission binding for it.";

/// A client that was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// By which it is known from here on.
    pub connection: Connection,
    /// Its identifier, which it may have been given.
    pub client_id: Arc<str>,
    /// Whether it continues a session.
    pub session_present: bool,
}

/// Whether a CONNECT asks for nothing that the namespace does not have; it is not looked at who asks.
pub fn check_connect(connect: &Connect, behaviours: &Behaviours) -> Result<(), Refusal> {
    let unsupported = |reason: &str| Err(Refusal::new(ReasonCode::ImplementationSpecificError, reason));
    let properties = &connect.properties;
    if behaviours.user_properties.refuses(properties) {
        return unsupported("CONNECT has user properties, which the service does not allow there");
    }
    if properties.authentication_data().is_some_and(|data| data.len() > MAX_AUTHENTICATION_DATA) {
        return unsupported("CONNECT has more than 8 KB of authentication data");
    }
    if connect.client_id.len() > MAX_CLIENT_ID {
        let reason = "the client identifier has more than 256 bytes";
        return Err(Refusal::new(ReasonCode::ClientIdentifierNotValid, reason));
    }
    if connect.client_id.is_empty() && connect.level.version() == Version::Mqtt311 {
        let is_refused = behaviours.empty_client_id == EmptyClientId::Refused || !connect.clean_start;
        if is_refused {
            let reason = "the client identifier is empty [MQTT-3.1.3-8]";
            return Err(Refusal::new(ReasonCode::ClientIdentifierNotValid, reason));
        }
    }
    match &connect.will {
        Some(will) => check_will(will),
        None => Ok(()),
    }
}

fn check_will(will: &Will) -> Result<(), Refusal> {
    if will.qos == azmqtt_mqtt::QoS::ExactlyOnce {
        return Err(Refusal::new(ReasonCode::QoSNotSupported, "the will has QoS 2"));
    }
    if will.properties.will_delay().is_some_and(|delay| delay > MAX_WILL_DELAY) {
        let reason = "the delay of the will is over 300 seconds";
        return Err(Refusal::new(ReasonCode::ImplementationSpecificError, reason));
    }
    match Levels::of(&will.topic) {
        Ok(_) => Ok(()),
        Err(error) => Err(Refusal::new(ReasonCode::TopicNameInvalid, format!("the will's topic: {error}"))),
    }
}

impl Broker {
    /// The server's side of a connection that was just accepted, for its CONNECT.
    pub fn server(&self, now: Instant) -> Server<Token> {
        Server::new(self.window(), now)
            .with_mqtt5()
            .with_max_packet_size(MAX_PACKET_SIZE)
            // The service gives none.
            .without_topic_aliases()
    }

    /// How many messages are sent to a client before it acknowledges one.
    pub(super) fn window(&self) -> u16 {
        let window = match self.behaviours.outbound_window {
            OutboundWindow::Hundred => self.limits.in_flight.messages,
            OutboundWindow::Sixteen => 16,
        };
        u16::try_from(window).unwrap_or(u16::MAX)
    }

    /// Lets a client in that has shown to be `identity`, and answers its CONNECT, which [`check_connect`] has passed.
    ///
    /// # Errors
    /// It is not let in after all. The CONNECT is answered then, too: write the server's output and close.
    pub fn connect(
        &mut self,
        mut server: Server<Token>,
        connect: Connect,
        identity: Identity,
        now: Instant,
    ) -> Result<Accepted, (Box<Server<Token>>, Refusal)> {
        let rights = self.access.rights_of(&identity.principal, identity.standing);
        let existing = self.sessions.find(&connect.client_id);
        let mut connect = connect;
        let judged = if !self.is_enabled {
            let reason = "topicSpacesConfiguration.state of the namespace is Disabled";
            Err(Refusal::new(ReasonCode::ServerUnavailable, reason))
        } else if self.throttle.connect(&connect.client_id, now) {
            self.judge_connect(&mut connect, &identity, &rights, existing)
        } else {
            Err(Refusal::new(ReasonCode::ConnectionRateExceeded, "too many connections within a second"))
        };
        if let Err(refusal) = judged {
            server.refuse(refusal.code, Properties::default());
            return Err((Box::new(server), refusal));
        }
        if let Some(key) = existing {
            self.end_session(key, End::TakenOver, now);
            if connect.clean_start {
                self.forget(key, now);
            }
        }
        // The end of the old connection may have ended the session.
        let existing = self.sessions.find(&connect.client_id);
        let client_id = self.client_id(&connect);
        let asked = server.session_expiry();
        let properties = self.connack(&connect, &client_id, asked);
        let accepted_id = client_id.clone();

        self.connections += 1;
        let number = self.connections;
        let (stored, in_flight) = existing.and_then(|key| self.take_stored(key)).unzip();
        server.accept(stored, properties, now);
        let is_connected = server.is_connected();
        let in_flight = in_flight.unwrap_or(0);
        let online = Link::Online(Box::new(Online {
            server,
            number,
            waker: None,
            is_parked: false,
            is_put_off: false,
            ready: 0,
            in_flight,
            inbound: Inbound::default(),
            outbound: Outbound::default(),
            sends_at: None,
            struck: Vec::new(),
            after: 0,
            is_held: false,
        }));
        let key = if let Some(key) = existing {
            if let Some(session) = self.sessions.get_mut(key) {
                session.link = online;
                session.identity = identity;
                session.rights = rights;
                session.cache.clear();
                session.will = connect.will;
                session.will_at = None;
            }
            key
        } else {
            self.sessions.insert(Session {
                client_id,
                identity,
                rights,
                cache: TopicCache::default(),
                link: online,
                filters: Vec::new(),
                queue: Queue::default(),
                will: connect.will,
                will_at: None,
                deadline: None,
                is_durable: false,
                matched: (0, 0),
                denials: Denials::default(),
            })
        };
        self.record_connected(Connection { session: key, number }, existing.is_some());
        self.sessions.schedule(key);
        self.sessions.count(true);
        if let Some(session) = self.sessions.get(key) {
            self.life_cycle.note(Happened::Connected(session.as_client(number)), now);
        }
        if !is_connected {
            let too_small = "the client does not read CONNACK";
            self.end_session(key, End::Misbehaved(ReasonCode::PacketTooLarge, too_small), now);
        }
        self.publish_due_wills(now);
        Ok(Accepted {
            connection: Connection { session: key, number },
            client_id: accepted_id,
            session_present: existing.is_some(),
        })
    }

    fn judge_connect(
        &self,
        connect: &mut Connect,
        identity: &Identity,
        rights: &Rights,
        existing: Option<SessionKey>,
    ) -> Result<(), Refusal> {
        let name = &identity.principal.name;
        let quota = |reason: &str| Refusal::new(ReasonCode::QuotaExceeded, reason);
        match existing.and_then(|key| self.sessions.get(key)) {
            Some(session) if session.identity.principal.name != *name => {
                let reason = "the session belongs to another authentication name";
                let refusal = Refusal::new(ReasonCode::NotAuthorized, reason);
                return Err(refusal.advising("Use another client identifier."));
            }
            None if self.sessions.of_name(name).len() >= self.limits.sessions_per_name => {
                let refusal = quota("the client has reached its limit of sessions, connected or not");
                return Err(refusal.advising(MORE_SESSIONS));
            }
            None if self.sessions.len() >= self.limits.sessions => {
                return Err(
                    quota("the namespace has reached its limit of sessions").advising("Use more units.")
                );
            }
            _ => {}
        }
        let Some(will) = &connect.will else { return Ok(()) };
        let may =
            Levels::of(&will.topic).is_ok_and(|levels| rights.may_publish(&identity.principal, &levels));
        match self.behaviours.denied_will {
            _ if may => Ok(()),
            DeniedWill::Dropped => {
                connect.will = None;
                Ok(())
            }
            DeniedWill::Refused => {
                let reason = "the client may not publish on its will's topic";
                Err(Refusal::new(ReasonCode::NotAuthorized, reason).advising(WILL))
            }
        }
    }

    /// The client's identifier, or a new one.
    fn client_id(&mut self, connect: &Connect) -> Arc<str> {
        if !connect.client_id.is_empty() {
            return connect.client_id.as_str().into();
        }
        loop {
            let id = format!("auto-{:016x}", self.random.next_u64());
            if self.sessions.find(&id).is_none() {
                return id.into();
            }
        }
    }

    /// What CONNACK says of this namespace. In MQTT 3.1.1 the client does not hear it, and it holds all the same.
    fn connack(&self, connect: &Connect, client_id: &str, asked_expiry: u32) -> Properties {
        let mut properties = PropertiesBuilder::new()
            .maximum_qos(true)
            .retain_available(true)
            .maximum_packet_size(MAX_PACKET_SIZE as u32)
            .topic_alias_maximum(MAX_TOPIC_ALIAS)
            .wildcard_available(true)
            .shared_available(true)
            .subscription_ids_available(
                self.behaviours.subscription_identifiers == SubscriptionIdentifiers::Available,
            );
        if self.behaviours.receive_maximum == AnnouncedReceiveMaximum::Announced {
            properties = properties.receive_maximum(self.limits.receive_maximum);
        }
        if asked_expiry > self.limits.session_expiry {
            properties = properties.session_expiry(self.limits.session_expiry);
        }
        if connect.keep_alive == 0 || connect.keep_alive > MAX_KEEP_ALIVE {
            properties = properties.server_keep_alive(MAX_KEEP_ALIVE);
        }
        if connect.client_id.is_empty() {
            properties = properties.assigned_client_id(client_id);
        }
        // Their values are this broker's own.
        properties.build().unwrap_or_default()
    }

    /// What is in flight of a session to which nobody is connected, and its bytes.
    fn take_stored(&mut self, key: SessionKey) -> Option<(azmqtt_mqtt::session::Session<Token>, usize)> {
        match &mut self.sessions.get_mut(key)?.link {
            Link::Offline(offline) => {
                let empty = azmqtt_mqtt::session::Session::new(1);
                Some((std::mem::replace(&mut offline.stored, empty), offline.in_flight))
            }
            Link::Online(_) => None,
        }
    }
}
