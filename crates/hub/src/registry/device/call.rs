//! A method call on its way from the caller to the device's connection, and its outcome on the way back.
//!
//! The caller, a thread or a task, waits at the other end of a [`Slot`].

use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::Notify;

use azmqtt_dialect::ServiceError;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_net::sync::{Condvar, Mutex};

/// A method to call.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Its name, as in the topic.
    pub name: String,
    /// JSON, or empty for none.
    pub payload: Bytes,
}

/// What a device answered: its own status, and a body that should be JSON, or is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodResult {
    /// Any integer.
    pub status: i32,
    /// At most 128 KB.
    pub payload: Bytes,
}

impl MethodResult {
    /// As callers over REST get it, `{"status":200,"payload":…}`: with the device's own bytes in it, so that an answer that is
    /// no JSON makes one that is none (azure-sdk-for-node#736, azure-iot-sdk-python#781).
    pub fn to_body(&self) -> Vec<u8> {
        let payload = if self.payload.is_empty() { b"null" } else { self.payload.as_ref() };
        let begin = format!(r#"{{"status":{},"payload":"#, self.status);
        [begin.as_bytes(), payload, b"}"].concat()
    }

    /// As jobs keep it, in JSON: what is none becomes a text.
    pub fn to_json(&self) -> Value {
        let payload = match self.payload.as_ref() {
            [] => Value::Null,
            bytes => serde_json::from_slice(bytes)
                .unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned().into()),
        };
        json!({ "status": self.status, "payload": payload })
    }
}

/// What became of a call.
pub type Outcome = Result<MethodResult, ServiceError>;

/// Where the outcome goes from the connection's task to the caller.
#[derive(Debug, Default)]
pub struct Slot {
    outcome: Mutex<Option<Outcome>>,
    /// For threads.
    settled: Condvar,
    /// For a task.
    told: Notify,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Option<Outcome>> {
        // Nothing that runs under this lock can leave it half-changed.
        self.outcome.lock()
    }

    pub fn wait(&self, time: Duration) -> Option<Outcome> {
        let mut waited = self.settled.wait_timeout_while(self.lock(), time, |outcome| outcome.is_none());
        waited.0.take()
    }

    /// Resolves when there is an outcome. For one task: a second one would hear nothing.
    pub async fn outcome(&self) -> Outcome {
        loop {
            // The permit of a settlement in between is kept for the wait.
            if let Some(outcome) = self.lock().take() {
                return outcome;
            }
            self.told.notified().await;
        }
    }
}

/// The task's end of a call. Dropped without an answer, it tells the caller that the connection is gone.
#[derive(Debug)]
pub struct Caller(Option<Arc<Slot>>);

impl Caller {
    /// The connection's end of a slot.
    pub fn of(slot: &Arc<Slot>) -> Self {
        Self(Some(slot.clone()))
    }

    /// The call is over.
    pub fn settle(mut self, outcome: Outcome) {
        self.put(outcome);
    }

    fn put(&mut self, outcome: Outcome) {
        if let Some(slot) = self.0.take() {
            *slot.lock() = Some(outcome);
            slot.settled.notify_one();
            slot.told.notify_one();
        }
    }

    /// Whether nobody waits any more.
    pub fn has_left(&self) -> bool {
        self.0.as_ref().is_none_or(|slot| Arc::strong_count(slot) == 1)
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let message = "The device's connection ended before it answered.";
        self.put(Err(ServiceError::new(ErrorCode::CONNECTION_CLOSED_REMOTELY, message)));
    }
}
