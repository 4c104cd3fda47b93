//! What both roles share: the bytes to be written and the messages in flight.

use std::fmt;

use bytes::BytesMut;

use crate::codec::{self, MAX_PACKET_SIZE};
use crate::in_flight::InFlight;
use crate::packets::{Packet, PubAck, Publish, QoS, Version};

/// The state of one side of an MQTT session that outlives a connection, and the output of the current one.
pub struct Session<T> {
    pub(crate) output: BytesMut,
    pub(crate) in_flight: InFlight<T>,
    /// In bytes, either way.
    pub(crate) max_packet_size: usize,
}

/// By hand, because a CONNECT in the output holds a password.
impl<T: fmt::Debug> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("output_bytes", &self.output.len())
            .field("in_flight", &self.in_flight)
            .field("max_packet_size", &self.max_packet_size)
            .finish()
    }
}

impl<T> Session<T> {
    /// A fresh session with at most `max_in_flight` unacknowledged messages.
    pub fn new(max_in_flight: u16) -> Self {
        Self {
            output: BytesMut::new(),
            in_flight: InFlight::new(max_in_flight),
            max_packet_size: MAX_PACKET_SIZE,
        }
    }

    /// Encoded bytes that the caller has still to write, front first; consume them with `advance` or `split`.
    pub(crate) fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// Messages without their PUBACK.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.count()
    }

    /// Whether a QoS 1 message may be sent now.
    pub(crate) fn has_room(&self) -> bool {
        self.in_flight.has_room()
    }

    /// Gives up on the messages that `given_up` picks: they are not sent again, and a late PUBACK is ignored.
    pub fn abandon(&mut self, given_up: impl FnMut(&T) -> bool) -> Vec<T> {
        self.in_flight.abandon(given_up)
    }

    /// Encodes a message at QoS 0, whatever it was before: a message received at QoS 1 may be passed on.
    pub(crate) fn publish_qos0(&mut self, publish: &Publish) {
        if publish.qos == QoS::AtMostOnce && !publish.dup {
            encode_publish(publish, &mut self.output, self.max_packet_size);
        } else {
            let publish = Publish { qos: QoS::AtMostOnce, dup: false, packet_id: 0, ..publish.clone() };
            encode_publish(&publish, &mut self.output, self.max_packet_size);
        }
    }

    /// Encodes a message at QoS 1 and keeps it until its PUBACK; without room it comes back.
    pub(crate) fn publish_qos1(&mut self, publish: Publish, token: T) -> Result<(), (Publish, T)> {
        let publish = self.in_flight.insert(publish, token)?;
        encode_publish(publish, &mut self.output, self.max_packet_size);
        Ok(())
    }

    /// Encodes the PUBACK of an incoming message.
    pub(crate) fn acknowledge(&mut self, packet_id: u16) {
        self.encode(&Packet::PubAck(PubAck::new(packet_id)));
    }

    /// Sends the messages in flight again, oldest first, in a session that both sides remember.
    pub(crate) fn resend(&mut self) {
        let Self { output, in_flight, max_packet_size } = self;
        for publish in in_flight.resume() {
            encode_publish(publish, output, *max_packet_size);
        }
    }

    pub(crate) fn encode(&mut self, packet: &Packet) {
        let written = codec::encode(packet, Version::Mqtt311, &mut self.output, self.max_packet_size);
        debug_assert!(written.is_ok(), "an outgoing packet must be bounded where it is made: {written:?}");
    }
}

fn encode_publish(publish: &Publish, output: &mut BytesMut, limit: usize) {
    debug_assert!(publish.fits(limit), "an outgoing message must be bounded where it is made: {publish:?}");
    let written = codec::encode_publish(publish, Version::Mqtt311, output, limit);
    debug_assert!(written.is_ok(), "an outgoing message must be bounded where it is made: {written:?}");
}
