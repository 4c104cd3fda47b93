//! Direct methods' part of a session: calls in, responses out.

use std::time::Instant;

use bytes::Bytes;

use super::methods::{MAX_OPEN_CALLS, MethodCall, MethodRequest};
use super::state::Session;
use super::subscriptions::Feed;
use crate::error::Error;
use crate::reply::Reply;
use azmqtt_client::connection::OUTPUT_HIGH_WATER;
use azmqtt_mqtt::{Publish, QoS};

impl Session {
    /// A call came in.
    pub(super) fn method_called(&mut self, name: &str, request_id: &str, payload: &Bytes) {
        if self.goal.is_closing() {
            // Nobody will take it, and the end of the connection tells the caller.
            return;
        }
        self.shared.monitor.counters.methods_called.add(1);
        if !self.subscriptions.is_wanted(Feed::Methods) {
            // An earlier client of this session listened to calls.
            return self.methods.refuse(request_id, 404, r#"{"message":"the device has no methods"}"#);
        }
        if self.methods.open() >= MAX_OPEN_CALLS {
            let body = r#"{"message":"too many calls wait for the device"}"#;
            return self.methods.refuse(request_id, 429, body);
        }
        let call = self.methods.call(self.link.number, request_id);
        // As it came, a few bytes would hold on to the whole buffer that they were read into.
        let payload = Bytes::copy_from_slice(payload);
        self.shared.methods.push(MethodRequest { name: name.to_owned(), payload, call });
    }

    /// Takes a response, if the connection that it belongs to is still up.
    pub(super) fn respond(&mut self, call: &MethodCall, status: i32, body: Bytes, reply: Reply<()>) {
        if call.connection == self.link.number && self.mqtt.is_connected() {
            self.methods.respond(call, status, body, reply);
        } else {
            let reason =
                "the call arrived on a connection that has ended; its caller has been notified".to_owned();
            reply.send(Err(Error::ConnectionLost { reason }));
        }
    }

    /// Encodes the responses.
    pub(super) fn publish_responses(&mut self, now: Instant) {
        while self.mqtt.output().len() < OUTPUT_HIGH_WATER {
            let Some((topic, body, reply)) = self.methods.next_unsent() else { break };
            let response = Publish::new(topic, QoS::AtMostOnce, body);
            let written = self.mqtt.publish_qos0(&response, now, now);
            debug_assert_eq!(written, Ok(()), "responses are bounded where they are made");
            self.methods.leaves(self.link.written + self.mqtt.output().len() as u64, reply);
        }
    }
}
