//! Messages for the application, from the cloud or to an input of a module.

use azmqtt_mqtt::ReasonCode;
use std::time::Instant;

use bytes::Bytes;

use super::state::Session;
use crate::destination::Destination;
use crate::inbox::{CloudMessage, Delivery};
use azmqtt_client::connection::MAX_OUTPUT;

/// QoS 0 cloud messages that may wait for the application, beside the bound in bytes of every
/// [`Inbox`](crate::Inbox); past that the hub is not listened to.
pub(super) const MAX_MESSAGES: usize = 1024;
/// QoS 1 cloud messages that may wait; past that they are left to the hub, without an acknowledgement, and asked
/// for by a reconnect when the application has taken the others. The service queues 50.
pub(crate) const MAX_DELIVERIES: usize = 4096;
/// Bodies smaller than this are copied out of the buffer that they were read into.
const SMALL: usize = 8 * 1024;

impl Session {
    /// A message for the application came in. It is acknowledged when the application has it.
    pub(super) fn take_cloud_message(
        &mut self,
        destination: &Destination<'_>,
        payload: Bytes,
        packet_id: Option<u16>,
        now: Instant,
    ) {
        if self.goal.is_closing() {
            // Nobody will take it: without an acknowledgement the hub keeps it.
            return;
        }
        if packet_id.is_none() {
            self.flooded = true;
        } else if self.shared.messages.is_full(MAX_DELIVERIES) {
            self.link.left_behind = true;
            return;
        }
        self.shared.monitor.counters.messages_received.add(1);
        let (input, bag) = (destination.input.map(str::to_owned), destination.bag.to_owned());
        let delivery = packet_id.map(|packet_id| Delivery { connection: self.link.number, packet_id });
        // As it came, a few bytes would hold on to the whole buffer that they were read into.
        let payload = if payload.len() < SMALL { Bytes::copy_from_slice(&payload) } else { payload };
        self.shared.messages.push(CloudMessage { input, bag, payload, received: now, delivery });
    }

    /// The application is done with messages, of this connection or of earlier ones.
    pub(super) fn acknowledge(&mut self, deliveries: &[Delivery], now: Instant) {
        for delivery in deliveries {
            if delivery.connection == self.link.number && self.mqtt.is_connected() {
                self.mqtt.acknowledge(delivery.packet_id, ReasonCode::Success, now);
            }
        }
    }

    /// Whether the application has to take cloud messages before more of them come: their inbox tells of room.
    pub(crate) fn waits_for_room(&mut self) -> bool {
        !self.may_listen() || self.link.left_behind
    }

    /// Whether to read the socket, which CONNACK and the answers that a closing client waits for always are
    /// worth. A hub that floods the device with QoS 0 messages, or that does not read, has to wait.
    pub(super) fn may_listen(&mut self) -> bool {
        if self.link.accepted_at().is_none() || self.goal.is_closing() {
            return true;
        }
        let flooded = self.flooded && self.shared.messages.is_full(MAX_MESSAGES);
        !flooded && self.mqtt.output().len() < MAX_OUTPUT
    }
}
