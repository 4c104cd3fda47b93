//! What a client is told.

use crate::errors::PublishError;
use crate::packets::{Auth, Disconnect, Properties, Publish, ReasonCode};

/// What came in. Reasons and properties are those of the packet; in MQTT 3.1.1 a success, and none.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<T> {
    /// The server accepted. With `session_present` the messages in flight have been sent again; without,
    /// they wait in [`Client::take_unacknowledged`].
    ///
    /// [`Client::take_unacknowledged`]: super::Client::take_unacknowledged
    Connected {
        /// Whether the server remembers the session.
        session_present: bool,
        /// What the server says about the connection; [`Client::limits`] has most of it.
        ///
        /// [`Client::limits`]: super::Client::limits
        properties: Properties,
    },
    /// The server refused; it closes the connection next.
    Refused {
        /// Why.
        reason: ReasonCode,
        /// Perhaps with a reason string, and the server to use instead.
        properties: Properties,
    },
    /// The server has the message that was published with this token, or refuses it. At QoS 2 this comes with its last
    /// answer, and with the reason that the first one gave.
    Acknowledged {
        /// Of [`Client::publish`].
        ///
        /// [`Client::publish`]: super::Client::publish
        token: T,
        /// An error if the server refuses it.
        reason: ReasonCode,
        /// Perhaps with a reason string.
        properties: Properties,
    },
    /// A message in flight could not be sent again on this connection: its time is over, or the server takes less than the
    /// one before. The server may have it from before.
    NotSentAgain {
        /// Of [`Client::publish`].
        ///
        /// [`Client::publish`]: super::Client::publish
        token: T,
        /// Why.
        why: PublishError,
    },
    /// The answer to [`Client::subscribe`], in the order of its filters.
    ///
    /// [`Client::subscribe`]: super::Client::subscribe
    Subscribed {
        /// As returned by the call.
        packet_id: u16,
        /// The granted QoS, or why not, for each filter.
        reasons: Vec<ReasonCode>,
        /// Perhaps with a reason string.
        properties: Properties,
    },
    /// The answer to [`Client::unsubscribe`].
    ///
    /// [`Client::unsubscribe`]: super::Client::unsubscribe
    Unsubscribed {
        /// As returned by the call.
        packet_id: u16,
        /// For each filter, in their order. None in MQTT 3.1.1.
        reasons: Vec<ReasonCode>,
        /// Perhaps with a reason string.
        properties: Properties,
    },
    /// A step of the enhanced authentication (MQTT 5 §4.12). [`ReasonCode::ContinueAuthentication`] wants
    /// [`Client::authenticate`], [`ReasonCode::Success`] ends what the client has begun.
    ///
    /// [`Client::authenticate`]: super::Client::authenticate
    Auth(Auth),
    /// The server sent DISCONNECT; it closes the connection next.
    Disconnected(Disconnect),
    /// A message was skipped, see [`Client::skipping_bad_topics`].
    ///
    /// [`Client::skipping_bad_topics`]: super::Client::skipping_bad_topics
    BadTopic,
    /// A message; at QoS 1 and 2, [`Client::acknowledge`] it once it is handed over.
    ///
    /// [`Client::acknowledge`]: super::Client::acknowledge
    Message(Publish),
}

impl<T> Event<T> {
    /// The peer has the message with this token, and says no more.
    pub fn acknowledged(token: T) -> Self {
        Self::Acknowledged { token, reason: ReasonCode::Success, properties: Properties::default() }
    }
}
