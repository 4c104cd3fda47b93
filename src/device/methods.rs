//! Direct methods: calls in, responses out (IoT Hub docs, "Understand and invoke direct methods from IoT Hub").
//!
//! The hub numbers its calls anew on each connection, so that a response on another connection could answer another
//! call. A [`MethodCall`] therefore remembers its connection, and its response leaves on that one or not at all.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::converse::OUTPUT_HIGH_WATER;
use super::error::Error;
use super::reply::Reply;
use super::subscriptions::Feed;
use super::task::Task;
use azmqtt_dialect::DeviceTopic;
use azmqtt_mqtt::{Publish, QoS};

/// Calls that may be without a response, waiting or being worked on; further ones are answered with status 429 at
/// once. The queue of one that is stuck stays bounded, and its callers learn of it.
pub const MAX_OPEN_CALLS: usize = 64;

/// Responses that may wait for the socket before calls are no longer refused in words: a hub that calls and does not
/// read gets no more of them.
const MAX_UNSENT: usize = 64;

/// A call of a direct method.
#[derive(Debug)]
pub struct MethodRequest {
    /// The method's name, as in the topic.
    pub name: String,
    /// The body: JSON, or empty for none.
    pub payload: Bytes,
    /// What to respond to.
    pub call: MethodCall,
}

/// A call without a response. It is answered once, and on its own connection only.
#[derive(Debug)]
pub struct MethodCall {
    pub(super) connection: u64,
    request_id: String,
    /// Its place among the open calls, given back with it.
    _place: Arc<()>,
}

/// The task's side of it.
#[derive(Debug, Default)]
pub(super) struct Methods {
    /// Responses of this connection that are not encoded yet, oldest first.
    unsent: VecDeque<Response>,
    /// Responses on their way to the socket: done once that many bytes have left.
    unflushed: VecDeque<(u64, Reply<()>)>,
    /// Shared with every call that is open.
    open: Arc<()>,
}

#[derive(Debug)]
struct Response {
    topic: String,
    body: Bytes,
    reply: Reply<()>,
}

impl Methods {
    /// Calls without a response.
    pub(super) fn open(&self) -> usize {
        Arc::strong_count(&self.open) - 1
    }

    /// Whether every response that was given has left.
    pub(super) fn is_settled(&self) -> bool {
        self.unsent.is_empty() && self.unflushed.is_empty()
    }

    /// Whether nobody waits for a response.
    pub(super) fn is_quiet(&self) -> bool {
        self.is_settled() && self.open() == 0
    }

    /// Ends the responses that have not left with `error`.
    pub(super) fn fail(&mut self, error: &Error) -> usize {
        let unsent = self.unsent.drain(..).map(|response| response.reply);
        let replies: Vec<_> = unsent.chain(self.unflushed.drain(..).map(|(_, reply)| reply)).collect();
        let count = replies.len();
        for reply in replies {
            reply.send(Err(error.clone()));
        }
        count
    }

    fn refuse(&mut self, request_id: &str, status: i32, body: &'static str) {
        if self.unsent.len() < MAX_UNSENT {
            self.respond(request_id, status, Bytes::from_static(body.as_bytes()), Reply::ignore());
        }
    }

    fn respond(&mut self, request_id: &str, status: i32, body: Bytes, reply: Reply<()>) {
        let topic = DeviceTopic::MethodResponse { status, request_id }.to_string();
        self.unsent.push_back(Response { topic, body, reply });
    }
}

impl Task {
    /// A call came in.
    pub(super) fn method_called(&mut self, name: &str, request_id: &str, payload: &Bytes) {
        if self.closing.is_some() {
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
        let call = MethodCall {
            connection: self.connection,
            request_id: request_id.to_owned(),
            _place: Arc::clone(&self.methods.open),
        };
        // As it came, a few bytes would hold on to the whole buffer that they were read into.
        let payload = Bytes::copy_from_slice(payload);
        self.shared.methods.push(MethodRequest { name: name.to_owned(), payload, call });
    }

    /// Takes a response, if the connection that it belongs to is still up.
    pub(super) fn respond(&mut self, call: &MethodCall, status: i32, body: Bytes, reply: Reply<()>) {
        if call.connection == self.connection && self.mqtt.is_connected() {
            self.methods.respond(&call.request_id, status, body, reply);
        } else {
            let reason = "the call came on a connection that has ended; its caller has been told".to_owned();
            reply.send(Err(Error::ConnectionLost { reason }));
        }
    }

    /// Encodes the responses. `written` says how many bytes the stream has taken.
    pub(super) fn publish_responses(&mut self, written: u64, now: Instant) {
        while self.mqtt.output().len() < OUTPUT_HIGH_WATER {
            let Some(Response { topic, body, reply }) = self.methods.unsent.pop_front() else { break };
            self.mqtt.publish_qos0(&Publish::from_bytes(topic, QoS::AtMostOnce, body), now);
            self.methods.unflushed.push_back((written + self.mqtt.output().len() as u64, reply));
        }
    }

    /// Responses are done when their last byte has left.
    pub(super) fn settle_responses(&mut self, flushed: u64) {
        while self.methods.unflushed.front().is_some_and(|(end, _)| *end <= flushed) {
            if let Some((_, reply)) = self.methods.unflushed.pop_front() {
                reply.send(Ok(()));
            }
        }
    }
}
