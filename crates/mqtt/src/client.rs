//! The device's role: connect, publish, subscribe, answer.

use std::time::{Duration, Instant};

use bytes::BytesMut;

use crate::codec::{self, LARGEST_PACKET, ProtocolError, Sender, is_valid_filter};
use crate::keep_alive::{Dead, Due, KeepAlive};
use crate::packets::{
    Connect, Disconnect, Packet, Publish, QoS, ReasonCode, Subscribe, SubscribeFilter, Unsubscribe, Version,
};
use crate::session::Session;

/// One side of an MQTT session that opens the connection. It outlives connections: after a loss,
/// [`Client::connect`] begins the next one and the messages in flight carry over.
#[derive(Debug)]
pub struct Client<T> {
    session: Session<T>,
    state: State,
    keep_alive: KeepAlive,
    /// How much of the input was seen and left, as an incomplete packet or for the next poll.
    seen: usize,
    /// How long the last ping took, until somebody asks.
    ping_round_trip: Option<Duration>,
    /// Messages in flight of sessions that the server forgot, oldest first. They are set apart the moment
    /// this is known, so that a new message cannot get mixed up with them.
    forgotten: Vec<(Publish, T)>,
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

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<T> {
    /// The server accepted. With `session_present` the messages in flight have been sent again; without,
    /// they wait in [`Client::take_unacknowledged`].
    Connected {
        /// Whether the server remembers the session.
        session_present: bool,
    },
    /// The server refused; it closes the connection next.
    Refused(ReasonCode),
    /// The server has the message that was published with this token.
    Acknowledged(T),
    /// The answer to [`Client::subscribe`], in the order of its filters.
    Subscribed {
        /// As returned by [`Client::subscribe`].
        packet_id: u16,
        /// The granted QoS, or why not, for each filter.
        reasons: Vec<ReasonCode>,
    },
    /// The answer to [`Client::unsubscribe`].
    Unsubscribed {
        /// As returned by [`Client::unsubscribe`].
        packet_id: u16,
    },
    /// A message was skipped, see [`Client::skipping_bad_topics`].
    BadTopic,
    /// A message; with QoS 1, [`Client::acknowledge`] it once it is handed over.
    Message(Publish),
}

impl<T> Client<T> {
    /// A client without a connection.
    pub fn new(max_in_flight: u16, now: Instant) -> Self {
        Self {
            session: Session::new(max_in_flight),
            state: State::Offline,
            keep_alive: KeepAlive::new(Duration::ZERO, Duration::ZERO, now),
            seen: 0,
            ping_round_trip: None,
            forgotten: Vec::new(),
            skips_bad_topics: false,
        }
    }

    /// The same, for servers other than the hub: with packets of up to `limit` bytes either way.
    #[must_use]
    pub fn with_max_packet_size(mut self, limit: usize) -> Self {
        self.session.max_packet_size = limit;
        self
    }

    /// The same, but a message on a topic that cannot be one is acknowledged and skipped. The standard has the connection
    /// closed [MQTT-1.5.3-1], and a server that retains such a message sends it again on the next one.
    #[must_use]
    pub fn skipping_bad_topics(mut self) -> Self {
        self.skips_bad_topics = true;
        self
    }

    /// Changes how many messages may wait for their PUBACK; those that do already stay.
    pub fn set_max_in_flight(&mut self, limit: u16) {
        self.session.in_flight.set_limit(limit);
    }

    /// Begins a connection on a fresh byte stream. Whatever the old one left unwritten is dropped: messages
    /// in flight will be sent again, the rest belonged to the old connection.
    pub fn connect(&mut self, connect: &Connect, response_timeout: Duration, now: Instant) {
        let interval = Duration::from_secs(u64::from(connect.keep_alive));
        self.keep_alive = KeepAlive::new(interval, response_timeout, now);
        self.seen = 0;
        self.session.output.clear();
        self.state = State::Connecting { clean_start: connect.clean_start };
        let written = codec::encode_connect(connect, &mut self.session.output, LARGEST_PACKET);
        debug_assert!(written.is_ok(), "CONNECT is bounded by its fields: {written:?}");
    }

    /// The byte stream ended, by whichever side.
    pub fn disconnected(&mut self) {
        self.session.output = BytesMut::new();
        self.state = State::Offline;
    }

    /// Says goodbye: the server drops the will and closes. Nothing may follow [MQTT-3.14.4-2]. The answer to CONNECT need
    /// not be waited for (§3.1.4).
    pub fn disconnect(&mut self) {
        if self.state != State::Offline {
            self.session.encode(&Packet::Disconnect(Disconnect::normal()));
        }
        self.state = State::Offline;
    }

