#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! The same [`session::Session`] drives both sides of the wire, inside a shell for each role:
//!
//! * [`wire`]: the strict codec. rumqttc parses and encodes; this layer refuses what the standard forbids.
//! * [`window`]: packet identifiers and the QoS 1 messages that wait for their PUBACK.
//! * [`keep_alive`]: when to ping, and when silence means that the peer is gone.
//! * [`session`]: what both roles share: the output buffer, the window, the clock marks.
//! * [`client`]: the device's role. [`server`]: the hub's role. [`hello`]: CONNECT to other servers.

// Tests may unwrap: a panic there is the report.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod client;
pub mod hello;
pub mod keep_alive;
pub mod server;
pub mod session;
pub mod window;
pub mod wire;

#[cfg(test)]
mod tests;

pub use client::Client;
pub use hello::{Hello, Level};
pub use keep_alive::Dead;
pub use rumqttc::mqttbytes::QoS;
pub use rumqttc::mqttbytes::v4::{
    ConnAck, Connect, ConnectReturnCode, LastWill, Login, Packet, PubAck, Publish, SubAck, Subscribe,
    SubscribeFilter, SubscribeReasonCode, UnsubAck, Unsubscribe,
};
pub use server::Server;
pub use wire::{LARGEST_PACKET, MAX_PACKET_SIZE, ProtocolError};
