//! The quality of service.

/// How often a message may arrive (§4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum QoS {
    /// 0: once or not at all.
    AtMostOnce = 0,
    /// 1: once or more often; the receiver sends PUBACK.
    AtLeastOnce = 1,
    /// 2: once.
    ExactlyOnce = 2,
}

impl QoS {
    /// `None` for a number that is none.
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::AtMostOnce,
            1 => Self::AtLeastOnce,
            2 => Self::ExactlyOnce,
            _ => return None,
        })
    }
}
