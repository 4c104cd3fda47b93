//! The client's role: connect, publish, subscribe, answer.

mod event;
mod receive;

use std::time::{Duration, Instant};

use bytes::BytesMut;

pub use event::Event;

use crate::authentication::Authentication;
use crate::codec::is_valid_filter;
use crate::errors::{AuthenticateError, PublishError, SubscribeError, Unpublished};
use crate::in_flight::{Question, Unacknowledged};
use crate::keep_alive::{Dead, Due, KeepAlive};
use crate::limits::Limits;
use crate::packets::{
    Connect, Disconnect, Packet, Properties, PropertiesBuilder, Property, Publish, ReasonCode, Subscribe,
    Unsubscribe, Version,
};
use crate::session::Session;

/// One side of an MQTT session that opens the connection. It outlives connections: after a loss,
/// [`Client::connect`] begins the next one and the messages in flight carry over.
#[derive(Debug)]
pub struct Client<T> {
    session: Session<T>,
    state: State,
    keep_alive: KeepAlive,
    authentication: Authentication,
    /// In seconds: what CONNECT asked for, and what is in force.
    asked_expiry: u32,
    session_expiry: u32,
    /// How much of the input was seen and left, as an incomplete packet or for the next poll.
    seen: usize,
    /// How long the last ping took, until somebody asks.
    ping_round_trip: Option<Duration>,
    /// Messages in flight of sessions that the server forgot, oldest first. They are set apart the moment
    /// this is known, so that a new message cannot get mixed up with them.
    forgotten: Vec<Unacknowledged<T>>,
    skips_bad_topics: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No connection: nothing may be sent.
    Offline,
    /// CONNECT is out, its answer is awaited.
    Connecting { clean_start: bool },
    /// CONNACK 0 came.
    Connected,
}

impl<T> Client<T> {
    /// A client without a connection, for messages at QoS 0 and 1.
    pub fn new(max_in_flight: u16, now: Instant) -> Self {
        Self {
            session: Session::new(max_in_flight),
            state: State::Offline,
            keep_alive: KeepAlive::new(Duration::ZERO, Duration::ZERO, now),
            authentication: Authentication::default(),
            asked_expiry: 0,
            session_expiry: 0,
            seen: 0,
            ping_round_trip: None,
            forgotten: Vec::new(),
            skips_bad_topics: false,
        }
    }

    /// The same, for servers other than the hub: takes packets of up to `limit` bytes, and sends as large ones as the server
    /// takes.
    #[must_use]
    pub fn with_max_packet_size(mut self, limit: usize) -> Self {
        self.session.link.set_largest(limit);
        self
    }

    /// The same, with messages at QoS 2 both ways.
    #[must_use]
    pub fn with_qos2(mut self) -> Self {
        self.session.has_qos2 = true;
        self
    }

    /// The same, but a message on a topic that cannot be one is acknowledged and skipped. The standard has the connection
    /// closed [MQTT-1.5.3-1], and a server that retains such a message sends it again on the next one.
    #[must_use]
    pub fn skipping_bad_topics(mut self) -> Self {
        self.skips_bad_topics = true;
        self
    }

    /// Changes how many messages may wait for their last acknowledgement; those that do already stay. The server's Receive
    /// Maximum holds besides.
    pub fn set_max_in_flight(&mut self, limit: u16) {
        self.session.in_flight.set_limit(limit);
    }

    /// Begins a connection on a fresh byte stream, in the version that `connect` names. Whatever the old one left
    /// unwritten is dropped: messages in flight will be sent again, the rest belonged to the old connection.
    ///
    /// The limits in the properties of `connect` are kept to: what comes over them is an error of [`Self::poll`].
    pub fn connect(&mut self, connect: &Connect, response_timeout: Duration, now: Instant) {
        let interval = Duration::from_secs(u64::from(connect.keep_alive));
        self.keep_alive = KeepAlive::new(interval, response_timeout, now);
        self.seen = 0;
        let version = connect.level.version();
        self.session.link.reset(version);
        self.session.link.announce(&connect.properties);
        self.authentication.ask(&connect.properties);
        self.asked_expiry = match version {
            Version::Mqtt5 => connect.properties.session_expiry().unwrap_or(0),
            Version::Mqtt311 if connect.clean_start => 0,
            Version::Mqtt311 => u32::MAX,
        };
        self.session_expiry = self.asked_expiry;
        self.state = State::Connecting { clean_start: connect.clean_start };
        self.session.link.encode_connect(connect);
    }

