//! The packets of MQTT 3.1.1, whose protocol level is 4.

mod connack;
mod connect;
mod publish;
mod subscribe;
mod unsubscribe;

use bytes::{Buf, BytesMut};

use crate::codec::error::ProtocolError;
use crate::codec::fields::Fields;
use crate::codec::frame::{Frame, first_byte, put_bare, put_header};
use crate::packets::{Disconnect, Kind, Packet, PubAck, PubComp, PubRec, PubRel, UnsubAck};

pub use connack::return_code;
pub(super) use connect::encode as encode_connect;
pub(super) use publish::encode as encode_publish;

/// Takes the packet with this fixed header, all of which has come, off the front of `input`.
pub(super) fn decode(frame: &Frame, input: &mut BytesMut) -> Result<Packet, ProtocolError> {
    let Some(kind) = frame.kind() else { return Err(frame.malformed("reserved packet type (§2.2.1)")) };
    if kind == Kind::Publish {
        // Its payload stays where it is.
        return publish::decode(frame, input).map(Packet::Publish);
    }
    let mut fields = Fields::new(frame, &input[frame.header_len()..frame.size()]);
    let packet = match kind {
        Kind::Connect => Packet::Connect(Box::new(connect::decode(&mut fields)?)),
        Kind::ConnAck => Packet::ConnAck(connack::decode(&mut fields)?),
        Kind::PubAck => Packet::PubAck(PubAck::new(fields.packet_id()?)),
        Kind::PubRec => Packet::PubRec(PubRec::new(fields.packet_id()?)),
        Kind::PubRel => Packet::PubRel(PubRel::new(fields.packet_id()?)),
        Kind::PubComp => Packet::PubComp(PubComp::new(fields.packet_id()?)),
        Kind::Subscribe => Packet::Subscribe(subscribe::decode(&mut fields)?),
        Kind::SubAck => Packet::SubAck(subscribe::decode_ack(&mut fields)?),
        Kind::Unsubscribe => Packet::Unsubscribe(unsubscribe::decode(&mut fields)?),
        Kind::UnsubAck => Packet::UnsubAck(UnsubAck::new(fields.packet_id()?, Vec::new())),
        Kind::PingReq => Packet::PingReq,
        Kind::PingResp => Packet::PingResp,
        Kind::Disconnect => Packet::Disconnect(Disconnect::normal()),
        Kind::Auth => return Err(frame.malformed("reserved packet type (§2.2.1)")),
        Kind::Publish => unreachable!("it was taken above"),
    };
    fields.finish()?;
    input.advance(frame.size());
    Ok(packet)
}

/// Appends `packet` to `output`, unless it would have more than `limit` bytes.
pub(super) fn encode(packet: &Packet, output: &mut BytesMut, limit: usize) -> Result<(), ProtocolError> {
    match packet {
        Packet::PubAck(ack) => put_bare(output, Kind::PubAck, ack.packet_id, limit),
        Packet::PubRec(ack) => put_bare(output, Kind::PubRec, ack.packet_id, limit),
        Packet::PubRel(ack) => put_bare(output, Kind::PubRel, ack.packet_id, limit),
        Packet::PubComp(ack) => put_bare(output, Kind::PubComp, ack.packet_id, limit),
        Packet::UnsubAck(ack) => put_bare(output, Kind::UnsubAck, ack.packet_id, limit),
        Packet::Publish(publish) => publish::encode(publish, output, limit),
        Packet::Connect(connect) => connect::encode(connect, output, limit),
        Packet::ConnAck(ack) => connack::encode(ack, output, limit),
        Packet::Subscribe(subscribe) => subscribe::encode(subscribe, output, limit),
        Packet::SubAck(ack) => subscribe::encode_ack(ack, output, limit),
        Packet::Unsubscribe(unsubscribe) => unsubscribe::encode(unsubscribe, output, limit),
        Packet::PingReq => put_header(output, first_byte(Kind::PingReq), 0, limit),
        Packet::PingResp => put_header(output, first_byte(Kind::PingResp), 0, limit),
        Packet::Disconnect(_) => put_header(output, first_byte(Kind::Disconnect), 0, limit),
        Packet::Auth(_) => Err(ProtocolError::Unexpected { packet: Kind::Auth.name() }),
    }
}
