//! What both roles share: the bytes to be written and the messages in flight.

use std::fmt;

use bytes::BytesMut;
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{Packet, PubAck, Publish};

use super::window::Window;
use super::wire::MAX_PACKET_SIZE;

/// The state of one side of an MQTT session that outlives a connection, and the output of the current one.
pub struct Session<T> {
    pub(super) output: BytesMut,
    pub(super) window: Window<T>,
    /// In bytes, either way.
    pub(super) max_packet_size: usize,
}

/// By hand, because a CONNECT in the output holds a password.
impl<T: fmt::Debug> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("output_bytes", &self.output.len())
            .field("window", &self.window)
            .field("max_packet_size", &self.max_packet_size)
            .finish()
    }
}

impl<T> Session<T> {
    /// A fresh session with at most `max_in_flight` unacknowledged messages.
    pub fn new(max_in_flight: u16) -> Self {
        Self { output: BytesMut::new(), window: Window::new(max_in_flight), max_packet_size: MAX_PACKET_SIZE }
    }

    /// Encoded bytes that the caller has still to write, front first; consume them with `advance` or `split`.
    pub fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// Messages without their PUBACK.
    pub fn in_flight(&self) -> usize {
        self.window.in_flight()
    }

    /// Whether a QoS 1 message may be sent now.
    pub fn has_room(&self) -> bool {
        self.window.has_room()
    }

    /// Gives up on the messages that `given_up` picks: they are not sent again, and a late PUBACK is ignored.
    pub fn abandon(&mut self, given_up: impl FnMut(&T) -> bool) -> Vec<T> {
        self.window.abandon(given_up)
    }

    /// The end of a session that will not be resumed: its messages without their PUBACK, oldest first.
    pub fn into_unacknowledged(mut self) -> impl Iterator<Item = (Publish, T)> + use<T> {
        self.window.drain()
    }

    /// Encodes a message at QoS 0, whatever it was before: a message received at QoS 1 may be passed on.
    pub(super) fn publish_qos0(&mut self, publish: &Publish) {
        if publish.qos == QoS::AtMostOnce && !publish.dup {
            encode_publish(publish, &mut self.output, self.max_packet_size);
        } else {
            let publish = Publish { qos: QoS::AtMostOnce, dup: false, pkid: 0, ..publish.clone() };
            encode_publish(&publish, &mut self.output, self.max_packet_size);
        }
    }

    /// Encodes a message at QoS 1 and keeps it until its PUBACK; without room it comes back.
    pub(super) fn publish_qos1(&mut self, publish: Publish, token: T) -> Result<(), (Publish, T)> {
        let publish = self.window.insert(publish, token)?;
        encode_publish(publish, &mut self.output, self.max_packet_size);
        Ok(())
    }

    /// Encodes the PUBACK of an incoming message.
    pub(super) fn acknowledge(&mut self, packet_id: u16) {
        self.encode(&Packet::PubAck(PubAck::new(packet_id)));
    }

    /// Sends the messages in flight again, oldest first, in a session that both sides remember.
    pub(super) fn resend(&mut self) {
        let Self { output, window, max_packet_size } = self;
        for publish in window.resume() {
            encode_publish(publish, output, *max_packet_size);
        }
    }

    pub(super) fn encode(&mut self, packet: &Packet) {
        // The codec fails only on packets over the limit; ours are bounded where they are made.
        let written = packet.write(&mut self.output, self.max_packet_size);
        debug_assert!(written.is_ok(), "an outgoing packet must be bounded where it is made: {written:?}");
    }
}

/// Whether `publish` fits, at either QoS, into a packet that device and hub accept, with a topic name that MQTT
/// can carry (§3.3.2.1, §4.7): not empty, at most 65,535 bytes, no wildcard and no U+0000.
pub fn fits(publish: &Publish) -> bool {
    fits_within(publish, MAX_PACKET_SIZE)
}

/// The same for packets of at most `limit` bytes.
pub fn fits_within(publish: &Publish, limit: usize) -> bool {
    // Fixed header, topic length and packet identifier at their largest.
    const OVERHEAD: usize = 5 + 2 + 2;
    let topic = &publish.topic;
    !topic.is_empty()
        && u16::try_from(topic.len()).is_ok()
        && !topic.bytes().any(|byte| matches!(byte, b'+' | b'#' | 0))
        && OVERHEAD + topic.len() + publish.payload.len() <= limit
}

fn encode_publish(publish: &Publish, output: &mut BytesMut, limit: usize) {
    debug_assert!(
        fits_within(publish, limit),
        "an outgoing message must be bounded where it is made: {publish:?}"
    );
    let written = publish.write(output);
    debug_assert!(written.is_ok(), "an outgoing message must be bounded where it is made: {written:?}");
}
