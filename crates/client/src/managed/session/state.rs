//! What a session consists of.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::arrivals::Arrivals;
use super::goal::Goal;
use super::link::{Lease, Link, Shown};
use super::receiving::LastTopic;
use super::requests::Requests;
use super::subscriptions::Subscriptions;
use crate::lasting;
use crate::lasting::times::{Time, Times};
use crate::managed::authenticator::Credential;
use crate::managed::config::Config;
use crate::managed::error::Error;
use crate::managed::filter;
use crate::managed::inlets;
use crate::managed::message::{Owner, Ticket};
use crate::managed::neighbours::Seat;
use crate::managed::shared::Shared;
use crate::managed::subscription::Subscription;
use crate::outbox::Outbox;
use crate::reply::Reply;
use azmqtt_mqtt::{Client, Connect, Level, PropertiesBuilder};
use azmqtt_net::ClockOffset;
use azmqtt_net::deadlines::later;

/// A client's side of everything that is said to its broker, over one connection after the other.
///
/// Outcomes go where the commands said, what comes in goes to the receivers.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) mqtt: Client<Ticket>,
    pub(super) link: Link,
    pub(super) goal: Goal,
    /// Among the clients of the process, while a connection is wanted.
    pub(super) seat: Option<Seat>,
    /// Somebody asked for a connection by name: a wait before the next attempt is over.
    pub(super) hurry: bool,
    pub(super) outbox: Outbox<Owner>,
    pub(super) arrivals: Arrivals,
    pub(super) inlets: inlets::Copy,
    pub(super) last_topic: LastTopic,
    pub(super) subscriptions: Subscriptions,
    /// When a filter that was refused after a lost session may be tried again.
    pub(super) refused: Option<(Instant, Subscription)>,
    pub(super) requests: Requests,
    /// A challenge of the broker's without an answer.
    pub(super) challenge: Option<bytes::Bytes>,
    /// What the broker said beside its last challenge, for errors.
    pub(super) said_with_challenge: String,
    /// What the broker may not like about the credential that it was shown last.
    pub(super) doubts: Option<String>,
    /// A re-authentication waits for its credential, and the authenticator was not asked yet.
    pub(super) asks_for_credential: bool,
    /// Until when the authenticator's changes are not listened to, after a re-authentication.
    pub(super) deaf_until: Option<Instant>,
    /// Callers that wait for a connection.
    pub(super) waiting: Vec<(Time, Reply<()>)>,
    /// Of all operations.
    pub(super) times: Times,
    /// The configured one, or the one that the broker has assigned.
    pub(super) client_id: String,
    /// A connection of this client was accepted before: the next one goes on with its session.
    pub(super) was_accepted: bool,
    /// The first connection found no session at the broker, and began one.
    pub(super) is_own: bool,
}

/// Why a connection is over.
pub(crate) type End = lasting::End<Error>;

impl Session {
    /// A session without a connection.
    pub(crate) fn new(shared: Arc<Shared>, now: Instant) -> Self {
        let config = &shared.config;
        let largest = usize::try_from(config.max_packet_size).unwrap_or(usize::MAX);
        let mqtt = Client::new(config.max_in_flight, now)
            .with_max_packet_size(largest.min(azmqtt_mqtt::LARGEST_PACKET))
            .with_qos2();
        Self {
            mqtt,
            link: Link::new(),
            goal: Goal::Rest,
            seat: None,
            hurry: false,
            outbox: Outbox::new(now),
            arrivals: Arrivals::default(),
            inlets: inlets::Copy::default(),
            last_topic: LastTopic::default(),
            subscriptions: Subscriptions::default(),
            refused: None,
            requests: Requests::default(),
            challenge: None,
            said_with_challenge: String::new(),
            doubts: None,
            asks_for_credential: false,
            deaf_until: None,
            waiting: Vec::new(),
            times: Times::default(),
            client_id: config.client_id.clone(),
            was_accepted: false,
            is_own: false,
            shared,
        }
    }

