//! The broker without sockets: packets go in and come out, and the tests invent the time.

mod changes;
mod delivery;
mod durability;
mod life_cycle;
mod observing;
mod publishing;
mod rates;
mod retaining;
mod sessions;
mod subscribing;
mod survival;
mod wakes;
mod wills;

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use azmqtt_mqtt::codec::{self, Sender};
use azmqtt_mqtt::server::Event;
use azmqtt_mqtt::{
    ConnAck, Connect, Disconnect, Level, Packet, Properties, PropertiesBuilder, PubAck, Publish, QoS,
    ReasonCode, SubAck, Subscribe, SubscribeFilter, UnsubAck, Unsubscribe, Version,
};
use bytes::BytesMut;

use super::*;
use crate::attributes::Attributes;
use crate::behaviours::Behaviours;
use crate::limits::Limits;
use crate::names::{AuthenticationName, ClientName, GroupRef, ResourceName};
use crate::principal::{Principal, Standing};
use crate::resources::{Client, Directory, Permission, PermissionBinding, TopicSpace};
use crate::template::Template;

const SECOND: Duration = Duration::from_secs(1);

/// A broker, and the time.
struct World {
    broker: Broker,
    now: Instant,
}

/// A client at the other end of a connection.
struct Peer {
    connection: Connection,
    version: Version,
    /// What was written to it and not looked at.
    input: BytesMut,
}

fn name(text: &str) -> ResourceName {
    ResourceName::parse(text).unwrap()
}

/// Adds a topic space with these templates, and a binding of that permission on `$all`.
fn grant(directory: &mut Directory, permission: Permission, templates: &[&str]) {
    let templates = templates.iter().map(|text| Template::parse(text).unwrap()).collect();
    let space = name(&format!("space-{}", permission.name()));
    directory
        .put_topic_space(TopicSpace { name: space.clone(), description: String::new(), templates })
        .unwrap();
    let binding = PermissionBinding {
        name: name(&format!("binding-{}", permission.name())),
        description: String::new(),
        group: GroupRef::All,
        topic_space: space,
        permission,
    };
    directory.put_binding(binding).unwrap();
}

impl World {
    /// Everybody may publish and subscribe under `t/`.
    fn new() -> Self {
        Self::with(Limits::default(), Behaviours::default())
    }

    /// One that behaves otherwise than by default, by the names of the behaviours and their choices.
    fn behaving(choices: &[(&str, &str)]) -> Self {
        let mut behaviours = Behaviours::default();
        for (name, choice) in choices {
            behaviours.set(name, choice).unwrap();
        }
        Self::with(Limits::default(), behaviours)
    }

    fn with(limits: Limits, behaviours: Behaviours) -> Self {
        let mut world = Self { broker: Broker::new(limits, behaviours), now: Instant::now() };
        world.change(|directory| {
            grant(directory, Permission::Publisher, &["t/#", "$dollar/#"]);
            grant(directory, Permission::Subscriber, &["t/#", "$dollar/#"]);
        });
        world
    }

    fn change<R>(&mut self, change: impl FnOnce(&mut Directory) -> R) -> R {
        self.broker.change(self.now, change)
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.broker.tick(self.now);
    }

    /// Has a client connect under its identifier's name.
    fn connect(&mut self, connect: Connect) -> (Peer, ConnAck) {
        let name = if connect.client_id.is_empty() { "nobody" } else { &connect.client_id }.to_owned();
        self.connect_as(&name, connect).unwrap()
    }

    fn connect_as(&mut self, name: &str, connect: Connect) -> Result<(Peer, ConnAck), ConnAck> {
        let version = connect.level.version();
        let mut server = self.broker.server(self.now);
        let mut bytes = BytesMut::new();
        codec::encode(&Packet::Connect(Box::new(connect)), version, &mut bytes, usize::MAX).unwrap();
        let Ok(Some(Event::Connect(connect))) = server.poll(&mut bytes, self.now) else {
            panic!("no CONNECT")
        };
        let principal =
            Principal { name: AuthenticationName::parse(name).unwrap(), attributes: Attributes::default() };
        let known = self.broker.directory().client_of(&principal.name).is_some();
        let identity = Identity {
            principal: Arc::new(principal),
            standing: if known { Standing::Resource } else { Standing::Asserted },
        };
        let connack = |output: &mut BytesMut| match codec::decode(output, Sender::Server, version, usize::MAX)
            .unwrap()
        {
            Some(Packet::ConnAck(connack)) => connack,
            other => panic!("{other:?}"),
        };
        if let Err(refusal) = check_connect(&connect, self.broker.behaviours()) {
            server.refuse(refusal.code, Properties::default());
            return Err(connack(server.output()));
        }
        match self.broker.connect(server, *connect, identity, self.now) {
            Err((mut server, _)) => Err(connack(server.output())),
            Ok(accepted) => {
                let mut peer = Peer { connection: accepted.connection, version, input: BytesMut::new() };
                self.transfer(&mut peer);
                let connack = connack(&mut peer.input);
                assert_eq!(connack.session_present, accepted.session_present);
                Ok((peer, connack))
            }
        }
    }

    /// Moves what is to be written to the client.
    fn transfer(&mut self, peer: &mut Peer) {
        let mut output = BytesMut::new();
        while self.broker.output(peer.connection, &mut output, Waker::noop(), self.now).is_some() {
            if output.is_empty() {
                return;
            }
            peer.input.extend_from_slice(&output.split());
        }
    }

