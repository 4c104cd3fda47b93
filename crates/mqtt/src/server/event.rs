//! What a server is told.

use crate::errors::PublishError;
use crate::packets::{Auth, Connect, Disconnect, Properties, Publish, ReasonCode, Subscribe, Unsubscribe};

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<T> {
    /// A client asks: answer with [`Server::accept`] or [`Server::refuse`] before polling again, or, where it names an
    /// authentication method, with [`Server::authenticate`].
    ///
    /// [`Server::accept`]: super::Server::accept
    /// [`Server::refuse`]: super::Server::refuse
    /// [`Server::authenticate`]: super::Server::authenticate
    Connect(Box<Connect>),
    /// A step of the enhanced authentication (MQTT 5 §4.12). Before the client is accepted, answer as with
    /// [`Event::Connect`]. Afterwards [`ReasonCode::ReAuthenticate`] begins it anew, and other packets go on: answer with
    /// [`Server::authenticate`] or [`Server::disconnect`].
    ///
    /// [`Server::authenticate`]: super::Server::authenticate
    /// [`Server::disconnect`]: super::Server::disconnect
    Auth(Auth),
    /// A message; QoS 1 and 2 want [`Server::acknowledge`]. Without [`Server::with_qos2`], QoS 2 is passed on in MQTT 3.1.1
    /// for the caller to refuse.
    ///
    /// [`Server::acknowledge`]: super::Server::acknowledge
    /// [`Server::with_qos2`]: super::Server::with_qos2
    Publish(Publish),
    /// The client has the message that was delivered with this token, or refuses it.
    Acknowledged {
        /// Of [`Server::publish`].
        ///
        /// [`Server::publish`]: super::Server::publish
        token: T,
        /// An error if the client refuses it; a success in MQTT 3.1.1.
        reason: ReasonCode,
        /// None in MQTT 3.1.1.
        properties: Properties,
    },
    /// A message in flight could not be sent again on this connection: its time is over, or the client takes less than on
    /// the one before. It may have it from before.
    NotSentAgain {
        /// Of [`Server::publish`].
        ///
        /// [`Server::publish`]: super::Server::publish
        token: T,
        /// Why.
        why: PublishError,
    },
    /// Answer with [`Server::suback`].
    ///
    /// [`Server::suback`]: super::Server::suback
    Subscribe(Subscribe),
    /// Answer with [`Server::unsuback`].
    ///
    /// [`Server::unsuback`]: super::Server::unsuback
    Unsubscribe(Unsubscribe),
    /// The client sent DISCONNECT: drop its will, unless it says [`ReasonCode::DisconnectWithWill`], and close
    /// [MQTT-3.14.4-3].
    Disconnect(Disconnect),
}

impl<T> Event<T> {
    /// The peer has the message with this token, and says no more.
    pub fn acknowledged(token: T) -> Self {
        Self::Acknowledged { token, reason: ReasonCode::Success, properties: Properties::default() }
    }
}
