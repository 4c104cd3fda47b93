//! What can go wrong, by the moment that it belongs to.

use std::fmt;
use std::time::Duration;

use azmqtt_local::faults::ServiceFault;
use azmqtt_mqtt::ReasonCode;

pub use azmqtt_local::faults::{AcceptFault, ConnectFault, NowFault, SentFault};

/// A fault together with the moment at which it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A TCP connection opens: nobody knows yet whose it is.
    Accept(AcceptFault),
    /// A CONNECT comes in.
    Connect(ConnectFault),
    /// Another packet comes in.
    Received(Received, ReceivedFault),
    /// A packet is about to go out.
    Sent(Sent, SentFault),
    /// No packet is waited for.
    Now(NowFault),
}

/// Whose traffic: everybody's, or that of a client identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Target(pub Option<String>);

/// A packet of a client, after its CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Any of them, except pings and DISCONNECT.
    Any,
    /// PUBLISH.
    Publish,
    /// SUBSCRIBE.
    Subscribe,
    /// UNSUBSCRIBE.
    Unsubscribe,
    /// PUBACK for what the namespace has sent.
    Acknowledgement,
}

/// What becomes of a packet that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceivedFault {
    /// The connection closes without words; the packet has no effect.
    Drop,
    /// The packet never arrived: no effect, no answer.
    Lose,
    /// The packet has no effect, and from here on the namespace neither reads nor writes: a half-open connection.
    Silence(Option<Duration>),
    /// The namespace stops reading for that time, this packet included.
    Delay(Duration),
    /// What the client has shown expires.
    ExpireToken,
    /// Another connection comes for the same session.
    TakeOver,
    /// PUBLISH or SUBSCRIBE is refused with this code, from 128 on.
    Answer(ReasonCode),
}

/// A packet to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Any of them.
    Any,
    /// CONNACK of a client that is accepted.
    Connack,
    /// PUBACK of what the client has sent, which is delivered already.
    Puback,
    /// SUBACK.
    Suback,
    /// PUBLISH.
    Message,
    /// UNSUBACK, PINGRESP, AUTH or DISCONNECT.
    Other,
}

impl Sent {
    /// What a packet is, by its type (§2.1.2).
    pub(crate) fn of(packet_type: u8, _body: &[u8]) -> Self {
        match packet_type {
            2 => Self::Connack,
            3 => Self::Message,
            4 => Self::Puback,
            9 => Self::Suback,
            _ => Self::Other,
        }
    }
}

/// The first word of a fault, and what it is on: as in rules and logs.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, on) = (self.name(), self.on());
        if on == "now" { f.write_str(name) } else { write!(f, "{name} on {on}") }
    }
}
