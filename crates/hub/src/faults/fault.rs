//! What can go wrong, by the moment that it belongs to.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use azmqtt_dialect::ServiceError;
use azmqtt_dialect::service_error::ErrorCode;

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

/// To a connection that has just been opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptFault {
    /// Closed at once, with FIN.
    Drop,
    /// Closed at once, with RST.
    Reset,
    /// Left open; not one byte comes.
    Silence,
    /// The TLS handshake begins that much later.
    Delay(Duration),
}

/// In place of an answer to a CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFault {
    /// Closed without a CONNACK.
    Drop,
    /// CONNACK with a return code from 1 to 5 (MQTT 3.1.1 §3.2.2.3).
    Refuse(u8),
    /// No answer; the connection stays open.
    Silence,
    /// The CONNECT is looked at that much later.
    Delay(Duration),
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

/// What becomes of a packet that was about to go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentFault {
    /// It is not sent, and the connection closes without words.
    Drop,
    /// It is not sent.
    Lose,
    /// It comes that much later, with all packets of its kind behind it; after CONNACK or `Any`, with all.
    Delay(Duration),
    /// It comes twice; a message at QoS 1 with DUP the second time.
    Duplicate,
    /// Half of it is sent, and the connection closes.
    Cut,
    /// Bytes that are not MQTT come in its place.
    Corrupt,
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

/// To a connection as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NowFault {
    /// It closes without words.
    Drop,
    /// It closes in an orderly way: TLS `close_notify`, then FIN.
    ShutDown,
    /// The hub neither reads nor writes for that time, or to the connection's end.
    Silence(Option<Duration>),
    /// The hub stops reading for that time.
    Delay(Duration),
    /// Bytes that are not MQTT.
    Corrupt,
    /// The token expires: it closes without words.
    ExpireToken,
    /// Another connection comes for the same device: it closes without words.
    TakeOver,
}

/// The first word of a fault, and what it is on: as in rules and logs.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, on) = (self.name(), self.on());
        if on == "now" { f.write_str(name) } else { write!(f, "{name} on {on}") }
    }
}
