//! Client and server over a pipe that delivers in pieces and breaks at any byte, in both versions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::session::Session;
use crate::{client, server};

use crate::tests::ledger::Ledger;
use crate::tests::*;

#[derive(Debug, Clone)]
enum Step {
    ClientPublishes(QoS),
    ServerPublishes(QoS),
    /// At most so many bytes get through.
    Upstream(usize),
    Downstream(usize),
    /// The sides acknowledge at most so many of the messages they have, in order [MQTT-4.6.0-2].
    ServerAcknowledges(usize),
    ClientAcknowledges(usize),
    Subscribe,
    Cut {
        server_remembers: bool,
    },
    Connect,
    /// The client gives up on the tokens that leave this remainder by five.
    Abandon(u32),
    /// The client takes back what is unacknowledged while there is no connection.
    TakeOffline,
}

fn any_step() -> impl Strategy<Value = Step> {
    let bytes = || prop_oneof![0usize..8, 0usize..200];
    let qos = || prop_oneof![Just(QoS::AtLeastOnce), Just(QoS::ExactlyOnce)];
    prop_oneof![
        12 => qos().prop_map(Step::ClientPublishes),
        6 => qos().prop_map(Step::ServerPublishes),
        12 => bytes().prop_map(Step::Upstream),
        12 => bytes().prop_map(Step::Downstream),
        5 => (0usize..6).prop_map(Step::ServerAcknowledges),
        5 => (0usize..6).prop_map(Step::ClientAcknowledges),
        2 => Just(Step::Subscribe),
        2 => any::<bool>().prop_map(|server_remembers| Step::Cut { server_remembers }),
        8 => Just(Step::Connect),
        1 => (0u32..5).prop_map(Step::Abandon),
        1 => Just(Step::TakeOffline),
    ]
}

/// What the sides tell each other in MQTT 5: Receive Maximum and Topic Alias Maximum.
#[derive(Debug, Clone, Copy)]
struct Told {
    receive_maximum: u16,
    aliases: u16,
}

impl Told {
    fn properties(self) -> Properties {
        let builder = PropertiesBuilder::new().receive_maximum(self.receive_maximum);
        builder.topic_alias_maximum(self.aliases).build().unwrap()
    }
}

fn any_told() -> impl Strategy<Value = Told> {
    (1u16..6, 0u16..4).prop_map(|(receive_maximum, aliases)| Told { receive_maximum, aliases })
}

struct World {
    now: Instant,
    level: Level,
    limit: u16,
    client_told: Told,
    server_told: Told,
    connection: u32,
    client: Client<u32>,
    client_input: BytesMut,
    client_owes: VecDeque<(u16, QoS)>,
    subscribing: BTreeSet<u16>,
    /// While there is a connection.
    server: Option<Server<u32>>,
    server_input: BytesMut,
    server_owes: VecDeque<(u16, QoS)>,
    remembered: Option<Session<u32>>,
    /// The server began a new session, and the client has not heard of it. Were it to continue, the client would take it for
    /// the old one: MQTT cannot tell, and QoS 2 is at an end.
    is_unheard: bool,
    /// Of a session that the server forgot: to be delivered as new.
    requeued: VecDeque<(Publish, u32)>,
    /// What the client took back while there was no connection, or the server forgot.
    taken: VecDeque<(Publish, u32)>,
    up: Ledger,
    down: Ledger,
}

impl World {
    fn new(level: Level, limit: u16, client_told: Told, server_told: Told) -> Self {
        let now = Instant::now();
        Self {
            now,
            level,
            limit,
            client_told,
            server_told,
            connection: 0,
            client: Client::new(limit, now).with_qos2(),
            client_input: BytesMut::new(),
            client_owes: VecDeque::new(),
            subscribing: BTreeSet::new(),
            server: None,
            server_input: BytesMut::new(),
            server_owes: VecDeque::new(),
            remembered: None,
            is_unheard: false,
            requeued: VecDeque::new(),
            taken: VecDeque::new(),
            up: Ledger::default(),
            down: Ledger::default(),
        }
    }

