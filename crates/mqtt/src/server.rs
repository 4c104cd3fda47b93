//! The hub's role: accept or refuse, take messages, deliver messages.

use std::time::{Duration, Instant};

use bytes::BytesMut;

use crate::codec::{self, MAX_PACKET_SIZE, ProtocolError, Sender};
use crate::in_flight::Acknowledged;
use crate::keep_alive::IdleLimit;
use crate::packets::{
    ConnAck, Connect, Packet, Publish, ReasonCode, SubAck, Subscribe, UnsubAck, Unsubscribe, Version,
};
use crate::session::Session;

/// One side of an MQTT session that accepted the connection.
#[derive(Debug)]
pub struct Server<T> {
    session: Session<T>,
    state: State,
    idle: IdleLimit,
    /// How much of the input was seen and left.
    seen: usize,
    /// The message of the last [`Event::Acknowledged`], until the next poll.
    acknowledged: Option<Box<Acknowledged<()>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The first packet must be a CONNECT [MQTT-3.1.0-1].
    AwaitingConnect,
    /// [`Server::accept`] or [`Server::refuse`] is due. Packets may already follow [MQTT-3.1.4-5].
    Deciding { keep_alive: u16, clean_start: bool },
    /// CONNACK 0 is out.
    Connected,
    /// Refused, or the client said goodbye.
    Closed,
}

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<T> {
    /// A client asks: answer with [`Server::accept`] or [`Server::refuse`] before polling again.
    Connect(Connect),
    /// A message; QoS 1 wants [`Server::acknowledge`]. QoS 2 is passed on for the caller to refuse.
    Publish(Publish),
    /// The client has the message that was delivered with this token.
    Acknowledged(T),
    /// Answer with [`Server::suback`].
    Subscribe(Subscribe),
    /// Answer with [`Server::unsuback`].
    Unsubscribe(Unsubscribe),
    /// The client said goodbye: drop its will and close [MQTT-3.14.4-3].
    Disconnect,
}

impl<T> Server<T> {
    /// How long a fresh connection may stay silent before its CONNECT.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

    /// The state of a byte stream that was just accepted.
    pub fn new(max_in_flight: u16, now: Instant) -> Self {
        Self {
            session: Session::new(max_in_flight),
            state: State::AwaitingConnect,
            idle: IdleLimit::after(Self::CONNECT_TIMEOUT, now),
            seen: 0,
            acknowledged: None,
        }
    }

    /// Takes the next event out of `input`; `None` until more bytes come. Pings are answered here.
    ///
    /// # Errors
    /// The client broke the protocol: close without words, as IoT Hub does. After
    /// [`ProtocolError::UnsupportedLevel`], [`Self::refuse`] still works [MQTT-3.1.2-2].
    pub fn poll(&mut self, input: &mut BytesMut, now: Instant) -> Result<Option<Event<T>>, ProtocolError> {
        self.next_event(input, now).inspect_err(|error| {
            if !matches!(error, ProtocolError::UnsupportedLevel(_)) {
                self.state = State::Closed;
            }
        })
    }

    /// Answers the pings in `input` and takes them out, wherever they stand between whole packets: for a client whose
    /// packets are not taken for a while. Anything that is no packet is left to [`Self::poll`].
    pub fn answer_pings(&mut self, input: &mut BytesMut, now: Instant) {
        const PINGREQ: [u8; 2] = [0xc0, 0];
        if !self.is_connected() {
            return;
        }
        let (mut at, mut kept) = (0, 0);
        while let Some(length) = codec::packet_length(&input[at..]) {
            if input[at..].starts_with(&PINGREQ) {
                self.idle.received(now);
                self.session.encode(&Packet::PingResp);
            } else {
                input.copy_within(at..at + length, kept);
                kept += length;
            }
            at += length;
        }
        let rest = input.len() - at;
        input.copy_within(at.., kept);
        input.truncate(kept + rest);
        self.seen = self.seen.min(input.len());
    }

    fn next_event(&mut self, input: &mut BytesMut, now: Instant) -> Result<Option<Event<T>>, ProtocolError> {
        if matches!(self.state, State::Deciding { .. } | State::Closed) {
            return Ok(None);
        }
        self.acknowledged = None;
        if input.len() > self.seen {
            self.idle.received_bytes(now);
        }
        while let Some(packet) = codec::decode(input, Sender::Client, Version::Mqtt311, MAX_PACKET_SIZE)? {
            self.idle.received(now);
            if let Some(event) = self.receive(packet)? {
                self.seen = input.len();
                return Ok(Some(event));
            }
        }
        self.seen = input.len();
        Ok(None)
    }

