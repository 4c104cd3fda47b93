//! Why a connection or a client has ended, as errors tell it.

use std::fmt::Display;

use azmqtt_net::Step;

/// Why an operation did not succeed, and with it perhaps a connection.
pub trait Cause: Clone + Display + Send {
    /// What happened to the connection, without what that means for an operation.
    fn cause(&self) -> String;

    /// The step at which a connection could not be made, if it is that.
    fn step(&self) -> Option<Step>;
}

/// Why a client has lost its place to a neighbour.
pub fn replaced_by(client_id: &str) -> String {
    format!("another client of this process has connected as {client_id}")
}
