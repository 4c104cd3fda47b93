//! What comes in from the client.

use std::time::Instant;

use bytes::BytesMut;

use super::{Asked, Event, Server, State};
use crate::codec::{self, ProtocolError, Sender};
use crate::errors::SubscribeError;
use crate::packets::{
    Auth, ConnAck, Connect, Disconnect, Packet, PubAck, Publish, QoS, ReasonCode, Subscribe, Version,
};
use crate::session::Answered;

impl<T> Server<T> {
    /// Takes the next event out of `input`; `None` until more bytes come. Pings are answered here.
    ///
    /// # Errors
    /// The client broke the protocol: close, as IoT Hub does. In MQTT 5 [`Self::output`] ends with a DISCONNECT, or
    /// CONNACK, that tells it so; write that first, as far as the stream takes it at once. After
    /// [`ProtocolError::UnsupportedLevel`], [`Self::refuse`] still works [MQTT-3.1.2-2].
    pub fn poll(&mut self, input: &mut BytesMut, now: Instant) -> Result<Option<Event<T>>, ProtocolError> {
        let event = self.next_event(input, now);
        if let Err(error) = &event {
            self.broken(error);
        }
        event
    }

    /// The client broke the protocol.
    #[cold]
    fn broken(&mut self, error: &ProtocolError) {
        if matches!(error, ProtocolError::UnsupportedLevel(_)) {
            return;
        }
        match self.state {
            State::Connected => self.session.link.complain(error),
            // DISCONNECT may not come before CONNACK [MQTT-3.14.0-1].
            State::Deciding(_) | State::Authenticating(_) if self.session.link.is_v5() => {
                let connack = ConnAck::new(error.reason(), false);
                self.session.link.encode(&Packet::ConnAck(connack));
            }
            State::AwaitingConnect | State::Deciding(_) | State::Authenticating(_) | State::Closed => {}
        }
        self.state = State::Closed;
    }

