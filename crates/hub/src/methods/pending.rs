//! A call from the side of its caller.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::time::timeout_at;

use crate::error::HubError;
use crate::events::Events;
use crate::id::Id;
use crate::registry::Registry;
use crate::registry::device::{Caller, Command, Device, DeviceState, Invocation, MethodResult, Slot};
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_dialect::{MAX_METHOD_BODY, ServiceError, check_method_name};

/// Checks that a device does not get longer to connect than to answer.
pub fn check_timeouts(connect: Duration, response: Duration) -> Result<(), String> {
    if connect <= response {
        return Ok(());
    }
    let (connect, response) = (connect.as_secs_f64(), response.as_secs_f64());
    Err(format!("the connect timeout ({connect} s) is longer than the response timeout ({response} s)"))
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
    let events = registry.events.clone();
    Ok(PendingCall::new(device, invocation, response_timeout, connect_timeout, events))
}

/// A call under way. Dropping it gives it up: an answer that comes later is ignored.
pub struct PendingCall {
    device: Arc<Device>,
    name: String,
    events: Events,
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
        events: Events,
    ) -> Self {
        let (name, deadline) = (invocation.name.clone(), after(connect_timeout));
        let phase = Phase::Connecting { invocation, deadline };
        Self { device, name, events, response_timeout, phase }
    }

    /// Blocks for at most about `time`; `None` if the call is still open then.
    ///
    /// # Errors
    /// [`HubError::Method`] with the service's error code.
    pub fn wait(&mut self, time: Duration) -> Result<Option<MethodResult>, HubError> {
        let waited = self.look(time);
        waited.inspect_err(|error| self.events.method_failed(self.device.key(), &self.name, error))
    }

    fn look(&mut self, time: Duration) -> Result<Option<MethodResult>, HubError> {
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
        let (device, name, events) = (self.device.clone(), self.name.clone(), self.events.clone());
        let outcome = self.settled().await;
        outcome.inspect_err(|error| events.method_failed(device.key(), &name, error))
    }

    async fn settled(self) -> Result<MethodResult, HubError> {
        let Self { device, response_timeout, phase, .. } = self;
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
    let caller = Caller::of(slot);
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
