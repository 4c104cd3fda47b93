//! The server's role: accept or refuse, take messages, deliver messages.

mod event;
mod receive;

use std::time::{Duration, Instant};

use bytes::BytesMut;

pub use event::Event;

use crate::authentication::Authentication;
use crate::errors::{AuthenticateError, PublishError, Unpublished};
use crate::in_flight::Acknowledged;
use crate::keep_alive::IdleLimit;
use crate::limits::Limits;
use crate::link::{Link, without_words};
use crate::packets::{
    ConnAck, Disconnect, Packet, Properties, PropertiesBuilder, Publish, QoS, ReasonCode, SubAck, UnsubAck,
    Version,
};
use crate::session::Session;

/// One side of an MQTT session that accepted the connection.
#[derive(Debug)]
pub struct Server<T> {
    session: Session<T>,
    state: State,
    idle: IdleLimit,
    authentication: Authentication,
    /// In seconds: what CONNECT asked for, and what is in force.
    asked_expiry: u32,
    session_expiry: u32,
    /// How much of the input was seen and left.
    seen: usize,
    /// The message of the last [`Event::Acknowledged`] at QoS 1, until the next poll.
    acknowledged: Option<Acknowledged<()>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The first packet must be a CONNECT [MQTT-3.1.0-1].
    AwaitingConnect,
    /// [`Server::accept`], [`Server::refuse`] or a step of the authentication is due. Packets may already follow
    /// [MQTT-3.1.4-5].
    Deciding(Asked),
    /// AUTH is out; its answer is awaited.
    Authenticating(Asked),
    /// CONNACK 0 is out.
    Connected,
    /// Refused, or one side sent DISCONNECT.
    Closed,
}

/// What CONNECT asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    keep_alive: u16,
    clean_start: bool,
    /// Quality of service and retain flag of the will, if there is one.
    will: Option<(QoS, bool)>,
}

impl<T> Server<T> {
    /// How long a fresh connection may stay silent before its CONNECT.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

    /// The state of a byte stream that was just accepted, for MQTT 3.1.1 and messages at QoS 0 and 1.
    pub fn new(max_in_flight: u16, now: Instant) -> Self {
        Self {
            session: Session::new(max_in_flight),
            state: State::AwaitingConnect,
            idle: IdleLimit::after(Self::CONNECT_TIMEOUT, now),
            authentication: Authentication::default(),
            asked_expiry: 0,
            session_expiry: 0,
            seen: 0,
            acknowledged: None,
        }
    }

    /// The same, for clients of MQTT 5 as well.
    #[must_use]
    pub fn with_mqtt5(mut self) -> Self {
        self.session.link.reset(Version::Mqtt5);
        self
    }

    /// The same, with messages at QoS 2 both ways.
    #[must_use]
    pub fn with_qos2(mut self) -> Self {
        self.session.has_qos2 = true;
        self
    }

    /// The same, for packets of up to `limit` bytes, of which the client is told in MQTT 5 by [`Self::accept`]'s properties;
    /// sends as large ones as the client takes.
    #[must_use]
    pub fn with_max_packet_size(mut self, limit: usize) -> Self {
        self.session.link.set_largest(limit);
        self
    }

    /// The same, and topics are written by their names: the client's Topic Alias Maximum is not made use of.
    #[must_use]
    pub fn without_topic_aliases(mut self) -> Self {
        self.session.link.give_no_aliases();
        self
    }

    /// Accepts the client. With `resumed`, the stored session continues: its messages are sent again, and
    /// the client is told that the session is present. A client that asked for a clean start gets one, and
    /// `resumed` is dropped [MQTT-3.1.2-6]. Does nothing unless [`Event::Connect`] or [`Event::Auth`] came last.
    ///
    /// In MQTT 5 the client is told `properties`, and what they say holds: limits, Server Keep Alive, Session Expiry
    /// Interval. The authentication method is added where there is one, and without [`Self::with_qos2`] the Maximum QoS. A
    /// client whose will is over these limits is refused instead [MQTT-3.2.2-12, MQTT-3.2.2-13], and so is one that
    /// takes no CONNACK of this size: then it is not [`Self::is_connected`].
    pub fn accept(&mut self, resumed: Option<Session<T>>, properties: Properties, now: Instant) {
        let State::Deciding(asked) = self.state else { return };
        let properties = self.with_own_limits(properties);
        self.session.link.announce(&properties);
        if let Err(reason) = self.check_will(asked) {
            self.refuse(reason, Properties::default());
            return;
        }
        let resumed = resumed.filter(|_| !asked.clean_start);
        let session_present = resumed.is_some();
        if let Some(session) = resumed {
            let link = std::mem::take(&mut self.session.link);
            self.session = Session { link, has_qos2: self.session.has_qos2, ..session };
        }
        self.idle = IdleLimit::new(properties.server_keep_alive().unwrap_or(asked.keep_alive), now);
        self.session_expiry = properties.session_expiry().unwrap_or(self.session_expiry);
        if !self.connack(ReasonCode::Success, session_present, properties) {
            self.refuse(ReasonCode::PacketTooLarge, Properties::default());
            return;
        }
        self.authentication.finished();
        self.session.count_incoming();
        self.session.resume(now);
        self.state = State::Connected;
    }

