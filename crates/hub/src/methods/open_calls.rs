//! The calls of one connection: numbered when they go out, matched with their answers.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::registry::device::{Caller, CloseReason, MethodResult};
use azmqtt_dialect::ServiceError;
use azmqtt_dialect::service_error::ErrorCode;

/// The calls of one connection that have no answer yet.
#[derive(Debug, Default)]
pub struct OpenCalls {
    last: u64,
    calls: HashMap<String, OpenCall>,
}

/// A call without its answer.
#[derive(Debug)]
struct OpenCall {
    name: String,
    begun: Instant,
    caller: Caller,
}

/// A call that a device has answered.
#[derive(Debug)]
pub struct Answered {
    pub name: String,
    pub took: Duration,
}

impl OpenCalls {
    /// Gives a call its request id: lower-case hexadecimal, counted from 1 on each connection.
    pub fn open(&mut self, name: &str, caller: Caller, now: Instant) -> String {
        self.calls.retain(|_, call| !call.caller.has_left());
        self.last += 1;
        let request_id = format!("{:x}", self.last);
        self.calls.insert(request_id.clone(), OpenCall { name: name.to_owned(), begun: now, caller });
        request_id
    }

    /// The device answered: which call. A late answer, or one to nothing, is dropped.
    pub fn answer(
        &mut self,
        request_id: &str,
        status: i32,
        payload: Bytes,
        now: Instant,
    ) -> Option<Answered> {
        let OpenCall { name, begun, caller } = self.calls.remove(request_id)?;
        caller.settle(Ok(MethodResult { status, payload }));
        Some(Answered { name, took: now.saturating_duration_since(begun) })
    }

    /// The connection ended.
    pub fn end(&mut self, reason: &CloseReason) {
        for (_, OpenCall { caller, .. }) in self.calls.drain() {
            if *reason == CloseReason::TakenOver {
                let message = "The device connected anew before it answered.";
                caller.settle(Err(ServiceError::new(ErrorCode::CONNECTION_REPLACED, message)));
            }
        }
    }
}