    /// Begins with CONNECT on a fresh stream. `clock` is what its opening said about this machine's clock.
    ///
    /// # Errors
    /// CONNECT cannot be written.
    pub(crate) fn connect(
        &mut self,
        credential: Option<&Credential>,
        clock: Option<ClockOffset>,
        now: Instant,
    ) -> Result<(), Error> {
        let config = &self.shared.config;
        let lease = credential.map(|credential| Lease::of(credential, now));
        let connect = connect_packet(config, &self.client_id, credential, !self.was_accepted)?;
        self.link.begin(later(now, config.deadlines.connack), Shown { lease, rounds: 0 }, clock);
        self.challenge = None;
        self.said_with_challenge.clear();
        self.doubts = credential.and_then(|credential| credential.doubts.clone());
        (self.asks_for_credential, self.deaf_until) = (false, None);
        // An hour is as good as any longer time.
        let ping_timeout = config.ping_timeout.min(Duration::from_secs(3600));
        self.mqtt.connect(&connect, ping_timeout, now);
        Ok(())
    }

    /// Whether every accepted operation has its outcome.
    pub(super) fn is_settled(&self) -> bool {
        self.outbox.is_empty()
            && self.mqtt.in_flight() == 0
            && self.requests.is_empty()
            && self.subscriptions.is_settled()
    }
}

impl Lease {
    pub(super) fn of(credential: &Credential, now: Instant) -> Self {
        Self { renew_at: credential.renew_after.map(|after| later(now, after)), expiry: credential.expiry }
    }
}

fn connect_packet(
    config: &Config,
    client_id: &str,
    credential: Option<&Credential>,
    is_first: bool,
) -> Result<Connect, Error> {
    check(config)?;
    let mut connect = Connect::new(client_id);
    connect.level = config.level;
    connect.keep_alive = config.keep_alive;
    connect.will.clone_from(&config.will);
    connect.username.clone_from(&config.username);
    connect.password.clone_from(&config.password);
    let begins = config.clean_start && is_first;
    // In MQTT 3.1.1 the session ends with a connection that began it cleanly (§3.1.2.4).
    connect.clean_start = match config.level {
        Level::Mqtt5 => begins,
        Level::Mqtt31 | Level::Mqtt311 => begins || !config.is_persistent(),
    };
    if config.level == Level::Mqtt5 {
        let mut properties = PropertiesBuilder::new()
            .session_expiry(config.session_expiry)
            .receive_maximum(config.receive_maximum.max(1))
            .maximum_packet_size(config.max_packet_size.max(1))
            .topic_alias_maximum(config.topic_alias_maximum);
        for (name, value) in &config.user_properties {
            properties = properties.user_property(name, value);
        }
        if let (Some(authenticator), Some(credential)) = (&config.authenticator, credential) {
            properties = properties
                .authentication_method(authenticator.method())
                .authentication_data(&credential.data);
        }
        connect.properties =
            properties.build().map_err(|error| Error::Invalid { reason: format!("CONNECT: {error}") })?;
    }
    Ok(connect)
}

/// Says what cannot be written in a CONNECT: each field has at most 65,535 bytes.
fn check(config: &Config) -> Result<(), Error> {
    let will = config.will.as_ref();
    let fields = [
        ("the client id", config.client_id.len()),
        ("the user name", config.username.as_ref().map_or(0, String::len)),
        ("the password", config.password.as_ref().map_or(0, bytes::Bytes::len)),
        ("the payload of the will", will.map_or(0, |will| will.message.len())),
    ];
    for (name, length) in fields {
        if length > usize::from(u16::MAX) {
            return Err(Error::Invalid { reason: format!("{name} is longer than 65,535 bytes") });
        }
    }
    if config.client_id.contains('\0') || config.username.as_ref().is_some_and(|name| name.contains('\0')) {
        return Err(Error::Invalid { reason: "the client id or the user name contains U+0000".to_owned() });
    }
    if config.level != Level::Mqtt5 && config.authenticator.is_some() {
        return Err(Error::NeedsMqtt5 { what: "AUTH packets" });
    }
    will.map_or(Ok(()), |will| filter::check_topic(&will.topic))
}
