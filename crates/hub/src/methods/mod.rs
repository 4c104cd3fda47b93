//! Direct methods from the calling side (IoT Hub docs, "Understand and invoke direct methods from IoT Hub").
//!
//! A call has two phases: until the device listens ([`Phase::Connecting`]), and until it has answered
//! ([`Phase::Waiting`]). The connection's task numbers the calls and matches the answers ([`OpenCalls`]); the caller,
//! a thread or a task, waits at the other end of a [`Slot`].

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::timeout_at;

use crate::error::HubError;
use crate::id::Id;
use crate::registry::Registry;
use crate::registry::device::{CloseReason, Command, Device, DeviceState};
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_dialect::{MAX_METHOD_BODY, ServiceError, check_method_name};
use azmqtt_net::sync::{Condvar, Mutex};

/// Checks that a device does not get longer to connect than to answer.
pub fn check_timeouts(connect: Duration, response: Duration) -> Result<(), String> {
    if connect <= response {
        return Ok(());
    }
    let (connect, response) = (connect.as_secs_f64(), response.as_secs_f64());
    Err(format!("the connect timeout ({connect} s) is longer than the response timeout ({response} s)"))
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

type Outcome = Result<MethodResult, ServiceError>;

/// Where the outcome goes from the connection's task to the caller.
#[derive(Debug, Default)]
struct Slot {
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

    fn wait(&self, time: Duration) -> Option<Outcome> {
        let mut waited = self.settled.wait_timeout_while(self.lock(), time, |outcome| outcome.is_none());
        waited.0.take()
    }

    /// Resolves when there is an outcome. For one task: a second one would hear nothing.
    async fn outcome(&self) -> Outcome {
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
    fn settle(mut self, outcome: Outcome) {
        self.put(outcome);
    }

    fn put(&mut self, outcome: Outcome) {
        if let Some(slot) = self.0.take() {
            *slot.lock() = Some(outcome);
            slot.settled.notify_one();
            slot.told.notify_one();
        }
    }

    fn has_left(&self) -> bool {
        self.0.as_ref().is_none_or(|slot| Arc::strong_count(slot) == 1)
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let message = "The device's connection ended before it answered.";
        self.put(Err(ServiceError::new(ErrorCode::CONNECTION_CLOSED_REMOTELY, message)));
    }
}

/// A method to call.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Its name, as in the topic.
    pub name: String,
    /// JSON, or empty for none.
    pub payload: Bytes,
}

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

/// Begins to call a method. `payload` is JSON, or empty for none.
pub(crate) fn begin(
    registry: &Registry,
    id: Id<'_>,
    name: &str,
    payload: &[u8],
    response_timeout: Duration,
    connect_timeout: Duration,
) -> Result<PendingCall, HubError> {
    let device = registry.get(id)?;
    check_method_name(name).map_err(HubError::MethodName)?;
    if payload.len() > MAX_METHOD_BODY {
        let size = payload.len();
        return Err(HubError::MethodPayload(format!("has {size} bytes, the limit is {MAX_METHOD_BODY}")));
    }
    if !payload.is_empty() {
        serde_json::from_slice::<&RawValue>(payload)
            .map_err(|error| HubError::MethodPayload(format!("is not JSON: {error}")))?;
    }
    let invocation = Invocation { name: name.to_owned(), payload: Bytes::copy_from_slice(payload) };
    Ok(PendingCall::new(device, invocation, response_timeout, connect_timeout))
}

/// A call under way. Dropping it gives it up: an answer that comes later is ignored.
pub struct PendingCall {
    device: Arc<Device>,
    response_timeout: Duration,
    phase: Phase,
}

enum Phase {
    /// Until the device is connected and subscribed to methods.
    Connecting { invocation: Invocation, deadline: Instant },
    /// Until the answer.
    Waiting { slot: Arc<Slot>, deadline: Instant },
}

impl PendingCall {
    pub(crate) fn new(
        device: Arc<Device>,
        invocation: Invocation,
        response_timeout: Duration,
        connect_timeout: Duration,
    ) -> Self {
        let deadline = after(connect_timeout);
        Self { device, response_timeout, phase: Phase::Connecting { invocation, deadline } }
    }

    /// Blocks for at most about `time`; `None` if the call is still open then.
    ///
    /// # Errors
    /// [`HubError::Method`] with the service's error code.
    pub fn wait(&mut self, time: Duration) -> Result<Option<MethodResult>, HubError> {
        let until = after(time);
        if let Phase::Connecting { invocation, deadline } = &self.phase {
            let Some(slot) = self.start(invocation, until.min(*deadline)) else {
                return if *deadline <= Instant::now() { Err(not_online()) } else { Ok(None) };
            };
            self.phase = Phase::Waiting { slot, deadline: after(self.response_timeout) };
        }
        let Phase::Waiting { slot, deadline } = &self.phase else { return Ok(None) };
        match slot.wait(until.min(*deadline).saturating_duration_since(Instant::now())) {
            Some(outcome) => outcome.map(Some).map_err(|error| HubError::Method(Box::new(error))),
            None if *deadline <= Instant::now() => Err(no_answer()),
            None => Ok(None),
        }
    }

    /// The outcome, for tasks. A caller that goes away drops the call, which gives it up.
    ///
    /// # Errors
    /// [`HubError::Method`] with the service's error code.
    pub async fn outcome(self) -> Result<MethodResult, HubError> {
        let Self { device, response_timeout, phase } = self;
        let (slot, deadline) = match phase {
            Phase::Waiting { slot, deadline } => (slot, deadline),
            Phase::Connecting { invocation, deadline } => {
                let slot = Arc::new(Slot::default());
                let listens = device.link_when(|state| hand_over(state, &invocation, &slot));
                timeout_at(deadline.into(), listens).await.map_err(|_| not_online())?;
                (slot, after(response_timeout))
            }
        };
        let outcome = timeout_at(deadline.into(), slot.outcome()).await.map_err(|_| no_answer())?;
        outcome.map_err(|error| HubError::Method(Box::new(error)))
    }

    /// Hands the call to the device's connection, once there is one that listens; waits for that.
    fn start(&self, invocation: &Invocation, until: Instant) -> Option<Arc<Slot>> {
        let slot = Arc::new(Slot::default());
        let time = until.saturating_duration_since(Instant::now());
        self.device.once_link(time, |state| hand_over(state, invocation, &slot)).then_some(slot)
    }
}

/// Whether there was a connection that listens; it has the call then.
fn hand_over(state: &mut DeviceState, invocation: &Invocation, slot: &Arc<Slot>) -> bool {
    if !state.takes_methods() {
        return false;
    }
    let caller = Caller(Some(Arc::clone(slot)));
    state.tell(Command::CallMethod { invocation: invocation.clone(), caller });
    true
}

/// A day is as good as any longer time, and no clock arithmetic overflows.
fn after(time: Duration) -> Instant {
    Instant::now() + time.min(Duration::from_secs(24 * 3600))
}

fn not_online() -> HubError {
    let message = "The operation failed because the requested device isn't online. To learn more, see https://aka.ms/iothub404103";
    method_error(ErrorCode::DEVICE_NOT_ONLINE, message)
}

fn no_answer() -> HubError {
    method_error(ErrorCode::GATEWAY_TIMEOUT, "Timed out waiting for the response from device.")
}

fn method_error(code: u32, message: &str) -> HubError {
    HubError::Method(Box::new(ServiceError::new(code, message)))
}
