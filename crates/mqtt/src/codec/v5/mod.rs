//! The packets of MQTT 5, whose protocol level is 5.

mod acknowledgement;
mod auth;
mod connack;
mod connect;
mod disconnect;
mod properties;
mod publish;
mod reasons;
mod suback;
mod subscribe;
mod unsubscribe;

use bytes::{Buf, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::fields::Fields;
use crate::codec::frame::{Frame, Sender, first_byte, put_header};
use crate::packets::{
    Kind, Packet, Properties, PubAck, PubComp, PubRec, PubRel, ReasonCode, SubAck, TopicAlias, UnsubAck,
};

pub(super) use connect::{encode as encode_connect, is_of_v5};
pub(super) use publish::encode as encode_publish;

/// Takes the packet with this fixed header, all of which has come, off the front of `input`.
pub(super) fn decode(frame: &Frame, input: &mut BytesMut, sender: Sender) -> Result<Packet, ProtocolError> {
    let Some(kind) = frame.kind() else { return Err(frame.malformed("reserved packet type (§2.1.2)")) };
    if !frame.is_minimal() {
        return Err(frame.malformed("remaining length in more bytes than it needs [MQTT-1.5.5-1]"));
    }
    // What may be large stays where it is.
    match kind {
        Kind::Publish => return publish::decode(frame, input, sender).map(Packet::Publish),
        Kind::Auth => return auth::decode(frame, input, sender).map(Packet::Auth),
        _ => {}
    }
    let mut fields = Fields::new(frame, &input[frame.header_len()..frame.size()]);
    let packet = decode_body(&mut fields, kind, sender)?;
    fields.finish()?;
    input.advance(frame.size());
    Ok(packet)
}

fn decode_body(fields: &mut Fields<'_>, kind: Kind, sender: Sender) -> Result<Packet, ProtocolError> {
    Ok(match kind {
        Kind::Connect => Packet::Connect(Box::new(connect::decode(fields)?)),
        Kind::ConnAck => Packet::ConnAck(connack::decode(fields)?),
        Kind::PubAck => {
            let (packet_id, reason, properties) = acknowledgement::decode(fields, kind, sender)?;
            Packet::PubAck(PubAck { packet_id, reason, properties })
        }
        Kind::PubRec => {
            let (packet_id, reason, properties) = acknowledgement::decode(fields, kind, sender)?;
            Packet::PubRec(PubRec { packet_id, reason, properties })
        }
        Kind::PubRel => {
            let (packet_id, reason, properties) = acknowledgement::decode(fields, kind, sender)?;
            Packet::PubRel(PubRel { packet_id, reason, properties })
        }
        Kind::PubComp => {
            let (packet_id, reason, properties) = acknowledgement::decode(fields, kind, sender)?;
            Packet::PubComp(PubComp { packet_id, reason, properties })
        }
        Kind::Subscribe => Packet::Subscribe(subscribe::decode(fields)?),
        Kind::SubAck => {
            let (packet_id, properties, reasons) = suback::decode(fields, kind)?;
            Packet::SubAck(SubAck { packet_id, properties, reasons })
        }
        Kind::Unsubscribe => Packet::Unsubscribe(unsubscribe::decode(fields)?),
        Kind::UnsubAck => {
            let (packet_id, properties, reasons) = suback::decode(fields, kind)?;
            Packet::UnsubAck(UnsubAck { packet_id, properties, reasons })
        }
        Kind::PingReq => Packet::PingReq,
        Kind::PingResp => Packet::PingResp,
        Kind::Disconnect => Packet::Disconnect(disconnect::decode(fields, sender)?),
        Kind::Publish | Kind::Auth => unreachable!("they were taken before"),
    })
}

/// Appends `packet` to `output`, unless it would have more than `limit` bytes.
pub(super) fn encode(packet: &Packet, output: &mut BytesMut, limit: usize) -> Result<(), ProtocolError> {
    let mut acknowledge = |kind: Kind, packet_id: u16, reason: ReasonCode, properties: &Properties| {
        acknowledgement::encode(kind, (packet_id, reason, properties), output, limit)
    };
    match packet {
        Packet::PubAck(ack) => acknowledge(Kind::PubAck, ack.packet_id, ack.reason, &ack.properties),
        Packet::PubRec(ack) => acknowledge(Kind::PubRec, ack.packet_id, ack.reason, &ack.properties),
        Packet::PubRel(ack) => acknowledge(Kind::PubRel, ack.packet_id, ack.reason, &ack.properties),
        Packet::PubComp(ack) => acknowledge(Kind::PubComp, ack.packet_id, ack.reason, &ack.properties),
        Packet::Publish(publish) => publish::encode(publish, TopicAlias::None, None, output, limit),
        Packet::Connect(connect) => connect::encode(connect, output, limit),
        Packet::ConnAck(ack) => connack::encode(ack, output, limit),
        Packet::Subscribe(subscribe) => subscribe::encode(subscribe, output, limit),
        Packet::SubAck(ack) => {
            suback::encode(Kind::SubAck, (ack.packet_id, &ack.properties, &ack.reasons), output, limit)
        }
        Packet::Unsubscribe(unsubscribe) => unsubscribe::encode(unsubscribe, output, limit),
        Packet::UnsubAck(ack) => {
            suback::encode(Kind::UnsubAck, (ack.packet_id, &ack.properties, &ack.reasons), output, limit)
        }
        Packet::PingReq => put_header(output, first_byte(Kind::PingReq), 0, limit),
        Packet::PingResp => put_header(output, first_byte(Kind::PingResp), 0, limit),
        Packet::Disconnect(disconnect) => disconnect::encode(disconnect, output, limit),
        Packet::Auth(auth) => auth::encode(auth, output, limit),
    }
}
