//! What outlasts a restart of sessions, of their wills, of messages that wait in them, and of messages that are kept for later
//! subscribers: records in the journal `sessions.journal` of a state directory.
//!
//! The broker adds a record for each change ([`Recorder`]), and at the next start [`Replay`] makes of them what there was.
//! Sessions that end with their connection have no records, and neither have messages at QoS 0. An acknowledgement to a
//! client waits until the records of what it acknowledges are on the disk; that a client has acknowledged a message is
//! written a moment later, and a crash in between has the message delivered again.

mod decode;
mod record;
mod recorder;
mod replay;
mod wall;

pub use record::{Body, Queued, Record};
pub use recorder::Recorder;
pub use replay::{Expires, Replay, Restored, RestoredMessage, RestoredSession, RestoredWill};
pub use wall::Wall;

#[cfg(test)]
mod tests;
