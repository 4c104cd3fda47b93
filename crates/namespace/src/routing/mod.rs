//! Who gets a message: the subscriptions, and the messages that are kept for later subscribers. Each topic is looked for by
//! one walk down a tree of levels.

mod retained;
mod subscriptions;
mod tree;

pub use retained::{NotKept, Retained, RetainedMessage};
pub use subscriptions::{Group, Matches, Options, Subscriber, Subscriptions, TooMany};

/// A session's number among the sessions of a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey(pub u32);

#[cfg(test)]
mod tests;