    /// Refuses the client; write the output, then close. Does nothing once the client is accepted.
    pub fn refuse(&mut self, reason: ReasonCode, properties: Properties) {
        debug_assert_ne!(reason, ReasonCode::Success, "a refusal needs a reason");
        if matches!(self.state, State::Connected | State::Closed) {
            return;
        }
        if !self.connack(reason, false, properties) {
            self.connack(reason, false, Properties::default());
        }
        self.state = State::Closed;
    }

    /// Encodes CONNACK, if need be without what is for people to read [MQTT-3.2.2-19]. False if the client does not take
    /// it even so.
    fn connack(&mut self, reason: ReasonCode, session_present: bool, properties: Properties) -> bool {
        let properties = self.with_method(properties);
        let bare = without_words(&properties);
        [properties, bare].into_iter().any(|properties| {
            let connack = ConnAck { session_present, reason, properties };
            self.session.link.try_encode(&Packet::ConnAck(connack)).is_ok()
        })
    }

    /// Adds the Maximum QoS, where that is not the standard's [MQTT-3.2.2-9].
    fn with_own_limits(&self, properties: Properties) -> Properties {
        if self.session.has_qos2 || !self.session.link.is_v5() || properties.maximum_qos().is_some() {
            return properties;
        }
        PropertiesBuilder::from(&properties).maximum_qos(true).build().unwrap_or(properties)
    }

    /// Whether the client's will is within what this side takes. MQTT 3.1.1 has no word for it.
    fn check_will(&self, asked: Asked) -> Result<(), ReasonCode> {
        let ours = &self.session.link.ours;
        match asked.will {
            Some((qos, _)) if qos > ours.maximum_qos => Err(ReasonCode::QoSNotSupported),
            Some((_, true)) if !ours.retain_available => Err(ReasonCode::RetainNotSupported),
            _ => Ok(()),
        }
    }

    /// Adds the authentication method, where there is one.
    fn with_method(&self, properties: Properties) -> Properties {
        match self.authentication.method() {
            Some(method) if properties.authentication_method().is_none() => {
                let builder = PropertiesBuilder::from(&properties).authentication_method(method);
                builder.build().unwrap_or(properties)
            }
            _ => properties,
        }
    }

    /// Sends the next step of the enhanced authentication (MQTT 5 §4.12): [`ReasonCode::ContinueAuthentication`] asks the
    /// client for more, before [`Self::accept`] or after it has begun anew; [`ReasonCode::Success`] tells it that this is
    /// over. Before, [`Self::accept`] says so. Empty data is left out.
    ///
    /// # Errors
    /// It is not the time for it, or it does not fit. Nothing is written then.
    pub fn authenticate(&mut self, reason: ReasonCode, data: &[u8]) -> Result<(), AuthenticateError> {
        let next = match (self.state, reason) {
            (State::Deciding(asked), ReasonCode::ContinueAuthentication) => State::Authenticating(asked),
            (State::Connected, ReasonCode::ContinueAuthentication | ReasonCode::Success) => State::Connected,
            (State::Deciding(_) | State::Connected, _) => return Err(AuthenticateError::NotAsked),
            (State::AwaitingConnect | State::Authenticating(_) | State::Closed, _) => {
                return Err(AuthenticateError::NotConnected);
            }
        };
        let method = self.authentication.proceed()?;
        self.session.link.encode_auth(reason, method, data)?;
        if reason == ReasonCode::Success {
            self.authentication.finished();
        } else {
            self.authentication.sent();
        }
        self.state = next;
        Ok(())
    }

    /// Ends the connection: MQTT 5 has words for it. Write the output, then close. Does nothing before
    /// [`Self::accept`].
    pub fn disconnect(&mut self, reason: ReasonCode, properties: Properties) {
        if !self.is_connected() {
            return;
        }
        if self.session.link.is_v5() {
            self.session.link.encode_disconnect(Disconnect { reason, properties });
        }
        self.state = State::Closed;
    }

    /// Whether the client is accepted and has not sent DISCONNECT.
    pub fn is_connected(&self) -> bool {
        self.state == State::Connected
    }

    /// The version that the client speaks, from its CONNECT on.
    pub fn version(&self) -> Version {
        self.session.link.version
    }

    /// What the client takes.
    pub fn limits(&self) -> &Limits {
        &self.session.link.theirs
    }

    /// For how many seconds the session is to be kept after the connection, `u32::MAX` for ever: as CONNECT asks,
    /// [`Self::accept`] says, and DISCONNECT changes it. In MQTT 3.1.1 not at all, or for ever.
    pub fn session_expiry(&self) -> u32 {
        self.session_expiry
    }

