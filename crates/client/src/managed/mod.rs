//! A client of any broker that keeps its connection and its promises by itself.
//!
//! A [`Client`] is a handle that never waits: it puts commands into a queue, and one task per client owns everything
//! behind it.
//!
//! | module | subject |
//! |---|---|
//! | [`handle`], `commands` | what can be asked; on its way to the task |
//! | [`config`], [`authenticator`], [`error`] | what a connection is made of; who proves the client's identity; what can go wrong |
//! | [`message`], [`subscription`], `filter` | messages and their outcome; what is subscribed to; topic filters |
//! | [`neighbours`] | other clients of the process that connect as the same client identifier |
//! | [`receiver`], `inlets` | who takes what came in; where it waits |
//! | `shared`, [`stats`] | what handles and task both see; what can be seen from outside |
//! | `attempt`, `beside` | a stream and a credential; what goes on beside a connection |
//! | `session` | all that is said, without I/O |

mod attempt;
pub mod authenticator;
mod beside;
mod commands;
pub mod config;
pub mod error;
mod filter;
pub mod handle;
mod inlets;
pub mod message;
pub mod neighbours;
pub mod receiver;
mod session;
mod shared;
pub mod stats;
pub mod subscription;

#[cfg(test)]
mod tests;

pub use authenticator::{Authenticator, Credential, Purpose};
pub use config::{Config, EndSession, InboxLimits};
pub use error::Error;
pub use handle::Client;
pub use message::{Accepted, Delivery, Published, Received};
pub use neighbours::Neighbours;
pub use receiver::Receiver;
pub use stats::Stats;
pub use subscription::Subscription;
