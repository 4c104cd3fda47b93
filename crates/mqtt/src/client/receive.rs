//! What comes in from the server.

use std::time::Instant;

use bytes::BytesMut;

use super::{Client, Event, State};
use crate::codec::{self, ProtocolError, Sender};
use crate::in_flight::Question;
use crate::packets::{Auth, ConnAck, Packet, PubAck, Publish, QoS, ReasonCode, SubAck, UnsubAck};
use crate::session::Answered;

impl<T> Client<T> {
    /// Takes the next event out of `input`; `None` until more bytes come.
    ///
    /// # Errors
    /// The peer broke the protocol: drop the connection. In MQTT 5 [`Self::output`] ends with a DISCONNECT that tells it
    /// so; write that first, as far as the stream takes it at once. Nothing is published on the connection any more.
    pub fn poll(&mut self, input: &mut BytesMut, now: Instant) -> Result<Option<Event<T>>, ProtocolError> {
        let event = self.next_event(input, now);
        if let Err(error) = &event {
            self.broken(error);
        }
        event
    }

    /// The server broke the protocol.
    #[cold]
    fn broken(&mut self, error: &ProtocolError) {
        if self.state != State::Offline {
            self.session.link.complain(error);
        }
        self.state = State::Offline;
    }

    fn next_event(&mut self, input: &mut BytesMut, now: Instant) -> Result<Option<Event<T>>, ProtocolError> {
        if let Some((token, why)) = self.take_returned() {
            return Ok(Some(Event::NotSentAgain { token, why }));
        }
        let pinged = self.keep_alive.pinged_at();
        if input.len() > self.seen {
            self.keep_alive.received(now);
        }
        let mut is_new = false;
        loop {
            let packet = match self.session.link.decode(input, Sender::Server) {
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
            if let Some(event) = self.receive(packet, now)? {
                self.seen = input.len();
                self.keep_alive.under_way(None, true, now);
                return Ok(Some(event));
            }
        }
        self.seen = input.len();
        self.keep_alive.under_way(codec::announced(input), is_new, now);
        // An answer may have made room for a message that could not be sent again.
        Ok(self.take_returned().map(|(token, why)| Event::NotSentAgain { token, why }))
    }

    fn skip_bad_topic(&mut self, input: &mut BytesMut, now: Instant) -> Option<Event<T>> {
        if !self.skips_bad_topics || self.state != State::Connected {
            return None;
        }
        let packet_id = codec::skip_bad_topic(input)?;
        if packet_id != 0 {
            self.session.incoming.arrived(QoS::AtLeastOnce, packet_id).ok()?;
            self.acknowledge(packet_id, ReasonCode::Success, now);
        }
        Some(Event::BadTopic)
    }

    fn receive(&mut self, packet: Packet, now: Instant) -> Result<Option<Event<T>>, ProtocolError> {
        match self.state {
            State::Connected => self.receive_connected(packet, now),
            State::Connecting { clean_start } => match packet {
                Packet::ConnAck(connack) => self.connack(connack, clean_start, now).map(Some),
                Packet::Auth(auth) => self.auth(auth).map(Some),
                packet => Err(unexpected(&packet)),
            },
            State::Offline => Err(unexpected(&packet)),
        }
    }

    fn receive_connected(&mut self, packet: Packet, now: Instant) -> Result<Option<Event<T>>, ProtocolError> {
        Ok(match packet {
            Packet::PubAck(puback) => {
                self.session.link.check_problem_information("PUBACK", &puback.properties)?;
                let PubAck { packet_id, reason, properties } = puback;
                let token = self.session.acknowledged(packet_id, now, |message| message.token);
                token.map(|token| Event::Acknowledged { token, reason, properties })
            }
            Packet::Publish(mut publish) => {
                if self.admit(&mut publish)? {
                    Some(Event::Message(publish))
                } else {
                    None
                }
            }
            Packet::PubRec(pubrec) if self.session.has_qos2 => {
                self.session.link.check_problem_information("PUBREC", &pubrec.properties)?;
                self.keep_alive.sent(now);
                self.session.recorded(pubrec, now).map(answered)
            }
            Packet::PubRel(pubrel) if self.session.has_qos2 => {
                self.session.link.check_problem_information("PUBREL", &pubrel.properties)?;
                self.keep_alive.sent(now);
                self.session.released(pubrel.packet_id);
                None
            }
            Packet::PubComp(pubcomp) if self.session.has_qos2 => {
                self.session.link.check_problem_information("PUBCOMP", &pubcomp.properties)?;
                self.session.completed(pubcomp, now).map(answered)
            }
            Packet::SubAck(suback) => Some(self.suback(suback)?),
            Packet::UnsubAck(unsuback) => Some(self.unsuback(unsuback)?),
            Packet::PingResp => None,
            Packet::Auth(auth) => Some(self.auth(auth)?),
            Packet::Disconnect(disconnect) => {
                self.state = State::Offline;
                Some(Event::Disconnected(disconnect))
            }
            packet => return Err(unexpected(&packet)),
        })
    }

    fn connack(
        &mut self,
        connack: ConnAck,
        clean_start: bool,
        now: Instant,
    ) -> Result<Event<T>, ProtocolError> {
        let ConnAck { session_present, reason, properties } = connack;
        if clean_start && session_present {
            return Err(ProtocolError::Malformed {
                packet: "CONNACK",
                rule: "session present after a clean start [MQTT-3.2.2-1]",
            });
        }
        if reason != ReasonCode::Success {
            self.state = State::Offline;
            return Ok(Event::Refused { reason, properties });
        }
        self.authentication.accepted(&properties)?;
        self.session.link.learn(&properties);
        if let Some(seconds) = properties.server_keep_alive() {
            self.keep_alive.set_interval(seconds);
        }
        if let Some(seconds) = properties.session_expiry() {
            self.session_expiry = seconds;
        }
        self.state = State::Connected;
        self.session.count_incoming();
        if session_present {
            self.session.resume(now);
        } else {
            self.forgotten.extend(self.session.take_unacknowledged());
            self.session.start();
        }
        Ok(Event::Connected { session_present, properties })
    }

    fn auth(&mut self, auth: Auth) -> Result<Event<T>, ProtocolError> {
        self.session.link.check_problem_information("AUTH", &auth.properties)?;
        self.authentication.received(&auth)?;
        match auth.reason {
            ReasonCode::ContinueAuthentication => {}
            // CONNACK says it before.
            ReasonCode::Success if self.state == State::Connected => self.authentication.finished(),
            _ => return Err(ProtocolError::Unexpected { packet: "AUTH" }),
        }
        Ok(Event::Auth(auth))
    }

    /// Whether the message is to be handed over.
    fn admit(&mut self, publish: &mut Publish) -> Result<bool, ProtocolError> {
        if publish.qos == QoS::ExactlyOnce && !self.session.has_qos2 {
            return Err(ProtocolError::Unexpected { packet: "QoS 2 PUBLISH" });
        }
        self.session.admit(publish)
    }

    fn suback(&mut self, suback: SubAck) -> Result<Event<T>, ProtocolError> {
        let SubAck { packet_id, reasons, properties } = suback;
        self.session.link.check_problem_information("SUBACK", &properties)?;
        if !self.session.in_flight.answer(packet_id, Question::Subscribe(reasons.len())) {
            return Err(ProtocolError::Unexpected { packet: "SUBACK" });
        }
        Ok(Event::Subscribed { packet_id, reasons, properties })
    }

    fn unsuback(&mut self, unsuback: UnsubAck) -> Result<Event<T>, ProtocolError> {
        let UnsubAck { packet_id, reasons, properties } = unsuback;
        self.session.link.check_problem_information("UNSUBACK", &properties)?;
        if !self.session.in_flight.answer(packet_id, Question::Unsubscribe(reasons.len())) {
            return Err(ProtocolError::Unexpected { packet: "UNSUBACK" });
        }
        Ok(Event::Unsubscribed { packet_id, reasons, properties })
    }

    fn take_returned(&mut self) -> Option<(T, crate::errors::PublishError)> {
        if self.state == State::Connected { self.session.in_flight.take_returned() } else { None }
    }
}

fn answered<T>(Answered { token, reason, properties }: Answered<T>) -> Event<T> {
    Event::Acknowledged { token, reason, properties }
}

fn unexpected(packet: &Packet) -> ProtocolError {
    ProtocolError::Unexpected { packet: packet.name() }
}
