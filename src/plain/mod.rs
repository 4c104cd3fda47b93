//! A client of any MQTT 3.1.1 broker, on tokio: nothing here knows of IoT Hub.
//!
//! A [`PlainClient`] is a handle that never waits. One task per client owns the session: it carries over from one
//! connection to the next, and when to make the next is for the caller to say. What happens goes into a queue of
//! [`Event`]s that a thread of the caller's drains.
//!
//! * [`server`]: where a connection goes and what it is made of.
//! * [`connection`]: the driver of a connection, which devices and provisioning use as well.
//! * [`client`]: what can be asked. `task`: a session and its connection. `session`: what is said, without
//!   I/O. [`events`]: what came of it.
//!
//! Its streams are those of [`azmqtt_net`].

pub mod client;
pub mod connection;
pub mod events;
pub mod server;
mod session;
mod task;

#[cfg(test)]
mod tests;

pub use client::PlainClient;
pub use events::{End, Event, EventKind, Events};
pub use server::PlainServer;
