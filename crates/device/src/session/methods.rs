//! Direct methods: calls in, responses out (IoT Hub docs, "Understand and invoke direct methods from IoT Hub").
//!
//! The hub numbers its calls anew on each connection, so that a response on another connection could answer another
//! call. A [`MethodCall`] therefore remembers its connection, and its response leaves on that one or not at all.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::Error;
use crate::reply::Reply;
use azmqtt_dialect::DeviceTopic;

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
    pub(crate) connection: u64,
    request_id: String,
    /// Its place among the open calls, given back with it.
    _place: Arc<()>,
}

/// The session's side of it.
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

    /// A call that came in on this connection.
    pub(super) fn call(&self, connection: u64, request_id: &str) -> MethodCall {
        MethodCall { connection, request_id: request_id.to_owned(), _place: Arc::clone(&self.open) }
    }

    /// Answers a call that nobody will work on.
    pub(super) fn refuse(&mut self, request_id: &str, status: i32, body: &'static str) {
        if self.unsent.len() < MAX_UNSENT {
            self.push(request_id, status, Bytes::from_static(body.as_bytes()), Reply::ignore());
        }
    }

    /// Answers a call of this connection.
    pub(super) fn respond(&mut self, call: &MethodCall, status: i32, body: Bytes, reply: Reply<()>) {
        self.push(&call.request_id, status, body, reply);
    }

    fn push(&mut self, request_id: &str, status: i32, body: Bytes, reply: Reply<()>) {
        let topic = DeviceTopic::MethodResponse { status, request_id }.to_string();
        self.unsent.push_back(Response { topic, body, reply });
    }

    /// Topic and body of the oldest response that is not encoded yet, and who is told; see [`Self::leaves`].
    pub(super) fn next_unsent(&mut self) -> Option<(String, Bytes, Reply<()>)> {
        let Response { topic, body, reply } = self.unsent.pop_front()?;
        Some((topic, body, reply))
    }

    /// A response is on its way to the socket: done once `end` bytes have left.
    pub(super) fn leaves(&mut self, end: u64, reply: Reply<()>) {
        self.unflushed.push_back((end, reply));
    }

    /// `flushed` bytes have left.
    pub(super) fn settle_flushed(&mut self, flushed: u64) {
        while self.unflushed.front().is_some_and(|(end, _)| *end <= flushed) {
            if let Some((_, reply)) = self.unflushed.pop_front() {
                reply.send(Ok(()));
            }
        }
    }
}
