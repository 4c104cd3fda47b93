//! Which reason code may stand in which packet, and from whom (§2.4, table 2-6, and the section of each packet).

use crate::codec::error::ProtocolError;
use crate::codec::frame::Sender;
use crate::packets::properties::Place;
use crate::packets::{Kind, ReasonCode};

const CONNACK: Place = Place::from_server(Kind::ConnAck);
const PUBACK: Place = Place::of(Kind::PubAck).or(Place::of(Kind::PubRec));
const PUBREL: Place = Place::of(Kind::PubRel).or(Place::of(Kind::PubComp));
const SUBACK: Place = Place::from_server(Kind::SubAck);
const UNSUBACK: Place = Place::from_server(Kind::UnsubAck);
const DISCONNECT: Place = Place::of(Kind::Disconnect);
const AUTH: Place = Place::of(Kind::Auth);

/// Where a reason code may stand.
const fn places(reason: ReasonCode) -> Place {
    use ReasonCode as R;
    const DISCONNECT_BY_SERVER: Place = Place::from_server(Kind::Disconnect);
    const AUTH_BY_SERVER: Place = Place::from_server(Kind::Auth);
    const MESSAGES_BY_SERVER: Place = Place::from_server(Kind::PubAck).or(Place::from_server(Kind::PubRec));
    match reason {
        // The table has a normal DISCONNECT from clients alone, and its short form (§3.14.2.1) from both.
        R::Success => CONNACK.or(PUBACK).or(PUBREL).or(SUBACK).or(UNSUBACK).or(DISCONNECT).or(AUTH_BY_SERVER),
        R::GrantedQoS1 | R::GrantedQoS2 => SUBACK,
        R::DisconnectWithWill => Place::from_client(Kind::Disconnect),
        R::NoMatchingSubscribers => MESSAGES_BY_SERVER,
        R::NoSubscriptionExisted => UNSUBACK,
        R::ContinueAuthentication => AUTH,
        R::ReAuthenticate => Place::from_client(Kind::Auth),
        R::UnspecifiedError | R::ImplementationSpecificError => {
            CONNACK.or(PUBACK).or(SUBACK).or(UNSUBACK).or(DISCONNECT)
        }
        // The authentication method is in table 2-6 alone.
        R::MalformedPacket | R::ProtocolError | R::PacketTooLarge | R::BadAuthenticationMethod => {
            CONNACK.or(DISCONNECT)
        }
        R::NotAuthorized => CONNACK.or(PUBACK).or(SUBACK).or(UNSUBACK).or(DISCONNECT_BY_SERVER),
        R::UnsupportedProtocolVersion
        | R::ClientIdentifierNotValid
        | R::BadUserNameOrPassword
        | R::ServerUnavailable
        | R::Banned => CONNACK,
        R::ServerBusy
        | R::RetainNotSupported
        | R::QoSNotSupported
        | R::UseAnotherServer
        | R::ServerMoved
        | R::ConnectionRateExceeded => CONNACK.or(DISCONNECT_BY_SERVER),
        R::ServerShuttingDown | R::KeepAliveTimeout | R::SessionTakenOver | R::MaximumConnectTime => {
            DISCONNECT_BY_SERVER
        }
        R::TopicFilterInvalid => SUBACK.or(UNSUBACK).or(DISCONNECT_BY_SERVER),
        R::TopicNameInvalid | R::PayloadFormatInvalid => CONNACK.or(PUBACK).or(DISCONNECT),
        R::PacketIdentifierInUse => PUBACK.or(SUBACK).or(UNSUBACK),
        R::PacketIdentifierNotFound => PUBREL,
        R::ReceiveMaximumExceeded
        | R::TopicAliasInvalid
        | R::MessageRateTooHigh
        | R::AdministrativeAction => DISCONNECT,
        R::QuotaExceeded => CONNACK.or(PUBACK).or(SUBACK).or(DISCONNECT),
        R::SharedSubscriptionsNotSupported
        | R::SubscriptionIdentifiersNotSupported
        | R::WildcardSubscriptionsNotSupported => SUBACK.or(DISCONNECT_BY_SERVER),
    }
}

/// Where a packet of this kind from this side is.
pub(super) const fn place(kind: Kind, sender: Sender) -> Place {
    match sender {
        Sender::Client => Place::from_client(kind),
        Sender::Server => Place::from_server(kind),
    }
}

/// The code that `byte` stands for in such a packet.
pub(super) fn reason_of(byte: u8, kind: Kind, sender: Sender) -> Result<ReasonCode, ProtocolError> {
    ReasonCode::from_byte(byte)
        .filter(|reason| places(*reason).overlaps(place(kind, sender)))
        .ok_or_else(|| forbidden(kind))
}

/// The codes that these bytes stand for, of which there must be one at least.
pub(super) fn reasons_of(bytes: &[u8], kind: Kind, sender: Sender) -> Result<Vec<ReasonCode>, ProtocolError> {
    if bytes.is_empty() {
        return Err(forbidden(kind));
    }
    bytes.iter().map(|&byte| reason_of(byte, kind, sender)).collect()
}

/// # Errors
/// The code may not stand in such a packet, whoever sends it.
pub(super) fn check_legal(reason: ReasonCode, kind: Kind) -> Result<(), ProtocolError> {
    if places(reason).overlaps(Place::of(kind)) { Ok(()) } else { Err(forbidden(kind)) }
}

fn forbidden(kind: Kind) -> ProtocolError {
    let rule = match kind {
        Kind::ConnAck => "reason code [MQTT-3.2.2-8]",
        Kind::PubAck => "reason code [MQTT-3.4.2-1]",
        Kind::PubRec => "reason code [MQTT-3.5.2-1]",
        Kind::PubRel => "reason code [MQTT-3.6.2-1]",
        Kind::PubComp => "reason code [MQTT-3.7.2-1]",
        Kind::SubAck => "reason code [MQTT-3.9.3-2]",
        Kind::UnsubAck => "reason code [MQTT-3.11.3-2]",
        Kind::Disconnect => "reason code [MQTT-3.14.2-1]",
        Kind::Auth => "reason code [MQTT-3.15.2-1]",
        _ => "reason code (§2.4)",
    };
    ProtocolError::Forbidden { packet: kind.name(), rule, reason: ReasonCode::ProtocolError }
}
