//! How things end: connections that are refused, and those that are over.

use std::fmt;

use crate::life_cycle::DisconnectionReason;
use azmqtt_mqtt::{Disconnect, ProtocolError, ReasonCode};

/// Why a client is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What CONNACK says; MQTT 3.1.1 says the nearest.
    pub code: ReasonCode,
    /// For people; the client is not told.
    pub reason: String,
    /// What the user can do, if known.
    pub advice: Option<&'static str>,
}

impl Refusal {
    /// A refusal with this code.
    pub fn new(code: ReasonCode, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), advice: None }
    }

    /// The same, with advice for the user.
    #[must_use]
    pub fn advising(self, advice: &'static str) -> Self {
        Self { advice: Some(advice), ..self }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refusal {}

/// Why a connection is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The client said so.
    Client(Disconnect),
    /// The stream broke, or the client closed it without a word.
    Lost,
    /// Nothing came for one and a half times the keep-alive interval.
    KeepAlive,
    /// The client takes nothing of what is written.
    NotReading,
    /// Another connection continues the session.
    TakenOver,
    /// The client broke MQTT.
    Protocol(ProtocolError),
    /// The client did what it may not, or what is not supported: the code of DISCONNECT, and what it was.
    Misbehaved(ReasonCode, &'static str),
    /// The client may not do any more what it has subscribed for.
    Unauthorized,
    /// The client is disabled or deleted, or what it has shown has expired.
    Unauthenticated,
    /// The client authenticated anew, and was refused.
    Reauthentication(Refusal),
    /// Too much waits for the client; its session is over as well.
    Overflow,
    /// What the client is to be told that it is kept cannot be kept.
    NotKept,
    /// The namespace stops.
    Stopped,
    /// A fault that was asked for: without words, and in an orderly way or not.
    Dropped {
        /// Whether the stream is closed as it should be.
        in_order: bool,
    },
}

impl End {
    /// What DISCONNECT says in MQTT 5; `None` if there is nobody to be told, or it has been said.
    pub(super) fn code(&self) -> Option<ReasonCode> {
        Some(match self {
            Self::Client(_) | Self::Lost | Self::Protocol(_) | Self::NotReading | Self::Dropped { .. } => {
                return None;
            }
            Self::KeepAlive => ReasonCode::KeepAliveTimeout,
            Self::TakenOver => ReasonCode::SessionTakenOver,
            Self::Misbehaved(code, _) => *code,
            Self::Unauthorized | Self::Unauthenticated => ReasonCode::NotAuthorized,
            // DISCONNECT has not all codes of CONNACK.
            Self::Reauthentication(refusal) => match refusal.code {
                ReasonCode::ServerUnavailable => ReasonCode::ServerBusy,
                ReasonCode::BadUserNameOrPassword => ReasonCode::NotAuthorized,
                code => code,
            },
            Self::Overflow => ReasonCode::QuotaExceeded,
            Self::NotKept => ReasonCode::ImplementationSpecificError,
            Self::Stopped => ReasonCode::ServerShuttingDown,
        })
    }

    /// Whether the client's will is published: unless it left in order [MQTT-3.1.2-10].
    pub(super) fn wants_will(&self) -> bool {
        !matches!(self, Self::Client(disconnect) if disconnect.reason != ReasonCode::DisconnectWithWill)
    }

    /// As the life-cycle events of the service name it (`disconnectionReason`).
    pub fn life_cycle_reason(&self) -> DisconnectionReason {
        use DisconnectionReason as Reason;
        match self {
            Self::Client(_) => Reason::ClientInitiatedDisconnect,
            Self::Lost | Self::KeepAlive | Self::Dropped { .. } => Reason::ConnectionLost,
            Self::TakenOver => Reason::SessionTakenOver,
            Self::Misbehaved(ReasonCode::NotAuthorized, _) | Self::Unauthorized => {
                Reason::ClientAuthorizationError
            }
            Self::Misbehaved(ReasonCode::QuotaExceeded | ReasonCode::MessageRateTooHigh, _) => {
                Reason::QuotaExceeded
            }
            Self::NotReading | Self::Protocol(_) | Self::Misbehaved(..) => Reason::ClientError,
            Self::Unauthenticated | Self::Reauthentication(_) => Reason::ClientAuthenticationError,
            Self::Overflow => Reason::SessionOverflow,
            Self::NotKept => Reason::ServerError,
            Self::Stopped => Reason::ServerInitiatedDisconnect,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(disconnect) => write!(f, "the client disconnected: {}", disconnect.reason),
            Self::Lost => f.write_str("the connection was lost"),
            Self::KeepAlive => f.write_str("the client was silent for too long"),
            Self::NotReading => f.write_str("the client does not read"),
            Self::TakenOver => f.write_str("another connection of the client took over"),
            Self::Protocol(error) => write!(f, "the client broke MQTT: {error}"),
            Self::Misbehaved(code, what) => write!(f, "{what}: {code}"),
            Self::Unauthorized => f.write_str("the client lost the right to a subscription"),
            Self::Unauthenticated => {
                f.write_str("the client has been removed, or its credentials have expired")
            }
            Self::Reauthentication(refusal) => write!(f, "authenticating anew was refused: {refusal}"),
            Self::Overflow => f.write_str("too many messages waited for the client"),
            Self::Dropped { .. } => f.write_str("a fault that was asked for ended the connection"),
            Self::NotKept => f.write_str("the state directory cannot be written"),
            Self::Stopped => f.write_str("the namespace stopped"),
        }
    }
}