    /// Whether the server has accepted and nothing ended the connection since.
    pub fn is_connected(&self) -> bool {
        self.state == State::Connected
    }

    /// Takes the next event out of `input`; `None` until more bytes come.
    ///
    /// # Errors
    /// The peer broke the protocol: drop the connection. Nothing is published on it any more.
    pub fn poll(&mut self, input: &mut BytesMut, now: Instant) -> Result<Option<Event<T>>, ProtocolError> {
        self.next_event(input, now).inspect_err(|_| self.state = State::Offline)
    }

    fn next_event(&mut self, input: &mut BytesMut, now: Instant) -> Result<Option<Event<T>>, ProtocolError> {
        let pinged = self.keep_alive.pinged_at();
        if input.len() > self.seen {
            self.keep_alive.received(now);
        }
        let mut is_new = false;
        loop {
            let packet =
                match codec::decode(input, Sender::Server, Version::Mqtt311, self.session.max_packet_size) {
                    Ok(Some(packet)) => packet,
                    Ok(None) => break,
                    Err(error) => {
                        let event = self.skip_bad_topic(input, now).ok_or(error)?;
                        self.seen = input.len();
                        self.keep_alive.under_way(None, true, now);
                        return Ok(Some(event));
                    }
                };
            is_new = true;
            if let (Packet::PingResp, Some(pinged)) = (&packet, pinged) {
                self.ping_round_trip = Some(now.saturating_duration_since(pinged));
            }
            if let Some(event) = self.receive(packet)? {
                self.seen = input.len();
                self.keep_alive.under_way(None, true, now);
                return Ok(Some(event));
            }
        }
        self.seen = input.len();
        self.keep_alive.under_way(codec::announced(input), is_new, now);
        Ok(None)
    }

    fn skip_bad_topic(&mut self, input: &mut BytesMut, now: Instant) -> Option<Event<T>> {
        if !self.skips_bad_topics || self.state != State::Connected {
            return None;
        }
        let packet_id = codec::skip_bad_topic(input)?;
        if packet_id != 0 {
            self.acknowledge(packet_id, now);
        }
        Some(Event::BadTopic)
    }

    fn receive(&mut self, packet: Packet) -> Result<Option<Event<T>>, ProtocolError> {
        if let (State::Connecting { clean_start }, Packet::ConnAck(connack)) = (self.state, &packet) {
            if clean_start && connack.session_present {
                return Err(ProtocolError::Malformed {
                    packet: "CONNACK",
                    rule: "session present after a clean start [MQTT-3.2.2-1]",
                });
            }
            return Ok(Some(self.connack(connack.reason, connack.session_present)));
        }
        if self.state != State::Connected {
            return Err(ProtocolError::Unexpected { packet: packet.name() });
        }
        Ok(match packet {
            Packet::PubAck(puback) => self
                .session
                .in_flight
                .acknowledge(puback.packet_id)
                .map(|known| Event::Acknowledged(known.token)),
            Packet::Publish(publish) if publish.qos == QoS::ExactlyOnce => {
                return Err(ProtocolError::Unexpected { packet: "QoS 2 PUBLISH" });
            }
            Packet::Publish(publish) => Some(Event::Message(publish)),
            Packet::SubAck(suback)
                if self.session.in_flight.release(suback.packet_id, suback.reasons.len()) =>
            {
                Some(Event::Subscribed { packet_id: suback.packet_id, reasons: suback.reasons })
            }
            Packet::UnsubAck(unsuback) if self.session.in_flight.release(unsuback.packet_id, 0) => {
                Some(Event::Unsubscribed { packet_id: unsuback.packet_id })
            }
            Packet::PingResp => None,
            packet => return Err(ProtocolError::Unexpected { packet: packet.name() }),
        })
    }

    fn connack(&mut self, reason: ReasonCode, session_present: bool) -> Event<T> {
        if reason != ReasonCode::Success {
            self.state = State::Offline;
            return Event::Refused(reason);
        }
        self.state = State::Connected;
        if session_present {
            self.session.resend();
        } else {
            self.forgotten.extend(self.session.in_flight.drain());
        }
        Event::Connected { session_present }
    }

    /// The messages of a session that the server forgot, oldest first: publish them as new or give up.
    /// Without a connection it takes all messages in flight: a later [`Self::connect`] sends none again.
    pub fn take_unacknowledged(&mut self) -> impl Iterator<Item = (Publish, T)> + use<T> {
        let mut taken = std::mem::take(&mut self.forgotten);
        // On a live connection the PUBACKs of the others are still to come.
        if self.state != State::Connected {
            taken.extend(self.session.in_flight.drain());
        }
        taken.into_iter()
    }

