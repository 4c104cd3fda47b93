//! A client whose connections the application makes by hand.
//!
//! An [`MqttClient`] is a handle that never waits; one task per client owns the session and its connection.
//!
//! | module | subject |
//! |---|---|
//! | [`client`] | what can be asked, and how it reaches the task |
//! | [`connect`] | what CONNECT can hold |
//! | `task` | a session and its connection |
//! | `session` | what is said, without I/O |
//! | [`events`] | what came of it |

pub mod client;
pub mod connect;
pub mod events;
mod session;
mod task;

#[cfg(test)]
mod tests;

pub use client::{MqttClient, Refused};
pub use connect::{BadConnect, check_connect};
pub use events::{End, Event, EventKind, Events};
