//! What is wrong with a topic.

use std::fmt;

use crate::property_bag::BagError;

/// Why a topic cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicError {
    /// None of the dialect's topics.
    Unknown,
    /// There is no `$rid`, or an empty one.
    MissingRequestId,
    /// `$version` is absent where it is needed.
    MissingVersion,
    /// A number is not one or is out of range; says which.
    BadNumber(&'static str),
    /// The property bag cannot be read.
    Properties(BagError),
}

impl fmt::Display for TopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("not a topic of the IoT Hub dialect"),
            Self::MissingRequestId => f.write_str("the topic has no $rid"),
            Self::MissingVersion => f.write_str("the topic has no $version"),
            Self::BadNumber(what) => write!(f, "the topic's {what} is not a number in range"),
            Self::Properties(error) => write!(f, "the topic's properties: {error}"),
        }
    }
}

impl std::error::Error for TopicError {}
