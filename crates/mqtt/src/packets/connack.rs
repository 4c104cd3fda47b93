//! CONNACK (§3.2).

/// The server's answer to CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnAck {
    /// Whether the server remembers the session; never with a refusal [MQTT-3.2.2-4].
    pub session_present: bool,
    /// Yes, or why not.
    pub code: ConnectReturnCode,
}

impl ConnAck {
    /// This answer.
    pub fn new(code: ConnectReturnCode, session_present: bool) -> Self {
        Self { session_present, code }
    }
}

/// The return code of MQTT 3.1.1 (§3.2.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ConnectReturnCode {
    /// 0: accepted.
    Success = 0,
    /// 1: unacceptable protocol version.
    RefusedProtocolVersion = 1,
    /// 2: identifier rejected.
    BadClientId = 2,
    /// 3: server unavailable.
    ServiceUnavailable = 3,
    /// 4: bad user name or password.
    BadUserNamePassword = 4,
    /// 5: not authorized.
    NotAuthorized = 5,
}

impl ConnectReturnCode {
    /// The code that this byte stands for; `None` for a reserved one.
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Success,
            1 => Self::RefusedProtocolVersion,
            2 => Self::BadClientId,
            3 => Self::ServiceUnavailable,
            4 => Self::BadUserNamePassword,
            5 => Self::NotAuthorized,
            _ => return None,
        })
    }
}
