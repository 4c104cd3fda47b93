//! What a session consists of.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::goal::Goal;
use super::link::{DRAIN, Link, Renewal};
use super::methods::Methods;
use super::subscriptions::Subscriptions;
use super::twin::Twin;
use super::waiting::Waiting;
use crate::commands::TwinReply;
use crate::credentials::{Password, Refusals};
use crate::error::Error;
use crate::message::{Owner, Ticket};
use crate::neighbours::Seat;
use crate::shared::Shared;
use azmqtt_client::lasting;
use azmqtt_client::lasting::times::Times;
use azmqtt_client::outbox::Outbox;
use azmqtt_dialect::UsernameOptions;
use azmqtt_mqtt::{Client, Connect};
use azmqtt_net::ClockOffset;
use azmqtt_net::deadlines::later;

/// A device's side of everything that is said to its hub, over one connection after the other.
///
/// Outcomes go where the commands said, what comes in goes into the inboxes of [`Shared`].
pub(crate) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) mqtt: Client<Ticket>,
    pub(super) link: Link,
    pub(super) goal: Goal,
    /// Somebody asked for a connection by name: a wait before the next attempt is over.
    pub(super) hurry: bool,
    pub(super) outbox: Outbox<Owner>,
    pub(super) twin: Twin<TwinReply>,
    pub(super) subscriptions: Subscriptions,
    /// When a subscription that was refused after a reconnect may be tried again.
    pub(super) subscribe_again_at: Option<Instant>,
    pub(super) methods: Methods,
    /// Callers that wait for a state of the connection.
    pub(super) waiting: Vec<Waiting>,
    /// Of all operations.
    pub(super) times: Times,
    /// The hub sends cloud messages at QoS 0, which can be held back by not reading only.
    pub(super) flooded: bool,
    /// Since it last accepted.
    pub(super) refusals: Refusals,
    /// While it is connected or wants to be, if there may be others.
    pub(super) seat: Option<Seat>,
}

/// Why a connection is over.
pub(crate) type End = lasting::End<Error>;

/// After a comparison of desired properties that the hub has refused, unless somebody asks before.
const REFUSED_RETRY: Duration = Duration::from_secs(300);

impl Session {
    /// A session without a connection. `random` tells its twin requests from those of earlier sessions.
    pub(crate) fn new(shared: Arc<Shared>, random: u32, now: Instant) -> Self {
        Self {
            mqtt: Client::new(shared.config.max_in_flight, now),
            link: Link::new(),
            goal: Goal::Rest,
            hurry: false,
            outbox: Outbox::new(now),
            twin: Twin::new(random, REFUSED_RETRY),
            subscriptions: Subscriptions::new(),
            subscribe_again_at: None,
            methods: Methods::default(),
            waiting: Vec::new(),
            times: Times::default(),
            flooded: false,
            refusals: Refusals::default(),
            seat: None,
            shared,
        }
    }

    /// Begins with CONNECT on a fresh stream. `clock` is what its opening said about this machine's clock.
    pub(crate) fn connect(&mut self, password: Password, clock: Option<ClockOffset>, now: Instant) {
        let config = &self.shared.config;
        let username = config.identity.username(&UsernameOptions {
            product_info: config.product_info.clone(),
            model_id: config.model_id.clone(),
        });
        let mut connect = Connect::new(config.identity.client_id());
        connect.keep_alive = config.keep_alive;
        connect.clean_start = false;
        connect.set_login(username, password.text);
        let connack = later(now, config.deadlines.connack);
        let renew_at = password.renew_after.map(|after| later(now, after));
        self.link.begin(connack, renew_at, clock);
        // An hour is as good as any longer time.
        let ping_timeout = config.ping_timeout.min(Duration::from_secs(3600));
        self.mqtt.connect(&connect, ping_timeout, now);
    }

    /// Whether the next connection is to be opened beside this one, for its new token.
    pub(crate) fn wants_next(&self) -> bool {
        self.link.renewal() == Some(Renewal::Opening)
    }

    /// It is open: see [`Self::wants_next`].
    pub(crate) fn next_is_open(&mut self, now: Instant) {
        self.link.set_renewal(Renewal::Draining(now + DRAIN));
    }

    /// It could not be opened; [`Self::wants_next`] is true again after `wait`.
    pub(crate) fn next_failed(&mut self, wait: Duration, now: Instant) {
        self.link.set_renewal(Renewal::Due(Some(later(now, wait))));
    }

    /// Whether every accepted operation has its outcome.
    pub(super) fn is_settled(&self) -> bool {
        self.outbox.is_empty()
            && self.mqtt.in_flight() == 0
            && self.twin.requests().is_empty()
            && self.methods.is_settled()
    }

    /// Whether nothing is under way on the wire.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.mqtt.in_flight() == 0
            && self.mqtt.output().is_empty()
            && self.outbox.unflushed.is_empty()
            && !self.twin.requests().awaits_answer()
            && self.methods.is_quiet()
    }
}