    /// The byte stream ended, by whichever side.
    pub fn disconnected(&mut self) {
        self.session.link.output = BytesMut::new();
        self.state = State::Offline;
    }

    /// Sends DISCONNECT: the server drops the will and closes, or publishes it after [`ReasonCode::DisconnectWithWill`].
    /// Nothing may follow [MQTT-3.14.4-2]. The answer to CONNECT need not be waited for (§3.1.4). MQTT 3.1.1 has no reasons
    /// and no properties.
    ///
    /// A session that CONNECT let end with the connection cannot be made to last: its expiry is left out (MQTT 5
    /// §3.14.2.2.2).
    pub fn disconnect(&mut self, reason: ReasonCode, properties: Properties) {
        if self.state != State::Offline {
            let raises_expiry =
                self.asked_expiry == 0 && properties.session_expiry().is_some_and(|expiry| expiry > 0);
            let properties = if raises_expiry { without_expiry(&properties) } else { properties };
            self.session.link.encode_disconnect(Disconnect { reason, properties });
        }
        self.state = State::Offline;
    }

    /// Whether the output ends with a DISCONNECT that tells the server how it broke the protocol.
    pub fn has_last_words(&self) -> bool {
        self.state == State::Offline && self.session.link.is_v5() && !self.session.link.output.is_empty()
    }

    /// Whether the server has accepted and nothing ended the connection since.
    pub fn is_connected(&self) -> bool {
        self.state == State::Connected
    }

    /// What the server of this connection takes; before its CONNACK the standard's defaults.
    pub fn limits(&self) -> &Limits {
        &self.session.link.theirs
    }

    /// The keep-alive interval in force: the server's, or else that of CONNECT. Zero for none.
    pub fn keep_alive(&self) -> Duration {
        self.keep_alive.interval()
    }

    /// For how many seconds the server keeps the session after the connection: as it says itself, or else as CONNECT asked.
    /// `u32::MAX` for ever.
    pub fn session_expiry(&self) -> u32 {
        self.session_expiry
    }

    /// The messages of a session that the server forgot, oldest first: publish them as new or give up.
    /// Without a connection it takes all messages in flight: a later [`Self::connect`] sends none again.
    pub fn take_unacknowledged(&mut self) -> Vec<Unacknowledged<T>> {
        let mut taken = std::mem::take(&mut self.forgotten);
        // On a live connection the acknowledgements of the others are still to come.
        if self.state != State::Connected {
            taken.extend(self.session.in_flight.take());
        }
        taken
    }

    /// Publishes at QoS 0. The message counts as sent once [`Self::output`] is written out. Its expiry is counted from when
    /// it was `accepted`.
    ///
    /// # Panics
    /// Only in debug builds, if the topic is none (see [`Publish::fits`]).
    ///
    /// # Errors
    /// There is no connection, or the message does not fit it.
    pub fn publish_qos0(
        &mut self,
        publish: &Publish,
        accepted: Instant,
        now: Instant,
    ) -> Result<(), PublishError> {
        if self.state != State::Connected {
            return Err(PublishError::NotConnected);
        }
        self.keep_alive.sent(now);
        self.session.publish_qos0(publish, accepted, now)
    }