    /// Publishes at QoS 0. The message counts as sent once [`Self::output`] is written out. Without a
    /// connection it is dropped: ask [`Self::is_connected`] first.
    ///
    /// # Panics
    /// Only in debug builds, if the message does not fit a packet (see [`Publish::fits`]).
    pub fn publish_qos0(&mut self, publish: &Publish, now: Instant) {
        if self.state == State::Connected {
            self.keep_alive.sent(now);
            self.session.publish_qos0(publish);
        }
    }

    /// Publishes at QoS 1; `token` comes back with [`Event::Acknowledged`].
    ///
    /// # Panics
    /// Only in debug builds, if the message does not fit a packet (see [`Publish::fits`]).
    ///
    /// # Errors
    /// The message itself, when too many are in flight or there is no connection.
    pub fn publish_qos1(&mut self, publish: Publish, token: T, now: Instant) -> Result<(), (Publish, T)> {
        if self.state != State::Connected {
            return Err((publish, token));
        }
        self.keep_alive.sent(now);
        self.session.publish_qos1(publish, token)
    }

    /// Acknowledges an incoming QoS 1 message of this connection; after its end this does nothing.
    /// Identifiers start over with each connection: never acknowledge an older connection's message.
    pub fn acknowledge(&mut self, packet_id: u16, now: Instant) {
        if self.state == State::Connected {
            self.keep_alive.sent(now);
            self.session.acknowledge(packet_id);
        }
    }

    /// Asks for topics, at least one; the answer carries the returned packet identifier. `None` without a
    /// connection or when every identifier is out.
    pub fn subscribe(&mut self, filters: Vec<SubscribeFilter>, now: Instant) -> Option<u16> {
        debug_assert!(
            !filters.is_empty() && filters.iter().all(|filter| is_valid_filter(&filter.filter)),
            "{filters:?}"
        );
        let packet_id = self.reserve(filters.len())?;
        self.keep_alive.sent(now);
        self.session.encode(&Packet::Subscribe(Subscribe { packet_id, ..Subscribe::of(filters) }));
        Some(packet_id)
    }

    /// Gives topics up, at least one; the answer carries the returned packet identifier. `None` as with
    /// [`Self::subscribe`].
    pub fn unsubscribe(&mut self, filters: Vec<String>, now: Instant) -> Option<u16> {
        debug_assert!(
            !filters.is_empty() && filters.iter().all(|filter| is_valid_filter(filter)),
            "{filters:?}"
        );
        let packet_id = self.reserve(0)?;
        self.keep_alive.sent(now);
        self.session.encode(&Packet::Unsubscribe(Unsubscribe { packet_id, ..Unsubscribe::of(filters) }));
        Some(packet_id)
    }

    fn reserve(&mut self, answers: usize) -> Option<u16> {
        if self.state == State::Connected { self.session.in_flight.reserve(answers) } else { None }
    }

    /// Gives up on the messages in flight whose token `expired` picks: they are not sent again.
    pub fn abandon(&mut self, mut expired: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut tokens: Vec<T> =
            self.forgotten.extract_if(.., |(_, token)| expired(token)).map(|(_, token)| token).collect();
        tokens.append(&mut self.session.in_flight.abandon(expired));
        tokens
    }

    /// The tokens of the messages in flight, oldest first.
    pub fn tokens(&self) -> impl Iterator<Item = &T> {
        self.forgotten.iter().map(|(_, token)| token).chain(self.session.in_flight.tokens())
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

    /// How long nothing has come in, while a ping is unanswered.
    pub fn silence_after_ping(&self, now: Instant) -> Option<Duration> {
        self.keep_alive.pinged_at().map(|_| now.saturating_duration_since(self.keep_alive.last_received()))
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
                self.session.encode(&Packet::PingReq);
                Ok(())
            }
            Due::Dead(dead) => Err(dead),
        }
    }

    /// The bytes to write.
    pub fn output(&mut self) -> &mut BytesMut {
        self.session.output()
    }

    /// Messages without their PUBACK, those of [`Self::take_unacknowledged`] included.
    pub fn in_flight(&self) -> usize {
        self.forgotten.len() + self.session.in_flight()
    }

    /// Whether a QoS 1 message may be published now.
    pub fn has_room(&self) -> bool {
        self.state == State::Connected && self.session.has_room()
    }
}
