//! HTTP/1.1 over the streams of this crate: requests one at a time, every wait with a deadline, every answer bounded.
//!
//! * [`Https`]: requests to one server.
//! * [`collect`]: a body, from whoever may send it.

mod body;
mod client;

pub use self::body::{BodyError, collect};
pub use self::client::{Https, Request, RequestError, Response};
