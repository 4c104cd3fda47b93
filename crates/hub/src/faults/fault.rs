//! What can go wrong, by the moment that it belongs to.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use azmqtt_dialect::ServiceError;
use azmqtt_dialect::service_error::ErrorCode;

use azmqtt_local::faults::ServiceFault;
pub use azmqtt_local::faults::{AcceptFault, ConnectFault, NowFault, SentFault};

/// A fault together with the moment at which it happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// A TCP connection opens: nobody knows yet whose it is.
    Accept(AcceptFault),
    /// A CONNECT comes in.
    Connect(ConnectFault),
    /// Another packet comes in.
    Received(Received, ReceivedFault),
    /// A twin request comes in and is refused.
    TwinRequest(TwinRequest, Answer),
    /// A packet is about to go out.
    Sent(Sent, SentFault),
    /// A request comes in over HTTPS.
    Request(RequestMatch, RequestFault),
    /// No packet is waited for.
    Now(NowFault),
    /// The device is over its rate: its messages wait, its requests are answered 429.
    Throttle,
    /// The hub's messages of the day are used up: telemetry ends the connection, and over HTTPS gets 403002.
    QuotaExceeded,
}

/// A packet of a device, after its CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Any of them, except pings.
    Any,
    /// A device-to-cloud message.
    Telemetry,
    /// A request for the twin.
    TwinGet,
    /// A patch of the reported properties.
    TwinPatch,
    /// The answer to a direct method.
    MethodResponse,
    /// SUBSCRIBE.
    Subscribe,
    /// PUBACK for what the hub has sent.
    Acknowledgement,
}

/// What becomes of a packet that came in.
#[derive(Clone, Debug, PartialEq)]
pub enum ReceivedFault {
    /// The connection closes without words; the packet has no effect.
    Drop,
    /// The packet never arrived: no effect, no answer.
    Lose,
    /// The packet has no effect, and from here on the hub neither reads nor writes: a half-open connection.
    Silence(Option<Duration>),
    /// The hub stops reading for that time, this packet included.
    Delay(Duration),
    /// The token expires: the connection closes without words.
    ExpireToken,
    /// Another connection comes for the same device: this one closes without words.
    TakeOver,
    /// Somebody else writes to the twin, just before.
    ChangeTwin(Change),
}

/// Somebody else's write to a twin: merge patches.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Of the desired properties.
    pub desired: Option<Value>,
    /// Of the reported properties, as by another connection with the same credentials.
    pub reported: Option<Value>,
}

/// A request to the twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TwinRequest {
    /// Either.
    Any,
    /// For the whole twin.
    Get,
    /// A patch of the reported properties.
    Patch,
}

/// A refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 400 to 599.
    pub status: u16,
    /// In seconds.
    pub retry_after: Option<u64>,
}

impl Answer {
    /// The error that goes with the status, by the service's own codes.
    pub(crate) fn to_error(self) -> ServiceError {
        let code = match self.status {
            400 => ErrorCode::ARGUMENT_INVALID,
            401 => ErrorCode::UNAUTHORIZED_ACCESS,
            403 => ErrorCode::QUOTA_EXCEEDED,
            404 => ErrorCode::DEVICE_NOT_FOUND,
            412 => ErrorCode::PRECONDITION_FAILED,
            429 => ErrorCode::THROTTLING,
            500 => ErrorCode::SERVER_ERROR,
            503 => ErrorCode::SERVICE_UNAVAILABLE,
            504 => ErrorCode::GATEWAY_TIMEOUT,
            other => u32::from(other) * 1000,
        };
        let mut error = ServiceError::new(code, "a fault that was asked for");
        error.status = self.status;
        error.retry_after = self.retry_after;
        error
    }
}

/// A packet to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Any of them.
    Any,
    /// CONNACK of a client that is accepted.
    Connack,
    /// PUBACK of what the device has sent, which is recorded already.
    Puback,
    /// SUBACK.
    Suback,
    /// The answer to a twin request.
    TwinAnswer,
    /// A change of desired properties.
    DesiredPatch,
    /// A cloud-to-device message, or one to a module's input.
    CloudMessage,
    /// A call of a direct method.
    MethodRequest,
    /// UNSUBACK or PINGRESP.
    Other,
}

/// Which requests over HTTPS are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestMatch {
    /// The method, in upper case; any without one.
    pub method: Option<String>,
    /// What the path begins with; any without one.
    pub path: Option<String>,
}

/// What becomes of a request over HTTPS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFault {
    /// The connection closes; nothing was done.
    Drop,
    /// It is done, and the connection closes without an answer.
    Lose,
    /// It is looked at that much later.
    Delay(Duration),
    /// It is refused.
    Answer(Answer),
}

/// The first word of a fault, and what it is on: as in rules and logs.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, on) = (self.name(), self.on());
        if on == "now" { f.write_str(name) } else { write!(f, "{name} on {on}") }
    }
}
