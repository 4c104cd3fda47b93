//! What a request counts against.

use crate::throttle::Operation;

/// Which of the rates of the hub's tier a request counts against.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rate {
    /// None.
    Uncounted,
    Of(Operation),
    /// That of direct methods, by the size of the body.
    Method,
}

impl Rate {
    /// What a request with a body of so many bytes counts for.
    pub(super) fn operation(self, size: usize) -> Option<Operation> {
        match self {
            Self::Uncounted => None,
            Self::Of(operation) => Some(operation),
            Self::Method => Some(Operation::Method(size)),
        }
    }
}
