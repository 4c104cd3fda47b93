//! What the hub sends, one item after the other: cloud-to-device messages, changes of the desired properties, calls of
//! methods; and changes of the connection's state.
//!
//! * [`Receiver`]: takes them, having asked the hub for them, and acknowledges what the application is done with.
//! * `streams`: where they wait, for all receivers of a kind; `subscription`: asked for once, waited for by anybody.

mod kind;
mod receiver;
pub(crate) mod streams;
mod subscription;

pub use kind::Incoming;
pub use receiver::Receiver;
