//! A promise to answer: called once with the outcome, at the latest when it is dropped.

use crate::error::Error;
use azmqtt_client::reply::Closed;
pub use azmqtt_client::reply::afterwards;

/// Where the outcome of one operation goes.
pub type Reply<T> = azmqtt_client::Reply<T, Error>;

impl Closed for Error {
    fn closed() -> Self {
        Self::ClientClosed
    }
}
