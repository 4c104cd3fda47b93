//! Why a hub refuses a write to a twin.

use std::fmt;

use super::limits::{TwinLimitError, TwinRule};
use crate::service_error::{ErrorCode, ServiceError};

/// A refused write. The twin is as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TwinError {
    /// The body is not JSON; says where.
    NotJson(String),
    /// A limit is broken.
    Limit(TwinLimitError),
    /// The `$version` asked for is not the section's.
    VersionMismatch {
        /// As asked for.
        expected: u64,
        /// As it is.
        actual: u64,
    },
    /// The etag asked for is not the twin's.
    EtagMismatch,
}

impl TwinError {
    /// The HTTP-like status: 400, 412 for a failed precondition, 413 for a section grown too large.
    pub fn status(&self) -> u16 {
        match self {
            Self::Limit(TwinLimitError { rule: TwinRule::SectionSize { .. }, .. }) => 413,
            Self::NotJson(_) | Self::Limit(_) => 400,
            Self::VersionMismatch { .. } | Self::EtagMismatch => 412,
        }
    }

    /// The error as the service words it, without tracking id and time.
    pub fn to_service_error(&self) -> ServiceError {
        let code = match self.status() {
            412 => ErrorCode::PRECONDITION_FAILED,
            413 => ErrorCode::MESSAGE_TOO_LARGE,
            _ => ErrorCode::ARGUMENT_INVALID,
        };
        ServiceError::new(code, self.to_string())
    }
}

impl From<TwinLimitError> for TwinError {
    fn from(error: TwinLimitError) -> Self {
        Self::Limit(error)
    }
}

impl fmt::Display for TwinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(error) => write!(f, "twin: the body is not JSON: {error}"),
            Self::Limit(error) => error.fmt(f),
            Self::VersionMismatch { expected, actual } => {
                write!(f, "twin: $version is {actual}, not {expected}")
            }
            Self::EtagMismatch => f.write_str("twin: the etag has changed"),
        }
    }
}

impl std::error::Error for TwinError {}