    fn receive(&mut self, packet: Packet) -> Result<Option<Event<T>>, ProtocolError> {
        if self.state == State::AwaitingConnect {
            let Packet::Connect(connect) = packet else {
                return Err(ProtocolError::Unexpected { packet: packet.name() });
            };
            let (keep_alive, clean_start) = (connect.keep_alive, connect.clean_start);
            self.state = State::Deciding { keep_alive, clean_start };
            return Ok(Some(Event::Connect(connect)));
        }
        Ok(match packet {
            Packet::Publish(publish) => Some(Event::Publish(publish)),
            Packet::PubAck(puback) => {
                self.session.in_flight.acknowledge(puback.packet_id).map(|acknowledged| {
                    let (rest, token) = acknowledged.swap(());
                    self.acknowledged = Some(Box::new(rest));
                    Event::Acknowledged(token)
                })
            }
            Packet::Subscribe(subscribe) => Some(Event::Subscribe(subscribe)),
            Packet::Unsubscribe(unsubscribe) => Some(Event::Unsubscribe(unsubscribe)),
            Packet::PingReq => {
                self.session.encode(&Packet::PingResp);
                None
            }
            Packet::Disconnect(_) => {
                self.state = State::Closed;
                Some(Event::Disconnect)
            }
            // A second CONNECT [MQTT-3.1.0-2], or the packets of QoS 2.
            packet => return Err(ProtocolError::Unexpected { packet: packet.name() }),
        })
    }

    /// Accepts the client. With `resumed`, the stored session continues: its messages are sent again, and
    /// the client is told that the session is present. A client that asked for a clean start gets one, and
    /// `resumed` is dropped [MQTT-3.1.2-6]. Does nothing unless [`Event::Connect`] came last.
    pub fn accept(&mut self, resumed: Option<Session<T>>, now: Instant) {
        let State::Deciding { keep_alive, clean_start } = self.state else { return };
        let resumed = resumed.filter(|_| !clean_start);
        let session_present = resumed.is_some();
        if let Some(session) = resumed {
            self.session = session;
        }
        self.idle = IdleLimit::new(keep_alive, now);
        self.session.encode(&Packet::ConnAck(ConnAck::new(ReasonCode::Success, session_present)));
        self.session.resend();
        self.state = State::Connected;
    }

    /// Refuses the client; write the output, then close. Does nothing once the client is accepted.
    pub fn refuse(&mut self, reason: ReasonCode) {
        debug_assert_ne!(reason, ReasonCode::Success, "a refusal needs a reason");
        if !matches!(self.state, State::AwaitingConnect | State::Deciding { .. }) {
            return;
        }
        self.session.encode(&Packet::ConnAck(ConnAck::new(reason, false)));
        self.state = State::Closed;
    }

    /// Whether the client is accepted and has not said goodbye.
    pub fn is_connected(&self) -> bool {
        self.state == State::Connected
    }

    /// Acknowledges an incoming QoS 1 message.
    ///
    /// This and the other answers and deliveries below do nothing before [`Self::accept`], because CONNACK
    /// goes first [MQTT-3.2.0-1], nor after the client's goodbye.
    pub fn acknowledge(&mut self, packet_id: u16) {
        if self.is_connected() {
            self.session.acknowledge(packet_id);
        }
    }

    /// Answers a SUBSCRIBE, one code for each filter in its order.
    pub fn suback(&mut self, packet_id: u16, reasons: Vec<ReasonCode>) {
        if self.is_connected() {
            self.session.encode(&Packet::SubAck(SubAck::new(packet_id, reasons)));
        }
    }

    /// Answers an UNSUBSCRIBE.
    pub fn unsuback(&mut self, packet_id: u16) {
        if self.is_connected() {
            self.session.encode(&Packet::UnsubAck(UnsubAck::new(packet_id, Vec::new())));
        }
    }

    /// Delivers at QoS 0.
    pub fn publish_qos0(&mut self, publish: &Publish) {
        if self.is_connected() {
            self.session.publish_qos0(publish);
        }
    }

    /// Delivers at QoS 1; `token` comes back with [`Event::Acknowledged`].
    ///
    /// # Errors
    /// The message itself, when too many are in flight or the client is not accepted.
    pub fn publish_qos1(&mut self, publish: Publish, token: T) -> Result<(), (Publish, T)> {
        if self.state != State::Connected {
            return Err((publish, token));
        }
        self.session.publish_qos1(publish, token)
    }

    /// Gives up on the delivered messages that `given_up` picks: a late PUBACK is ignored.
    pub fn abandon(&mut self, given_up: impl FnMut(&T) -> bool) -> Vec<T> {
        self.session.abandon(given_up)
    }

    /// The acknowledgement that [`Self::poll`] yielded last, with this token, is to count as one that never arrived: the
    /// message is in flight as before.
    pub fn unacknowledge(&mut self, token: T) {
        if let Some(acknowledged) = self.acknowledged.take() {
            // Its identifier was not given again, unless all the others were meanwhile.
            self.session.in_flight.restore(acknowledged.swap(token).0);
        }
    }

    /// Whether a QoS 1 message may be delivered now.
    pub fn has_room(&self) -> bool {
        self.is_connected() && self.session.has_room()
    }

    /// Messages without their PUBACK.
    pub fn in_flight(&self) -> usize {
        self.session.in_flight()
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

    /// The connection ended: what a persistent session keeps (messages without their PUBACK), for a
    /// later [`Self::accept`].
    pub fn into_session(mut self) -> Session<T> {
        self.session.output = BytesMut::new();
        self.session
    }
}
