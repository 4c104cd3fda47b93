#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! | module | subject |
//! |---|---|
//! | [`broker`], [`connection`] | the address of a connection, and its streams from [`azmqtt_net`]; the connection driver, for sessions of any kind |
//! | [`lasting`] | sessions that outlive their connections, and the task that keeps them connected |
//! | [`managed`] | a client that keeps its connection by itself: [`Client`] |
//! | [`check`] | finds the failing step of a connection, with advice |
//! | [`manual`] | a client whose connections the application opens: [`MqttClient`] |
//! | `claims` | the claims of a token, for a check and for a client whose token is refused |
//!
//! The parts of every client with a task:
//!
//! | module | subject |
//! |---|---|
//! | [`mailbox`], [`reply`], [`cause`] | commands to the task; the return of outcomes; the reasons for missing outcomes |
//! | [`ticket`], [`outbox`], [`budget`], [`batch`], [`bulk`] | outgoing messages: a single one, the waiting ones, their limits, groups counted together, many in one call |
//! | [`inbox`], [`stream`], [`acknowledge`] | received items, one after the other, acknowledged in order |
//! | [`limits`], [`backoff`] | limits of room, time and attempts; the time of the next attempt |
//! | [`monitor`], [`watch`], [`changes`], [`counter`], [`histogram`] | state and statistics for observers |

// Tests may unwrap: a panic there is the report.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod acknowledge;
pub mod backoff;
pub mod batch;
pub mod broker;
pub mod budget;
pub mod bulk;
pub mod cause;
pub mod changes;
pub mod check;
mod claims;
pub mod connection;
pub mod counter;
pub mod histogram;
pub mod inbox;
pub mod lasting;
pub mod limits;
pub mod mailbox;
pub mod managed;
pub mod manual;
pub mod monitor;
pub mod outbox;
pub mod reply;
pub mod stream;
pub mod ticket;
pub mod watch;

pub use batch::{Batch, Member};
pub use broker::Broker;
pub use bulk::Bulk;
pub use changes::StateChanges;
pub use connection::{Connection, Dispatch};
pub use inbox::Inbox;
pub use managed::{
    Accepted, Authenticator, Client, Config, Credential, Delivery, EndSession, Error, InboxLimits,
    Neighbours, Published, Purpose, Received, Receiver, Stats, Subscription,
};
pub use manual::{BadConnect, End, Event, EventKind, Events, MqttClient, Refused, check_connect};
pub use monitor::Monitor;
pub use reply::Reply;
pub use ticket::Ticket;
pub use watch::State;
