//! A client of any broker, for `azmqtt.MqttClient`: [`azmqtt_client::Client`] as Python sees it.
//!
//! * [`client`]: the operations, each blocking and for asyncio; [`publishing`]: many messages by one call.
//! * [`message`]: a message, in both directions; [`outgoing`]: what is published, from Python.
//! * [`incoming`]: what iterators over messages and over changes of the state stand on.
//! * [`authentication`]: what Python authenticates with.
//! * [`options`], [`core`], [`errors`]: how it is made, what its parts share, what goes wrong.

mod authentication;
mod client;
mod core;
mod errors;
mod incoming;
mod message;
mod options;
mod outgoing;
mod publishing;

pub(super) use self::authentication::AuthenticationCalls;
pub(super) use self::client::{BrokerClient, reply_into_python};
pub(super) use self::errors::raise;
pub(super) use self::incoming::Messages;
pub(super) use self::message::MqttMessage;
pub(super) use self::options::Options;
pub(super) use self::publishing::Publishing;
