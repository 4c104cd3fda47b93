//! What both roles share: the bytes to be written and the messages in flight.

use bytes::BytesMut;
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{Packet, PubAck, Publish};

use super::window::Window;
use super::wire::MAX_PACKET_SIZE;

/// The state of one side of an MQTT session that outlives a connection, and the output of the current one.
#[derive(Debug)]
pub struct Session<T> {
    pub(super) output: BytesMut,
    pub(super) window: Window<T>,
}

impl<T> Session<T> {
    /// A fresh session with at most `max_in_flight` unacknowledged messages.
    pub fn new(max_in_flight: u16) -> Self {
        Self { output: BytesMut::new(), window: Window::new(max_in_flight) }
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

    /// Encodes a QoS 0 message.
    pub(super) fn publish_qos0(&mut self, publish: &Publish) {
        debug_assert_eq!(publish.qos, QoS::AtMostOnce);
        encode_publish(publish, &mut self.output);
    }

    /// Encodes a QoS 1 message and keeps it until its PUBACK; without room it comes back.
    pub(super) fn publish_qos1(&mut self, publish: Publish, token: T) -> Result<(), (Publish, T)> {
        debug_assert_eq!(publish.qos, QoS::AtLeastOnce);
        let publish = self.window.insert(publish, token)?;
        encode_publish(publish, &mut self.output);
        Ok(())
    }

    /// Encodes the PUBACK of an incoming message.
    pub(super) fn acknowledge(&mut self, packet_id: u16) {
        self.encode(&Packet::PubAck(PubAck::new(packet_id)));
    }

    /// Sends the messages in flight again, oldest first, in a session that both sides remember.
    pub(super) fn resend(&mut self) {
        let Self { output, window } = self;
        for publish in window.resume() {
            encode_publish(publish, output);
        }
    }

    pub(super) fn encode(&mut self, packet: &Packet) {
        // The codec fails only on packets over the limit; ours are bounded where they are made.
        let written = packet.write(&mut self.output, MAX_PACKET_SIZE);
        debug_assert!(written.is_ok(), "an outgoing packet must be bounded where it is made: {written:?}");
    }
}

/// Whether `publish` fits into a packet that both sides accept, with a topic that MQTT can carry.
pub fn fits(publish: &Publish) -> bool {
    !publish.topic.is_empty()
        && u16::try_from(publish.topic.len()).is_ok()
        && publish.size() <= MAX_PACKET_SIZE
}

fn encode_publish(publish: &Publish, output: &mut BytesMut) {
    let written = publish.write(output);
    debug_assert!(written.is_ok(), "an outgoing message must be bounded where it is made: {written:?}");
}
