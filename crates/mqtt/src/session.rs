//! What both roles share, in both versions: the messages in flight either way, and how they are sent.

use std::time::Instant;

use bytes::BytesMut;

use crate::codec::ProtocolError;
use crate::errors::{PublishError, Unpublished};
use crate::expiry;
use crate::in_flight::{Acknowledged, Again, InFlight, Recorded, Unacknowledged};
use crate::incoming::{Acknowledgement, Arrival, Incoming, Offence};
use crate::link::Link;
use crate::packets::{Packet, Properties, PubAck, PubComp, PubRec, PubRel, Publish, QoS, ReasonCode};

/// The state of one side of an MQTT session that outlives a connection, and what belongs to the current one.
#[derive(Debug)]
pub struct Session<T> {
    pub(crate) link: Link,
    pub(crate) in_flight: InFlight<T>,
    pub(crate) incoming: Incoming,
    pub(crate) has_qos2: bool,
}

/// A message that the peer has answered for the last time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answered<T> {
    pub(crate) token: T,
    pub(crate) reason: ReasonCode,
    pub(crate) properties: Properties,
}

impl<T> Session<T> {
    /// A fresh session with at most `max_in_flight` unacknowledged messages.
    pub fn new(max_in_flight: u16) -> Self {
        Self {
            link: Link::default(),
            in_flight: InFlight::new(max_in_flight),
            incoming: Incoming::default(),
            has_qos2: false,
        }
    }

    /// The same, where these messages at QoS 1 are in flight under their packet identifiers, oldest first: as
    /// [`Self::unacknowledged`] had them before a restart.
    #[must_use]
    pub fn with_messages(self, messages: impl IntoIterator<Item = (Publish, T, Option<Instant>)>) -> Self {
        Self { in_flight: self.in_flight.with_messages(messages), ..self }
    }

    /// The messages of which PUBLISH is out without an answer, oldest first, each with its token and when it expires.
    pub fn unacknowledged(&self) -> impl Iterator<Item = (&Publish, &T, Option<Instant>)> {
        self.in_flight.published()
    }

    /// Gives up on the messages that `given_up` picks: they are not sent again, and a late acknowledgement is ignored.
    pub fn abandon(&mut self, given_up: impl FnMut(&T) -> bool) -> Vec<T> {
        self.in_flight.abandon(given_up)
    }

    /// Takes the messages in flight out, oldest first, once the session has ended.
    pub fn take_unacknowledged(&mut self) -> Vec<Unacknowledged<T>> {
        self.in_flight.drain()
    }

    /// Encoded bytes that the caller has still to write, front first; consume them with `advance` or `split`.
    pub(crate) fn output(&mut self) -> &mut BytesMut {
        &mut self.link.output
    }

    /// Whether a message at QoS 1 or 2 may be sent now.
    pub(crate) fn has_room(&self) -> bool {
        self.in_flight.has_room()
    }

    /// Encodes a message at QoS 0, whatever it was before: a message received at QoS 1 may be passed on.
    pub(crate) fn publish_qos0(
        &mut self,
        publish: &Publish,
        accepted: Instant,
        now: Instant,
    ) -> Result<(), PublishError> {
        let expires = expiry::expires(publish, accepted);
        if publish.qos == QoS::AtMostOnce && !publish.dup {
            self.link.publish(publish, expires, now)
        } else {
            let publish = Publish { qos: QoS::AtMostOnce, dup: false, packet_id: 0, ..publish.clone() };
            self.link.publish(&publish, expires, now)
        }
    }

    /// Encodes a message at QoS 1 or 2 and keeps it until its last acknowledgement; QoS 0 counts as 1.
    pub(crate) fn publish(
        &mut self,
        mut publish: Publish,
        token: T,
        accepted: Instant,
        now: Instant,
    ) -> Result<(), Unpublished<T>> {
        publish.qos = publish.qos.max(QoS::AtLeastOnce);
        let why = match self.try_publish(&mut publish, accepted, now) {
            Ok(expires) => {
                self.in_flight.insert(publish, token, expires);
                return Ok(());
            }
            Err(why) => why,
        };
        publish.packet_id = 0;
        Err(Unpublished { publish, token, why })
    }

    #[inline]
    fn try_publish(
        &mut self,
        publish: &mut Publish,
        accepted: Instant,
        now: Instant,
    ) -> Result<Option<Instant>, PublishError> {
        if publish.qos == QoS::ExactlyOnce && !self.has_qos2 {
            return Err(PublishError::QosNotSupported { maximum: QoS::AtLeastOnce });
        }
        publish.packet_id = self.in_flight.next_id().ok_or(PublishError::NoRoom)?;
        publish.dup = false;
        let expires = expiry::expires(publish, accepted);
        self.link.publish(publish, expires, now)?;
        Ok(expires)
    }

    /// Both sides remember the session: sends the messages in flight again, oldest first.
    pub(crate) fn resume(&mut self, now: Instant) {
        self.in_flight.resume(self.link.theirs.receive_maximum);
        self.send_again(now);
    }

    /// Both sides begin with a new session; what was in flight is taken out before.
    pub(crate) fn start(&mut self) {
        self.incoming.clear();
        self.in_flight.resume(self.link.theirs.receive_maximum);
    }

