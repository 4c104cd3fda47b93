//! A client's session with its broker, without I/O: commands, events and the time in, bytes and outcomes out.
//!
//! `Session` outlives connections. `Session::handle` takes a command, `Session::connect` begins a connection,
//! `Session::disconnected` ends it; in between the session is driven by way of [`Dispatch`](crate::Dispatch). It knows no
//! socket, no clock and no runtime, so its tests make the time up.
//!
//! Where it is headed is a `Goal` (`goal`), how far its connection is a `Phase`, and how far a re-authentication a
//! `Renewal` (both in `link`).
//!
//! | subject | state | what is done with it |
//! |---|---|---|
//! | the whole | `state` | `commands`: what each command does. `dispatch`: packets, clock. `lasting`: what the task asks, the end of a connection. `ending`: lost sessions |
//! | messages that go out | [`Outbox`](crate::outbox::Outbox) | `sending` |
//! | messages that come in | `arrivals` | `receiving` |
//! | subscriptions | `subscriptions` | `subscribing` |
//! | requests and their answers | `requests` | `requesting` |
//! | who the client is | `link` | `authentication` |
//! | time | | `deadlines`: operations that run out of it. `reasons`: codes and ends, in words |
//!
//! Modules of the second column know nothing of the session; those of the third are parts of it.

mod arrivals;
mod authentication;
mod commands;
mod deadlines;
mod dispatch;
mod ending;
mod goal;
mod lasting;
mod link;
mod reasons;
mod receiving;
mod requesting;
mod requests;
mod sending;
mod state;
mod subscribing;
mod subscriptions;

#[cfg(test)]
mod tests;

pub(super) use authentication::Question;
pub(super) use state::{End, Session};