    /// Acknowledges an incoming message at QoS 1 or 2, or refuses it with a reason.
    ///
    /// This and the other answers and deliveries below do nothing before [`Self::accept`], because CONNACK
    /// goes first [MQTT-3.2.0-1], nor after the client's DISCONNECT.
    pub fn acknowledge(&mut self, packet_id: u16, reason: ReasonCode) {
        self.acknowledge_with(packet_id, reason, Properties::default());
    }

    /// The same with `words`: a reason string and user properties. This and the like below leave them out where the client
    /// does not want them [MQTT-3.1.2-29], where they would make the packet larger than it takes [MQTT-3.4.2-2], and in
    /// MQTT 3.1.1.
    pub fn acknowledge_with(&mut self, packet_id: u16, reason: ReasonCode, words: Properties) {
        self.session.acknowledge(packet_id, reason, words, self.is_connected());
    }

    /// Answers a SUBSCRIBE, one code for each filter in its order.
    pub fn suback(&mut self, packet_id: u16, reasons: Vec<ReasonCode>) {
        self.suback_with(packet_id, reasons, Properties::default());
    }

    /// The same with a reason string and user properties.
    pub fn suback_with(&mut self, packet_id: u16, reasons: Vec<ReasonCode>, words: Properties) {
        if self.is_connected() {
            let suback = SubAck { packet_id, properties: words, reasons };
            self.session.link.encode_answer(Packet::SubAck(suback));
        }
    }

    /// Answers an UNSUBSCRIBE, one code for each filter in its order. MQTT 3.1.1 has none.
    pub fn unsuback(&mut self, packet_id: u16, reasons: Vec<ReasonCode>) {
        self.unsuback_with(packet_id, reasons, Properties::default());
    }

    /// The same with a reason string and user properties.
    pub fn unsuback_with(&mut self, packet_id: u16, reasons: Vec<ReasonCode>, words: Properties) {
        if self.is_connected() {
            let unsuback = UnsubAck { packet_id, properties: words, reasons };
            self.session.link.encode_answer(Packet::UnsubAck(unsuback));
        }
    }

    /// Delivers at QoS 0. The message's expiry is counted from when it was `accepted`.
    ///
    /// # Errors
    /// The client is not accepted, or the message does not fit the connection.
    pub fn publish_qos0(
        &mut self,
        publish: &Publish,
        accepted: Instant,
        now: Instant,
    ) -> Result<(), PublishError> {
        if !self.is_connected() {
            return Err(PublishError::NotConnected);
        }
        self.session.publish_qos0(publish, accepted, now)
    }

    /// Delivers at QoS 1 or 2; `token` comes back with [`Event::Acknowledged`]. The message's expiry is counted from when
    /// it was `accepted`.
    ///
    /// # Errors
    /// The message itself, when too many are in flight, the client is not accepted, or it does not fit the connection.
    pub fn publish(
        &mut self,
        publish: Publish,
        token: T,
        accepted: Instant,
        now: Instant,
    ) -> Result<(), Unpublished<T>> {
        if !self.is_connected() {
            return Err(Unpublished { publish, token, why: PublishError::NotConnected });
        }
        self.session.publish(publish, token, accepted, now)
    }

    /// Gives up on the delivered messages that `given_up` picks: a late acknowledgement is ignored.
    pub fn abandon(&mut self, given_up: impl FnMut(&T) -> bool) -> Vec<T> {
        self.session.abandon(given_up)
    }

    /// The PUBACK that [`Self::poll`] yielded last, with this token, is to count as one that never arrived: the
    /// message is in flight as before.
    pub fn unacknowledge(&mut self, token: T) {
        if let Some(acknowledged) = self.acknowledged.take() {
            // Its identifier was not given again, unless all the others were meanwhile.
            self.session.in_flight.restore(acknowledged.swap(token).0);
        }
    }

    /// Whether a message at QoS 1 or 2 may be delivered now.
    pub fn has_room(&self) -> bool {
        self.is_connected() && self.session.has_room()
    }

    /// The packet identifier of the next message at QoS 1 or 2; `None` without room.
    pub fn next_packet_id(&mut self) -> Option<u16> {
        self.session.in_flight.next_id()
    }

    /// The messages of which PUBLISH is out without an answer, oldest first, each with its token and when it expires.
    pub fn unacknowledged(&self) -> impl Iterator<Item = (&Publish, &T, Option<Instant>)> {
        self.session.unacknowledged()
    }

    /// Messages without their last acknowledgement.
    pub fn in_flight(&self) -> usize {
        self.session.in_flight.count()
    }

    /// The byte stream moves, and nothing has come out of it yet.
    pub fn received_part(&mut self, at: Instant) {
        self.idle.received_bytes(at);
    }

    /// When the client counts as gone unless a packet comes before; close it then.
    pub fn deadline(&self) -> Instant {
        self.idle.deadline()
    }

    /// The bytes to write.
    pub fn output(&mut self) -> &mut BytesMut {
        self.session.output()
    }

    /// The connection ended: what a persistent session keeps (messages without their last acknowledgement, and the
    /// identifiers of those that came at QoS 2), for a later [`Self::accept`].
    pub fn into_session(mut self) -> Session<T> {
        self.session.link = Link::default();
        self.session
    }
}