    /// The connection is open: what the peer may send is counted from here.
    pub(crate) fn count_incoming(&mut self) {
        self.incoming.resume(self.link.is_v5().then_some(self.link.ours.receive_maximum));
    }

    /// Sends again what is due and the peer takes.
    fn send_again(&mut self, now: Instant) {
        let Self { link, in_flight, .. } = self;
        while let Some((id, again)) = in_flight.send_again() {
            let is_release = match again {
                Again::Release => true,
                Again::Publish(publish, expires) => match link.publish(publish, expires, now) {
                    Ok(()) => false,
                    Err(why) => in_flight.give_back(id, why),
                },
            };
            if is_release {
                link.encode(&Packet::PubRel(PubRel::new(id)));
            }
        }
    }

    /// The peer has answered: there may be room for what is to be sent again.
    #[inline]
    fn answered(&mut self, now: Instant) {
        if self.in_flight.owes() {
            self.send_again(now);
        }
    }

    /// Acknowledges an incoming message with PUBACK or PUBREC. Not an error: the application has it.
    pub(crate) fn acknowledge(
        &mut self,
        packet_id: u16,
        reason: ReasonCode,
        words: Properties,
        is_connected: bool,
    ) {
        let is_refused = self.link.is_v5() && reason.is_error();
        let acknowledgement = self.incoming.acknowledge(packet_id, is_refused);
        if !is_connected {
            return;
        }
        match acknowledgement {
            Some(Acknowledgement::PubAck) => {
                self.link.encode_answer(Packet::PubAck(PubAck { packet_id, reason, properties: words }));
            }
            Some(Acknowledgement::PubRec) => {
                self.link.encode_answer(Packet::PubRec(PubRec { packet_id, reason, properties: words }));
            }
            None => {}
        }
    }

    /// PUBLISH: whether the message is to be handed over, and is not a copy of one that was at QoS 2.
    #[inline]
    pub(crate) fn admit(&mut self, publish: &mut Publish) -> Result<bool, ProtocolError> {
        if self.link.is_v5() {
            self.link.admit(publish)?;
        }
        if publish.qos == QoS::AtMostOnce {
            return Ok(true);
        }
        let forbidden = |rule, reason| ProtocolError::Forbidden { packet: "PUBLISH", rule, reason };
        match self.incoming.arrived(publish.qos, publish.packet_id) {
            Ok(Arrival::New) => Ok(true),
            Ok(Arrival::Copy) => Ok(false),
            Ok(Arrival::CopyOfAcknowledged) => {
                self.link.encode(&Packet::PubRec(PubRec::new(publish.packet_id)));
                Ok(false)
            }
            Err(Offence::Exceeded) => Err(forbidden(
                "more messages at a time than the Receive Maximum [MQTT-3.3.4-9]",
                ReasonCode::ReceiveMaximumExceeded,
            )),
            Err(Offence::IdentifierInUse) => Err(forbidden(
                "the packet identifier of a message at QoS 2 [MQTT-2.2.1-4]",
                ReasonCode::PacketIdentifierInUse,
            )),
        }
    }

    /// PUBACK: what `take` keeps of the message. The rest of it is dropped where it stands, and not moved.
    #[inline]
    pub(crate) fn acknowledged<R>(
        &mut self,
        packet_id: u16,
        now: Instant,
        take: impl FnOnce(Acknowledged<T>) -> R,
    ) -> Option<R> {
        let taken = self.in_flight.acknowledge(packet_id).map(take);
        self.answered(now);
        taken
    }

    /// PUBREC: the message, if it is refused.
    pub(crate) fn recorded(&mut self, pubrec: PubRec, now: Instant) -> Option<Answered<T>> {
        let PubRec { packet_id, reason, properties } = pubrec;
        match self.in_flight.record(packet_id, reason) {
            Recorded::Release => self.link.encode(&Packet::PubRel(PubRel::new(packet_id))),
            Recorded::Unknown if reason.is_error() => {}
            // The peer keeps an identifier that this side does not know: it may forget it.
            Recorded::Unknown => {
                let reason = ReasonCode::PacketIdentifierNotFound;
                self.link.encode(&Packet::PubRel(PubRel::with_reason(packet_id, reason)));
            }
            Recorded::Refused(token) => {
                self.answered(now);
                return token.map(|token| Answered { token, reason, properties });
            }
        }
        None
    }

    /// PUBREL: the identifier is free for another message.
    pub(crate) fn released(&mut self, packet_id: u16) {
        let is_known = self.incoming.released(packet_id);
        let reason = if is_known { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound };
        self.link.encode(&Packet::PubComp(PubComp::with_reason(packet_id, reason)));
    }

    /// PUBCOMP: the message, with the reason that PUBREC gave.
    pub(crate) fn completed(&mut self, pubcomp: PubComp, now: Instant) -> Option<Answered<T>> {
        let completed = self.in_flight.complete(pubcomp.packet_id);
        self.answered(now);
        completed.map(|(token, reason)| Answered { token, reason, properties: pubcomp.properties })
    }
}
