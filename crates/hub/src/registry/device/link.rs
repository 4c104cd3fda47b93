//! The two ends of a live connection: what the registry tells it, and why it ended.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::call::{Caller, Invocation};
use crate::faults::fault::NowFault;
use azmqtt_mqtt::ProtocolError;

/// Commands that may wait for a connection; one that lets more of them wait is closed.
pub const MAILBOX: usize = 4096;

/// How long the end of a connection, or of the hub's thread, is waited for. Both take milliseconds.
pub const END_TIMEOUT: Duration = Duration::from_secs(5);

/// The registry's end of a live connection.
pub struct Link {
    /// Which of the device's connections it is, from 1.
    pub number: u64,
    pub(super) mailbox: mpsc::Sender<Command>,
    pub(super) close: Option<oneshot::Sender<CloseReason>>,
    /// Subscribed to calls of direct methods.
    pub(super) takes_methods: bool,
}

/// The connection's end. It counts as alive until this is dropped.
pub struct LinkEnd {
    pub number: u64,
    pub mailbox: mpsc::Receiver<Command>,
    pub close: oneshot::Receiver<CloseReason>,
}

/// What a connection is told to do.
#[derive(Debug)]
pub enum Command {
    /// Desired properties changed: notify the device if it subscribed.
    NotifyDesired { version: u64, body: Bytes },
    /// There is something in the queue of cloud-to-device messages.
    SendCloudMessages {
        /// Deliveries have lost their message: they are not to be sent again.
        lost_deliveries: bool,
    },
    /// Call a method, if the device is still subscribed.
    CallMethod { invocation: Invocation, caller: Caller },
    /// Suffer a fault.
    Fault(NowFault),
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The client sent DISCONNECT.
    Disconnect,
    /// The client's end of the stream closed or broke.
    Lost,
    /// The client was silent for one and a half of its keep-alive intervals.
    KeepAlive,
    /// The client does not read, or does not acknowledge, what is sent to it.
    NotReading,
    /// The client broke MQTT 3.1.1.
    Protocol(ProtocolError),
    /// The client did what IoT Hub closes connections over; says what.
    Forbidden(String),
    /// The SAS token expired, with the skew.
    TokenExpired,
    /// Another connection came for the same device.
    TakenOver,
    /// The device was disabled.
    Disabled,
    /// The device was removed.
    Removed,
    /// A test asked for it.
    Dropped,
    /// The client was over its rate, or the hub's quota was used up; says which.
    Throttled(&'static str),
    /// The hub stopped.
    HubStopped,
}

impl CloseReason {
    /// Whether the device's will is due: on every end but an orderly one [MQTT-3.1.2-8].
    pub fn wants_will(&self) -> bool {
        !matches!(self, Self::Disconnect | Self::HubStopped)
    }
}

impl CloseReason {
    /// For labels.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Disconnect => "disconnect",
            Self::Lost => "lost",
            Self::KeepAlive => "keep_alive",
            Self::NotReading => "not_reading",
            Self::Protocol(_) => "protocol",
            Self::Forbidden(_) => "forbidden",
            Self::TokenExpired => "token_expired",
            Self::TakenOver => "taken_over",
            Self::Disabled => "disabled",
            Self::Removed => "removed",
            Self::Dropped => "dropped",
            Self::Throttled(_) => "throttled",
            Self::HubStopped => "hub_stopped",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protocol(error) => return error.fmt(f),
            Self::Forbidden(what) => what,
            Self::Throttled(why) => why,
            Self::Disconnect => "the client sent DISCONNECT",
            Self::Lost => "the connection was lost",
            Self::KeepAlive => "the client was silent for longer than its keep-alive allows",
            Self::NotReading => "the client does not read or acknowledge messages",
            Self::TokenExpired => "the SAS token expired",
            Self::TakenOver => "another connection of the same device took over",
            Self::Disabled => "the device was disabled",
            Self::Removed => "the device was removed",
            Self::Dropped => "the connection was dropped on request",
            Self::HubStopped => "the hub stopped",
        })
    }
}