    /// Publishes at QoS 1 or 2; `token` comes back with [`Event::Acknowledged`]. Its expiry is counted from when it was
    /// `accepted`, also while it waits to be sent again.
    ///
    /// # Panics
    /// Only in debug builds, if the topic is none (see [`Publish::fits`]).
    ///
    /// # Errors
    /// The message itself, when too many are in flight, there is no connection, or it does not fit the connection.
    pub fn publish(
        &mut self,
        publish: Publish,
        token: T,
        accepted: Instant,
        now: Instant,
    ) -> Result<(), Unpublished<T>> {
        if self.state != State::Connected {
            return Err(Unpublished { publish, token, why: PublishError::NotConnected });
        }
        self.keep_alive.sent(now);
        self.session.publish(publish, token, accepted, now)
    }

    /// Acknowledges an incoming message: the application has it, or `reason` says why it does not take it. In MQTT 3.1.1
    /// nothing is refused.
    ///
    /// At QoS 1 this is for a message of this connection; after its end it does nothing, and identifiers start over with
    /// each connection: never acknowledge an older connection's message. At QoS 2 the message belongs to the session, and
    /// may be acknowledged at any time until the server forgets that.
    pub fn acknowledge(&mut self, packet_id: u16, reason: ReasonCode, now: Instant) {
        if self.state == State::Connected {
            self.keep_alive.sent(now);
        }
        self.session.acknowledge(packet_id, reason, Properties::default(), self.state == State::Connected);
    }

    /// Asks for topics; the answer carries the returned packet identifier.
    ///
    /// # Errors
    /// There is no connection, or the packet does not fit it.
    pub fn subscribe(&mut self, mut subscribe: Subscribe, now: Instant) -> Result<u16, SubscribeError> {
        check_filters(subscribe.filters.iter().map(|filter| filter.filter.as_str()))?;
        self.session.link.theirs.check_subscribe(&subscribe)?;
        let question = Question::Subscribe(subscribe.filters.len());
        self.ask(question, now, |packet_id| {
            subscribe.packet_id = packet_id;
            Packet::Subscribe(subscribe)
        })
    }

    /// Gives topics up; the answer carries the returned packet identifier.
    ///
    /// # Errors
    /// As with [`Self::subscribe`].
    pub fn unsubscribe(&mut self, mut unsubscribe: Unsubscribe, now: Instant) -> Result<u16, SubscribeError> {
        check_filters(unsubscribe.filters.iter().map(String::as_str))?;
        let reasons = if self.session.link.is_v5() { unsubscribe.filters.len() } else { 0 };
        self.ask(Question::Unsubscribe(reasons), now, |packet_id| {
            unsubscribe.packet_id = packet_id;
            Packet::Unsubscribe(unsubscribe)
        })
    }

    fn ask(
        &mut self,
        question: Question,
        now: Instant,
        packet: impl FnOnce(u16) -> Packet,
    ) -> Result<u16, SubscribeError> {
        if self.state != State::Connected {
            return Err(SubscribeError::NotConnected);
        }
        let packet_id = self.session.in_flight.ask(question).ok_or(SubscribeError::NoIdentifier)?;
        if let Err(unwritten) = self.session.link.try_encode(&packet(packet_id)) {
            self.session.in_flight.answer(packet_id, question);
            return Err(unwritten.into());
        }
        self.keep_alive.sent(now);
        Ok(packet_id)
    }

    /// Sends the next step of the enhanced authentication (MQTT 5 §4.12): [`ReasonCode::ContinueAuthentication`] as an
    /// answer to [`Event::Auth`], or [`ReasonCode::ReAuthenticate`] to begin anew on this connection. Everything else goes
    /// on meanwhile. The method is that of CONNECT. Empty data is left out.
    ///
    /// # Errors
    /// It is not the time for it, or it does not fit. Nothing is written then.
    pub fn authenticate(
        &mut self,
        reason: ReasonCode,
        data: &[u8],
        now: Instant,
    ) -> Result<(), AuthenticateError> {
        let method = match (self.state, reason) {
            (State::Connected | State::Connecting { .. }, ReasonCode::ContinueAuthentication) => {
                self.authentication.proceed()?
            }
            (State::Connected, ReasonCode::ReAuthenticate) => self.authentication.begin()?,
            (State::Connected, _) => return Err(AuthenticateError::NotAsked),
            (State::Offline | State::Connecting { .. }, _) => return Err(AuthenticateError::NotConnected),
        };
        self.session.link.encode_auth(reason, method, data)?;
        self.authentication.sent();
        self.keep_alive.sent(now);
        Ok(())
    }

