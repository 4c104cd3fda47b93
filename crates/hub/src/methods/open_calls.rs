//! The calls of one connection: numbered when they go out, matched with their answers.

use std::collections::HashMap;

use bytes::Bytes;

use crate::registry::device::{Caller, CloseReason, MethodResult};
use azmqtt_dialect::ServiceError;
use azmqtt_dialect::service_error::ErrorCode;

/// The calls of one connection that have no answer yet.
#[derive(Debug, Default)]
pub struct OpenCalls {
    last: u64,
    callers: HashMap<String, Caller>,
}

impl OpenCalls {
    /// Gives a call its request id: lower-case hexadecimal, counted from 1 on each connection.
    pub fn open(&mut self, caller: Caller) -> String {
        self.callers.retain(|_, caller| !caller.has_left());
        self.last += 1;
        let request_id = format!("{:x}", self.last);
        self.callers.insert(request_id.clone(), caller);
        request_id
    }

    /// The device answered. A late answer, or one to nothing, is dropped.
    pub fn answer(&mut self, request_id: &str, status: i32, payload: Bytes) {
        if let Some(caller) = self.callers.remove(request_id) {
            caller.settle(Ok(MethodResult { status, payload }));
        }
    }

    /// The connection ended.
    pub fn end(&mut self, reason: &CloseReason) {
        for (_, caller) in self.callers.drain() {
            if *reason == CloseReason::TakenOver {
                let message = "The device connected anew before it answered.";
                caller.settle(Err(ServiceError::new(ErrorCode::CONNECTION_REPLACED, message)));
            }
        }
    }
}
