//! The control packets (MQTT §3) as values, with the standard's names for their fields.
//!
//! Nothing here says which version of MQTT is spoken: that is the [codec](crate::codec)'s business.

mod acknowledgement;
mod auth;
mod connack;
mod connect;
mod disconnect;
mod kind;
pub(crate) mod properties;
mod publish;
mod qos;
mod reason;
mod subscribe;
mod text;
mod unsubscribe;

pub use acknowledgement::{PubAck, PubComp, PubRec, PubRel};
pub use auth::Auth;
pub use connack::ConnAck;
pub use connect::{Connect, Level, Version, Will};
pub use disconnect::Disconnect;
pub(crate) use kind::Kind;
pub use properties::{InvalidProperty, Properties, PropertiesBuilder, Property, PropertyValue};
pub use publish::{Publish, TopicAlias};
pub use qos::QoS;
pub use reason::ReasonCode;
pub use subscribe::{RetainHandling, SubAck, Subscribe, SubscribeFilter};
pub use text::Text;
pub(crate) use text::{NotText, has_wildcard, text_of};
pub use unsubscribe::{UnsubAck, Unsubscribe};

/// Any packet (§2.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// CONNECT (§3.1).
    Connect(Box<Connect>),
    /// CONNACK (§3.2).
    ConnAck(ConnAck),
    /// PUBLISH (§3.3).
    Publish(Publish),
    /// PUBACK (§3.4).
    PubAck(PubAck),
    /// PUBREC (§3.5).
    PubRec(PubRec),
    /// PUBREL (§3.6).
    PubRel(PubRel),
    /// PUBCOMP (§3.7).
    PubComp(PubComp),
    /// SUBSCRIBE (§3.8).
    Subscribe(Subscribe),
    /// SUBACK (§3.9).
    SubAck(SubAck),
    /// UNSUBSCRIBE (§3.10).
    Unsubscribe(Unsubscribe),
    /// UNSUBACK (§3.11).
    UnsubAck(UnsubAck),
    /// PINGREQ (§3.12).
    PingReq,
    /// PINGRESP (§3.13).
    PingResp,
    /// DISCONNECT (§3.14).
    Disconnect(Disconnect),
    /// AUTH (MQTT 5 §3.15).
    Auth(Auth),
}

impl Packet {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Connect(_) => Kind::Connect,
            Self::ConnAck(_) => Kind::ConnAck,
            Self::Publish(_) => Kind::Publish,
            Self::PubAck(_) => Kind::PubAck,
            Self::PubRec(_) => Kind::PubRec,
            Self::PubRel(_) => Kind::PubRel,
            Self::PubComp(_) => Kind::PubComp,
            Self::Subscribe(_) => Kind::Subscribe,
            Self::SubAck(_) => Kind::SubAck,
            Self::Unsubscribe(_) => Kind::Unsubscribe,
            Self::UnsubAck(_) => Kind::UnsubAck,
            Self::PingReq => Kind::PingReq,
            Self::PingResp => Kind::PingResp,
            Self::Disconnect(_) => Kind::Disconnect,
            Self::Auth(_) => Kind::Auth,
        }
    }

    /// Its properties; those of a will are in the will.
    pub fn properties(&self) -> Option<&Properties> {
        match self {
            Self::Connect(packet) => Some(&packet.properties),
            Self::ConnAck(packet) => Some(&packet.properties),
            Self::Publish(packet) => Some(&packet.properties),
            Self::PubAck(packet) => Some(&packet.properties),
            Self::PubRec(packet) => Some(&packet.properties),
            Self::PubRel(packet) => Some(&packet.properties),
            Self::PubComp(packet) => Some(&packet.properties),
            Self::Subscribe(packet) => Some(&packet.properties),
            Self::SubAck(packet) => Some(&packet.properties),
            Self::Unsubscribe(packet) => Some(&packet.properties),
            Self::UnsubAck(packet) => Some(&packet.properties),
            Self::Disconnect(packet) => Some(&packet.properties),
            Self::Auth(packet) => Some(&packet.properties),
            Self::PingReq | Self::PingResp => None,
        }
    }

    /// The packet's name as the standard writes it, for error texts.
    pub fn name(&self) -> &'static str {
        self.kind().name()
    }
}
