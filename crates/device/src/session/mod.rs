//! A device's session with its hub, without I/O: commands, events and the time in, bytes and outcomes out.
//!
//! `Session` outlives connections. `Session::handle` takes a command, `Session::connect` begins a connection,
//! `Session::disconnected` ends it; in between the session is driven by way of
//! [`Dispatch`](azmqtt_client::Dispatch): `handle_event`, `poll`, `deadline`. It knows no socket, no clock and
//! no runtime, so its tests make the time up.
//!
//! Where it is headed is a `Goal` (`goal`), how far its connection is a `Phase`, and how far the next one a `Renewal`
//! (both in `link`).
//!
//! | subject | state | what is done with it |
//! |---|---|---|
//! | the whole | `state` | `commands`: what each command does. `dispatch`: packets, clock. `lasting`: what the task asks, the end of a connection. `ending`: lost sessions, last wishes |
//! | messages of the application | [`Outbox`](azmqtt_client::outbox::Outbox) | `sending` |
//! | messages of the hub | [`Inbox`](crate::Inbox) | `cloud_messages` |
//! | the twin | `twin`, [`requests`], [`desired`] | `twin_traffic` |
//! | direct methods | [`methods`] | `method_calls` |
//! | subscriptions | `subscriptions`, `waiting` | `subscribing` |
//! | time | | `deadlines`: operations that run out of it. `reasons`: what is known then, in words |
//!
//! Modules of the second column know nothing of the session; those of the third are parts of it.

mod cloud_messages;
mod commands;
mod deadlines;
pub mod desired;
mod dispatch;
mod ending;
mod goal;
mod lasting;
mod link;
mod method_calls;
pub mod methods;
mod reasons;
pub mod requests;
mod sending;
mod state;
mod subscribing;
mod subscriptions;
pub(super) mod twin;
mod twin_traffic;
mod waiting;

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(super) use cloud_messages::MAX_DELIVERIES;
pub(super) use state::{End, Session};
