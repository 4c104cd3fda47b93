#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! | module | subject |
//! |---|---|
//! | [`broker`], [`connection`] | where a connection goes, and its streams, which are [`azmqtt_net`]'s; the driver of a connection, for sessions of any kind |
//! | [`lasting`] | sessions that outlive their connections, and the task that keeps them connected |
//! | [`managed`] | a client that keeps its connection and its promises by itself: [`Client`] |
//! | [`check`] | which step of a connection fails, and what to do about it |
//! | [`manual`] | a client whose connections the application makes: [`MqttClient`] |
//! | `claims` | what a token says, for a check and for a client whose token is refused |
//!
//! The parts that any client with a task is made of:
//!
//! | module | subject |
//! |---|---|
//! | [`mailbox`], [`reply`], [`cause`] | commands on their way to the task; how outcomes come back; why there is none |
//! | [`ticket`], [`outbox`], [`budget`], [`batch`], [`bulk`] | messages on their way out: one, those that wait, how many may, many counted together, many by one call |
//! | [`inbox`], [`stream`], [`acknowledge`] | what came in, one item after the other, acknowledged in order |
//! | [`limits`], [`backoff`] | room, time, attempts; when to try again |
//! | [`monitor`], [`watch`], [`changes`], [`counter`], [`histogram`] | what can be seen from outside |

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