    /// Answers the pings in `input` and takes them out, wherever they stand between whole packets: for a client whose
    /// packets are not taken for a while. Anything that is not a packet is left to [`Self::poll`].
    pub fn answer_pings(&mut self, input: &mut BytesMut, now: Instant) {
        const PINGREQ: [u8; 2] = [0xc0, 0];
        if !self.is_connected() {
            return;
        }
        let (mut at, mut kept) = (0, 0);
        while let Some(length) = codec::packet_length(&input[at..]) {
            if input[at..].starts_with(&PINGREQ) {
                self.idle.received(now);
                self.session.link.encode(&Packet::PingResp);
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
        match self.state {
            State::Deciding(_) => return self.check_waiting(input).map(|()| None),
            State::Closed => return Ok(None),
            State::Connected => {
                if let Some((token, why)) = self.session.in_flight.take_returned() {
                    return Ok(Some(Event::NotSentAgain { token, why }));
                }
            }
            State::AwaitingConnect | State::Authenticating(_) => {}
        }
        self.acknowledged = None;
        if input.len() > self.seen {
            self.idle.received_bytes(now);
        }
        while let Some(packet) = self.session.link.decode(input, Sender::Client)? {
            self.idle.received(now);
            if let Some(event) = self.receive(packet, now)? {
                self.seen = input.len();
                return Ok(Some(event));
            }
        }
        self.seen = input.len();
        let returned = self.session.in_flight.take_returned();
        Ok(returned.map(|(token, why)| Event::NotSentAgain { token, why }))
    }

    /// While the owner decides, packets may come already [MQTT-3.1.4-5]; but where the client authenticates, AUTH and
    /// DISCONNECT alone [MQTT-3.1.2-30].
    fn check_waiting(&self, input: &BytesMut) -> Result<(), ProtocolError> {
        const AUTH: u8 = 0xf0;
        const DISCONNECT: u8 = 0xe0;
        match input.first() {
            Some(byte) if self.authentication.method().is_some() && !matches!(*byte, AUTH | DISCONNECT) => {
                Err(ProtocolError::Forbidden {
                    packet: "packet",
                    rule: "before the authentication is over [MQTT-3.1.2-30]",
                    reason: ReasonCode::ProtocolError,
                })
            }
            _ => Ok(()),
        }
    }

    fn receive(&mut self, packet: Packet, now: Instant) -> Result<Option<Event<T>>, ProtocolError> {
        if self.state == State::Connected {
            return self.receive_connected(packet, now);
        }
        match (self.state, packet) {
            (State::AwaitingConnect, Packet::Connect(connect)) => Ok(Some(self.connect(connect))),
            (State::Authenticating(asked), Packet::Auth(auth)) => {
                self.authentication.received(&auth)?;
                if auth.reason != ReasonCode::ContinueAuthentication {
                    return Err(ProtocolError::Unexpected { packet: "AUTH" });
                }
                self.state = State::Deciding(asked);
                Ok(Some(Event::Auth(auth)))
            }
            (State::Authenticating(_), Packet::Disconnect(disconnect)) => {
                self.state = State::Closed;
                Ok(Some(Event::Disconnect(disconnect)))
            }
            (_, packet) => Err(unexpected(&packet)),
        }
    }

    fn connect(&mut self, connect: Box<Connect>) -> Event<T> {
        self.session.link.reset(connect.level.version());
        self.session.link.learn(&connect.properties);
        self.authentication.asked(&connect.properties);
        self.asked_expiry = match connect.level.version() {
            Version::Mqtt5 => connect.properties.session_expiry().unwrap_or(0),
            Version::Mqtt311 if connect.clean_start => 0,
            Version::Mqtt311 => u32::MAX,
        };
        self.session_expiry = self.asked_expiry;
        self.state = State::Deciding(Asked {
            keep_alive: connect.keep_alive,
            clean_start: connect.clean_start,
            will: connect.will.as_ref().map(|will| (will.qos, will.retain)),
        });
        Event::Connect(connect)
    }

    fn receive_connected(&mut self, packet: Packet, now: Instant) -> Result<Option<Event<T>>, ProtocolError> {
        Ok(match packet {
            Packet::Publish(mut publish) => {
                if self.admit(&mut publish)? {
                    Some(Event::Publish(publish))
                } else {
                    None
                }
            }
            Packet::PubAck(puback) => self.acknowledged(puback, now),
            Packet::PubRec(pubrec) if self.session.has_qos2 => {
                self.session.recorded(pubrec, now).map(answered)
            }
            Packet::PubRel(pubrel) if self.session.has_qos2 => {
                self.session.released(pubrel.packet_id);
                None
            }
            Packet::PubComp(pubcomp) if self.session.has_qos2 => {
                self.session.completed(pubcomp, now).map(answered)
            }
            Packet::Subscribe(subscribe) => Some(Event::Subscribe(self.subscribed(subscribe)?)),
            Packet::Unsubscribe(unsubscribe) => Some(Event::Unsubscribe(unsubscribe)),
            Packet::PingReq => {
                self.session.link.encode(&Packet::PingResp);
                None
            }
            Packet::Auth(auth) => Some(self.auth(auth)?),
            Packet::Disconnect(disconnect) => Some(self.disconnect_received(disconnect)?),
            // A second CONNECT [MQTT-3.1.0-2], or the packets of QoS 2.
            packet => return Err(unexpected(&packet)),
        })
    }

    /// Whether the message is to be handed over.
    fn admit(&mut self, publish: &mut Publish) -> Result<bool, ProtocolError> {
        if publish.qos == QoS::ExactlyOnce && !self.session.has_qos2 {
            if self.session.link.is_v5() {
                let rule = "a message with QoS 2, which is not supported [MQTT-3.2.2-11]";
                let reason = ReasonCode::QoSNotSupported;
                return Err(ProtocolError::Forbidden { packet: "PUBLISH", rule, reason });
            }
            return Ok(true);
        }
        self.session.admit(publish)
    }

    /// A client that was told what this side does not have may not ask for it (MQTT 5 §3.2.2.3.11 to 13).
    fn subscribed(&self, subscribe: Subscribe) -> Result<Subscribe, ProtocolError> {
        let (rule, reason) = match self.session.link.ours.check_subscribe(&subscribe) {
            Ok(()) => return Ok(subscribe),
            Err(SubscribeError::IdentifiersNotSupported) => (
                "a subscription identifier, which is not supported (§3.2.2.3.12)",
                ReasonCode::SubscriptionIdentifiersNotSupported,
            ),
            Err(SubscribeError::WildcardNotSupported(_)) => (
                "a wildcard, which is not supported (§3.2.2.3.11)",
                ReasonCode::WildcardSubscriptionsNotSupported,
            ),
            Err(SubscribeError::SharedNotSupported(_)) => (
                "a shared subscription, which is not supported (§3.2.2.3.13)",
                ReasonCode::SharedSubscriptionsNotSupported,
            ),
            Err(_) => ("No Local on a shared subscription [MQTT-3.8.3-4]", ReasonCode::ProtocolError),
        };
        Err(ProtocolError::Forbidden { packet: "SUBSCRIBE", rule, reason })
    }

    fn acknowledged(&mut self, puback: PubAck, now: Instant) -> Option<Event<T>> {
        let PubAck { packet_id, reason, properties } = puback;
        let (rest, token) = self.session.acknowledged(packet_id, now, |message| message.swap(()))?;
        self.acknowledged = Some(rest);
        Some(Event::Acknowledged { token, reason, properties })
    }

    fn auth(&mut self, auth: Auth) -> Result<Event<T>, ProtocolError> {
        match auth.reason {
            ReasonCode::ReAuthenticate => self.authentication.received_anew(&auth)?,
            ReasonCode::ContinueAuthentication => self.authentication.received(&auth)?,
            _ => return Err(ProtocolError::Unexpected { packet: "AUTH" }),
        }
        Ok(Event::Auth(auth))
    }

    fn disconnect_received(&mut self, disconnect: Disconnect) -> Result<Event<T>, ProtocolError> {
        if let Some(expiry) = disconnect.properties.session_expiry() {
            if self.asked_expiry == 0 && expiry > 0 {
                return Err(ProtocolError::Forbidden {
                    packet: "DISCONNECT",
                    rule: "a session expiry where CONNECT had none (§3.14.2.2.2)",
                    reason: ReasonCode::ProtocolError,
                });
            }
            self.session_expiry = expiry;
        }
        self.state = State::Closed;
        Ok(Event::Disconnect(disconnect))
    }
}

fn answered<T>(Answered { token, reason, properties }: Answered<T>) -> Event<T> {
    Event::Acknowledged { token, reason, properties }
}

fn unexpected(packet: &Packet) -> ProtocolError {
    ProtocolError::Unexpected { packet: packet.name() }
}
