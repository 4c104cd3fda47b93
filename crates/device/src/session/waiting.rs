//! Callers that wait for a state of the connection.

use super::subscriptions::Feed;
use crate::reply::Reply;
use azmqtt_client::lasting::times::Time;

/// A caller that waits for a state of the connection.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) what: Awaited,
    pub(super) time: Time,
    pub(super) reply: Reply<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    /// A connection on which every wanted feed stands.
    Everything,
    Feed(Feed),
}

impl Awaited {
    /// Whether the failure of `feed` ends the wait.
    pub(super) fn needs(self, feed: Feed) -> bool {
        match self {
            Self::Everything => true,
            // Changes need the answers for their comparison.
            Self::Feed(Feed::DesiredChanges) => matches!(feed, Feed::DesiredChanges | Feed::TwinAnswers),
            Self::Feed(awaited) => awaited == feed,
        }
    }
}