    /// Has the client send these packets.
    fn send(&mut self, peer: &mut Peer, packets: &[Packet]) -> Received {
        let mut input = BytesMut::new();
        for packet in packets {
            codec::encode(packet, peer.version, &mut input, usize::MAX).unwrap();
        }
        self.broker.receive(peer.connection, &mut input, self.now)
    }

    /// What the client has got since it looked last. Nothing is acknowledged.
    fn got(&mut self, peer: &mut Peer) -> Vec<Packet> {
        self.transfer(peer);
        let decode = || codec::decode(&mut peer.input, Sender::Server, peer.version, usize::MAX).unwrap();
        std::iter::from_fn(decode).collect()
    }

    /// The messages that the client has got since it looked last, each acknowledged.
    fn messages(&mut self, peer: &mut Peer) -> Vec<Publish> {
        let mut messages = Vec::new();
        loop {
            let new: Vec<Publish> = self
                .got(peer)
                .into_iter()
                .map(|packet| match packet {
                    Packet::Publish(publish) => publish,
                    other => panic!("not a message: {other:?}"),
                })
                .collect();
            if new.is_empty() {
                return messages;
            }
            let acks = new.iter().filter(|publish| publish.qos > QoS::AtMostOnce);
            let acks: Vec<Packet> =
                acks.map(|publish| Packet::PubAck(PubAck::new(publish.packet_id))).collect();
            self.send(peer, &acks);
            messages.extend(new);
        }
    }

    fn payloads(&mut self, peer: &mut Peer) -> Vec<String> {
        let messages = self.messages(peer);
        messages.iter().map(|publish| String::from_utf8(publish.payload.to_vec()).unwrap()).collect()
    }

    fn subscribe(&mut self, peer: &mut Peer, subscribe: Subscribe) -> Vec<ReasonCode> {
        let subscribe = Subscribe { packet_id: 7, ..subscribe };
        self.send(peer, &[Packet::Subscribe(subscribe)]);
        self.transfer(peer);
        match codec::decode(&mut peer.input, Sender::Server, peer.version, usize::MAX).unwrap() {
            Some(Packet::SubAck(SubAck { packet_id: 7, reasons, .. })) => reasons,
            other => panic!("{other:?}"),
        }
    }

    fn unsubscribe(&mut self, peer: &mut Peer, filters: &[&str]) -> Vec<ReasonCode> {
        let filters = filters.iter().map(|filter| (*filter).to_owned()).collect();
        let unsubscribe = Unsubscribe { packet_id: 8, ..Unsubscribe::of(filters) };
        self.send(peer, &[Packet::Unsubscribe(unsubscribe)]);
        match &self.got(peer)[..] {
            [Packet::UnsubAck(UnsubAck { packet_id: 8, reasons, .. })] => reasons.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// Publishes at QoS 1: the code of PUBACK, if there is one.
    fn publish(&mut self, peer: &mut Peer, publish: Publish) -> Option<ReasonCode> {
        let publish = Publish { packet_id: u16::from(publish.qos > QoS::AtMostOnce) * 9, ..publish };
        self.send(peer, &[Packet::Publish(publish)]);
        self.transfer(peer);
        let mut rest = peer.input.split();
        let mut code = None;
        while let Some(packet) = codec::decode(&mut rest, Sender::Server, peer.version, usize::MAX).unwrap() {
            match packet {
                Packet::PubAck(PubAck { packet_id: 9, reason, .. }) => code = Some(reason),
                // A message that comes back to its publisher stays to be looked at.
                other => codec::encode(&other, peer.version, &mut peer.input, usize::MAX).unwrap(),
            }
        }
        code
    }

    /// Why the connection is over, and what it said last.
    fn farewell(&mut self, peer: &mut Peer) -> Option<(End, Option<ReasonCode>)> {
        let Farewell { output, end, .. } = self.broker.farewell(peer.connection)?;
        peer.input.extend_from_slice(&output);
        let last = self.got(peer).pop();
        let code = match last {
            Some(Packet::Disconnect(Disconnect { reason, .. })) => Some(reason),
            _ => None,
        };
        Some((end, code))
    }

    /// Whether the connection goes on.
    fn is_alive(&mut self, peer: &Peer) -> bool {
        self.outlook(peer).is_some()
    }

    /// What the connection comes to next. What is to be written stays.
    fn outlook(&mut self, peer: &Peer) -> Option<Outlook> {
        let mut full = BytesMut::from(&[0][..]);
        self.broker.output(peer.connection, &mut full, Waker::noop(), self.now)
    }
}

/// A CONNECT of MQTT 5 that begins anew and keeps nothing.
fn v5(client_id: &str) -> Connect {
    Connect { level: Level::Mqtt5, ..Connect::new(client_id) }
}

/// One of MQTT 3.1.1.
fn v3(client_id: &str) -> Connect {
    Connect::new(client_id)
}

/// One of MQTT 5 that continues a session, and has it kept for so many seconds.
fn lasting(client_id: &str, seconds: u32) -> Connect {
    let properties = properties(|builder| builder.session_expiry(seconds));
    Connect { clean_start: false, properties, ..v5(client_id) }
}

fn properties(build: impl FnOnce(PropertiesBuilder) -> PropertiesBuilder) -> Properties {
    build(PropertiesBuilder::new()).build().unwrap()
}

fn message(topic: &str, qos: QoS, payload: &str) -> Publish {
    Publish::new(topic, qos, payload.to_owned())
}

fn filter(filter: &str) -> SubscribeFilter {
    SubscribeFilter::new(filter, QoS::AtLeastOnce)
}

const QOS0: QoS = QoS::AtMostOnce;
const QOS1: QoS = QoS::AtLeastOnce;