    fn properties(&self, told: Told) -> Properties {
        if self.level == Level::Mqtt5 { told.properties() } else { Properties::default() }
    }

    fn connect(&mut self) {
        if self.server.is_some() {
            return;
        }
        self.connection += 1;
        let mut connect = Connect::new("d");
        connect.level = self.level;
        connect.clean_start = false;
        connect.properties = self.properties(self.client_told);
        self.client.connect(&connect, Duration::from_secs(1), self.now);
        self.server = Some(Server::new(self.limit, self.now).with_mqtt5().with_qos2());
    }

    fn cut(&mut self, server_remembers: bool) {
        let Some(server) = self.server.take() else { return };
        // A connection that was never accepted has no session to replace the remembered one with.
        let session =
            if server.is_connected() { Some(server.into_session()) } else { self.remembered.take() };
        if server_remembers && !self.is_unheard {
            self.remembered = session;
            self.server_owes.retain(|(_, qos)| *qos == QoS::ExactlyOnce);
        } else if let Some(mut session) = session {
            for message in session.take_unacknowledged() {
                self.requeued.extend(self.down.lost(message));
            }
            self.server_owes.clear();
        }
        self.client.disconnected();
        self.client_input.clear();
        self.server_input.clear();
        self.client_owes.retain(|(_, qos)| *qos == QoS::ExactlyOnce);
        self.subscribing.clear();
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::ClientPublishes(qos) => {
                let room = self.client.has_room() && self.taken.is_empty();
                if !room {
                    return;
                }
                let (message, token) = (self.up.message(qos), self.up.next);
                self.client.publish(message, token, self.now, self.now).unwrap();
                self.up.published(qos, self.connection);
            }
            Step::ServerPublishes(qos) => {
                let Some(server) = self.server.as_mut().filter(|server| server.has_room()) else { return };
                if self.requeued.is_empty() {
                    let (message, token) = (self.down.message(qos), self.down.next);
                    server.publish(message, token, self.now, self.now).unwrap();
                    self.down.published(qos, self.connection);
                }
            }
            Step::Upstream(bytes) => self.upstream(bytes),
            Step::Downstream(bytes) => self.downstream(bytes),
            Step::ServerAcknowledges(count) => {
                // Until it is accepted, a connection is not the session's.
                let Some(server) = self.server.as_mut().filter(|server| server.is_connected()) else {
                    return;
                };
                for (id, _) in self.server_owes.drain(..count.min(self.server_owes.len())) {
                    server.acknowledge(id, ReasonCode::Success);
                }
            }
            Step::ClientAcknowledges(count) => {
                for (id, _) in self.client_owes.drain(..count.min(self.client_owes.len())) {
                    self.client.acknowledge(id, ReasonCode::Success, self.now);
                }
            }
            Step::Subscribe => {
                let subscribe = Subscribe::new("a", QoS::AtLeastOnce);
                self.subscribing.extend(self.client.subscribe(subscribe, self.now));
            }
            Step::Cut { server_remembers } => self.cut(server_remembers),
            Step::Connect => self.connect(),
            Step::Abandon(rest) => {
                for token in self.client.abandon(|token| token % 5 == rest) {
                    self.up.closed(token);
                }
            }
            Step::TakeOffline => {
                if self.server.is_none() {
                    self.take_back();
                    assert_eq!(self.client.in_flight(), 0);
                }
            }
        }
    }

    fn take_back(&mut self) {
        for message in self.client.take_unacknowledged() {
            self.taken.extend(self.up.lost(message));
        }
    }

    fn upstream(&mut self, bytes: usize) {
        let Some(server) = &mut self.server else { return };
        let output = self.client.output();
        self.server_input.unsplit(output.split_to(bytes.min(output.len())));
        while let Some(event) = server.poll(&mut self.server_input, self.now).unwrap() {
            match event {
                server::Event::Connect(connect) => {
                    let is_v5 = connect.level == Level::Mqtt5;
                    let told = if is_v5 { self.server_told.properties() } else { Properties::default() };
                    self.is_unheard = self.remembered.is_none();
                    server.accept(self.remembered.take(), told, self.now);
                }
                server::Event::Publish(publish) => {
                    self.up.arrived(&publish, self.connection);
                    self.server_owes.push_back((publish.packet_id, publish.qos));
                }
                server::Event::Acknowledged { token, .. } => self.down.acknowledged(token),
                server::Event::Subscribe(subscribe) => {
                    server.suback(subscribe.packet_id, vec![ReasonCode::GrantedQoS1]);
                }
                other => panic!("{other:?}"),
            }
        }
        while server.has_room()
            && let Some((publish, token)) = self.requeued.pop_front()
        {
            self.down.republished(token, self.connection);
            server.publish(publish, token, self.now, self.now).unwrap();
        }
    }

    fn downstream(&mut self, bytes: usize) {
        let Some(server) = &mut self.server else { return };
        let output = server.output();
        self.client_input.unsplit(output.split_to(bytes.min(output.len())));
        while let Some(event) = self.client.poll(&mut self.client_input, self.now).unwrap() {
            match event {
                client::Event::Connected { session_present, .. } => {
                    self.is_unheard = false;
                    if !session_present {
                        self.client_owes.clear();
                    }
                    self.take_back();
                }
                client::Event::Message(publish) => {
                    self.down.arrived(&publish, self.connection);
                    self.client_owes.push_back((publish.packet_id, publish.qos));
                }
                client::Event::Acknowledged { token, .. } => self.up.acknowledged(token),
                client::Event::Subscribed { packet_id, .. } => assert!(self.subscribing.remove(&packet_id)),
                other => panic!("{other:?}"),
            }
        }
        while self.client.has_room()
            && let Some((publish, token)) = self.taken.pop_front()
        {
            self.up.republished(token, self.connection);
            self.client.publish(publish, token, self.now, self.now).unwrap();
        }
    }

    /// Lets everything through until both sides are quiet.
    fn settle(&mut self) {
        self.connect();
        // One message at a time takes longest.
        for _ in 0..60 {
            let is_quiet =
                self.up.open.is_empty() && self.down.open.is_empty() && self.subscribing.is_empty();
            if is_quiet && self.client.is_connected() && self.client.in_flight() == 0 {
                return;
            }
            for step in [
                Step::Upstream(usize::MAX),
                Step::ServerAcknowledges(usize::MAX),
                Step::Downstream(usize::MAX),
                Step::ClientAcknowledges(usize::MAX),
            ] {
                self.step(&step);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Each message comes at least once, at QoS 2 exactly once, first ones in order, marked as a duplicate only when sent
    /// again; each token comes back exactly once. In MQTT 5 neither side exceeds what the other takes, or the other ends
    /// the connection.
    #[test]
    fn nothing_is_lost_or_answered_twice(
        level in prop_oneof![Just(Level::Mqtt311), Just(Level::Mqtt5)],
        limit in 1u16..8,
        client_told in any_told(),
        server_told in any_told(),
        steps in prop::collection::vec(any_step(), 0..150),
    ) {
        let mut world = World::new(level, limit, client_told, server_told);
        for step in &steps {
            world.step(step);
        }
        world.settle();
        prop_assert_eq!(&world.up.open, &BTreeMap::default());
        prop_assert_eq!(&world.down.open, &BTreeMap::default());
        prop_assert_eq!(world.client.in_flight(), 0);
        prop_assert_eq!(world.client.tokens().count(), 0);
        prop_assert_eq!(&world.subscribing, &BTreeSet::new());
    }
}
