//! What the hub sends, one item after the other: cloud-to-device messages, changes of the desired properties, calls of
//! methods; and changes of the connection's state.
//!
//! * [`Receiver`]: takes them, having asked the hub for them, and acknowledges what the application is done with.
//! * `stream`: where they wait, for all receivers of a kind; `acknowledge`: in which order they are acknowledged;
//!   `subscription`: asked for once, waited for by anybody.

mod acknowledge;
mod kind;
mod receiver;
pub(crate) mod stream;
mod subscription;

pub use kind::Incoming;
pub use receiver::{Receiver, StateChanges};
