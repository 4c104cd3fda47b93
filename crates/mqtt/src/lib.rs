#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! The same [`session::Session`] drives both sides of the connection, in both versions, wrapped by one type per role:
//!
//! * [`packets`]: the packet types, one file each.
//! * [`codec`]: packets from and to bytes; it refuses what the standard forbids.
//! * `ring`: packet identifiers. `in_flight`: the messages that this side has sent at QoS 1 and 2. `incoming`: those that
//!   the peer has sent.
//! * `link`: the state of one connection: its version, the [`Limits`] of both sides, topic `aliases`, the output.
//! * `expiry`: message expiry. `authentication`: which side may send AUTH next.
//! * [`keep_alive`]: when to ping, and when silence means that the peer is gone.
//! * [`session`]: the common part of both roles.
//! * [`client`]: the role of the side that opens the connection. [`server`]: of the side that accepts it.
//! * `errors`: errors of calls.

// Tests may unwrap: a panic there is the report.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod aliases;
mod authentication;
pub mod client;
pub mod codec;
mod errors;
mod expiry;
mod in_flight;
mod incoming;
pub mod keep_alive;
mod limits;
mod link;
pub mod packets;
mod ring;
pub mod server;
pub mod session;

#[cfg(test)]
mod tests;

pub use client::Client;
pub use codec::{LARGEST_PACKET, MAX_PACKET_SIZE, ProtocolError};
pub use errors::{AuthenticateError, PublishError, SubscribeError, Unpublished};
pub use in_flight::Unacknowledged;
pub use keep_alive::Dead;
pub use limits::Limits;
pub use packets::{
    Auth, ConnAck, Connect, Disconnect, InvalidProperty, Level, Packet, Properties, PropertiesBuilder,
    Property, PropertyValue, PubAck, PubComp, PubRec, PubRel, Publish, QoS, ReasonCode, RetainHandling,
    SubAck, Subscribe, SubscribeFilter, Text, TopicAlias, UnsubAck, Unsubscribe, Version, Will,
};
pub use server::Server;
