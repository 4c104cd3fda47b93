#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! An [`MqttClient`] is a handle that never waits. One task per client owns the session and its connection.
//!
//! | module | subject |
//! |---|---|
//! | [`broker`] | where a connection goes and what it is made of; its streams are [`azmqtt_net`]'s |
//! | [`client`] | what can be asked, and how it reaches the task |
//! | `task` | a session and its connection |
//! | `session` | what is said, without I/O |
//! | [`events`] | what came of it |
//! | [`connection`] | the driver of a connection, for sessions of any kind |

// Tests may unwrap: a panic there is the report.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod broker;
pub mod client;
pub mod connection;
pub mod events;
mod session;
mod task;

#[cfg(test)]
mod tests;

pub use broker::Broker;
pub use client::{MqttClient, Refused};
pub use connection::{Connection, Dispatch};
pub use events::{End, Event, EventKind, Events};