    /// Gives up on the messages in flight whose token `expired` picks: they are not sent again.
    pub fn abandon(&mut self, mut expired: impl FnMut(&T) -> bool) -> Vec<T> {
        let forgotten = self.forgotten.extract_if(.., |message| expired(message.token()));
        let mut tokens: Vec<T> = forgotten.map(Unacknowledged::into_token).collect();
        tokens.append(&mut self.session.in_flight.abandon(expired));
        tokens
    }

    /// The tokens of the messages in flight, oldest first.
    pub fn tokens(&self) -> impl Iterator<Item = &T> {
        self.forgotten.iter().map(Unacknowledged::token).chain(self.session.in_flight.tokens())
    }

    /// The caller has not read the byte stream until now, so the peer's silence says nothing about it. Pings
    /// go on, for the peer's sake.
    pub fn not_listening(&mut self, now: Instant) {
        self.keep_alive.not_listening(now);
    }

    /// The byte stream moves, and nothing has come out of it yet: see [`KeepAlive::received_part`].
    pub fn received_part(&mut self, at: Instant) {
        self.keep_alive.received_part(at);
    }

    /// Somebody waits for an answer and has that much patience, or nobody does: see [`KeepAlive::awaits`].
    pub fn awaits(&mut self, patience: Option<Duration>, sent: u64, now: Instant) {
        self.keep_alive.awaits(patience, sent, now);
    }

    /// How long nothing has come in, while a ping is unanswered that has left before `now`.
    pub fn silence_after_ping(&self, now: Instant) -> Option<Duration> {
        self.keep_alive.silence_after_ping(now)
    }

    /// How long the last PINGREQ waited for its PINGRESP, if that has come since the last call and nothing else came
    /// before it.
    pub fn take_ping_round_trip(&mut self) -> Option<Duration> {
        self.ping_round_trip.take()
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn deadline(&self) -> Option<Instant> {
        if self.state == State::Connected { self.keep_alive.deadline() } else { None }
    }

    /// Pings an idle connection.
    ///
    /// # Errors
    /// The peer is gone, or as good as that: drop the connection.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Dead> {
        if self.state != State::Connected {
            return Ok(());
        }
        match self.keep_alive.due(now) {
            Due::Nothing => Ok(()),
            Due::Ping => {
                self.session.link.encode(&Packet::PingReq);
                Ok(())
            }
            Due::Dead(dead) => Err(dead),
        }
    }

    /// The bytes to write.
    pub fn output(&mut self) -> &mut BytesMut {
        self.session.output()
    }

    /// Messages without their last acknowledgement, those of [`Self::take_unacknowledged`] included.
    pub fn in_flight(&self) -> usize {
        self.forgotten.len() + self.session.in_flight.count()
    }

    /// Whether a message at QoS 1 or 2 may be published now.
    pub fn has_room(&self) -> bool {
        self.state == State::Connected && self.session.has_room()
    }
}

fn check_filters<'a>(filters: impl IntoIterator<Item = &'a str>) -> Result<(), SubscribeError> {
    let mut count = 0;
    for (index, filter) in filters.into_iter().enumerate() {
        if !is_valid_filter(filter) || filter.len() > usize::from(u16::MAX) {
            return Err(SubscribeError::InvalidFilter(index));
        }
        count += 1;
    }
    if count == 0 { Err(SubscribeError::NoFilter) } else { Ok(()) }
}

fn without_expiry(properties: &Properties) -> Properties {
    PropertiesBuilder::from(properties).without(Property::SessionExpiryInterval).build().unwrap_or_default()
}
