//! Client and server over a pipe that delivers in pieces and breaks at any byte.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::session::Session;
use crate::{client, server};

use crate::tests::ledger::Ledger;
use crate::tests::*;

#[derive(Debug, Clone)]
enum Step {
    ClientPublishes,
    ServerPublishes,
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
    prop_oneof![
        12 => Just(Step::ClientPublishes),
        6 => Just(Step::ServerPublishes),
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

struct World {
    now: Instant,
    limit: u16,
    connection: u32,
    client: Client<u32>,
    client_input: BytesMut,
    client_owes: VecDeque<u16>,
    subscribing: BTreeSet<u16>,
    /// While there is a connection.
    server: Option<Server<u32>>,
    server_input: BytesMut,
    server_owes: VecDeque<u16>,
    remembered: Option<Session<u32>>,
    /// Of a session that the server forgot: to be delivered as new.
    requeued: Vec<(Publish, u32)>,
    /// What the client took back while there was no connection.
    taken: Vec<(Publish, u32)>,
    up: Ledger,
    down: Ledger,
}

impl World {
    fn new(limit: u16) -> Self {
        let now = Instant::now();
        Self {
            now,
            limit,
            connection: 0,
            client: Client::new(limit, now),
            client_input: BytesMut::new(),
            client_owes: VecDeque::new(),
            subscribing: BTreeSet::new(),
            server: None,
            server_input: BytesMut::new(),
            server_owes: VecDeque::new(),
            remembered: None,
            requeued: Vec::new(),
            taken: Vec::new(),
            up: Ledger::default(),
            down: Ledger::default(),
        }
    }

    fn connect(&mut self) {
        if self.server.is_some() {
            return;
        }
        self.connection += 1;
        let mut connect = Connect::new("d");
        connect.clean_start = false;
        self.client.connect(&connect, Duration::from_secs(1), self.now);
        self.server = Some(Server::new(self.limit, self.now));
    }

    fn cut(&mut self, server_remembers: bool) {
        let Some(server) = self.server.take() else { return };
        // A connection that was never accepted has no session to replace the remembered one with.
        let session =
            if server.is_connected() { Some(server.into_session()) } else { self.remembered.take() };
        if server_remembers {
            self.remembered = session;
        } else if let Some(mut session) = session {
            self.requeued.extend(session.in_flight.drain());
        }
        self.client.disconnected();
        self.client_input.clear();
        self.server_input.clear();
        self.client_owes.clear();
        self.server_owes.clear();
        self.subscribing.clear();
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::ClientPublishes => {
                let token = self.up.next;
                let room = self.client.has_room();
                let published = self.client.publish_qos1(Ledger::message(token), token, self.now);
                assert_eq!(published.is_ok(), room);
                if room {
                    self.up.published(self.connection);
                }
            }
            Step::ServerPublishes => {
                let token = self.down.next;
                let Some(server) = self.server.as_mut().filter(|server| server.has_room()) else { return };
                assert!(server.publish_qos1(Ledger::message(token), token).is_ok());
                self.down.published(self.connection);
            }
            Step::Upstream(bytes) => self.upstream(bytes),
            Step::Downstream(bytes) => self.downstream(bytes),
            Step::ServerAcknowledges(count) => {
                let Some(server) = &mut self.server else { return };
                for id in self.server_owes.drain(..count.min(self.server_owes.len())) {
                    server.acknowledge(id);
                }
            }
            Step::ClientAcknowledges(count) => {
                for id in self.client_owes.drain(..count.min(self.client_owes.len())) {
                    self.client.acknowledge(id, self.now);
                }
            }
            Step::Subscribe => {
                let filters = vec![SubscribeFilter::new("a", QoS::AtLeastOnce)];
                self.subscribing.extend(self.client.subscribe(filters, self.now));
            }
            Step::Cut { server_remembers } => self.cut(server_remembers),
            Step::Connect => self.connect(),
            Step::Abandon(rest) => {
                for token in self.client.abandon(|token| token % 5 == rest) {
                    self.up.abandoned(token);
                }
            }
            Step::TakeOffline => {
                if self.server.is_none() {
                    self.taken.extend(self.client.take_unacknowledged());
                    assert_eq!(self.client.in_flight(), 0);
                }
            }
        }
    }

    fn upstream(&mut self, bytes: usize) {
        let Some(server) = &mut self.server else { return };
        let output = self.client.output();
        self.server_input.unsplit(output.split_to(bytes.min(output.len())));
        while let Some(event) = server.poll(&mut self.server_input, self.now).unwrap() {
            match event {
                server::Event::Connect(_) => {
                    server.accept(self.remembered.take(), self.now);
                    for (publish, token) in std::mem::take(&mut self.requeued) {
                        self.down.republished(token, self.connection);
                        assert!(server.publish_qos1(publish, token).is_ok());
                    }
                }
                server::Event::Publish(publish) => {
                    self.up.arrived(&publish, self.connection);
                    self.server_owes.push_back(publish.packet_id);
                }
                server::Event::Acknowledged(token) => self.down.acknowledged(token),
                server::Event::Subscribe(subscribe) => {
                    server.suback(subscribe.packet_id, vec![ReasonCode::GrantedQoS1]);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn downstream(&mut self, bytes: usize) {
        let Some(server) = &mut self.server else { return };
        let output = server.output();
        self.client_input.unsplit(output.split_to(bytes.min(output.len())));
        while let Some(event) = self.client.poll(&mut self.client_input, self.now).unwrap() {
            match event {
                client::Event::Connected { session_present } => {
                    let mut again = std::mem::take(&mut self.taken);
                    let forgotten: Vec<_> = self.client.take_unacknowledged().collect();
                    assert!(!session_present || forgotten.is_empty());
                    again.extend(forgotten);
                    for (publish, token) in again {
                        self.up.republished(token, self.connection);
                        assert!(self.client.publish_qos1(publish, token, self.now).is_ok());
                    }
                }
                client::Event::Message(publish) => {
                    self.down.arrived(&publish, self.connection);
                    self.client_owes.push_back(publish.packet_id);
                }
                client::Event::Acknowledged(token) => self.up.acknowledged(token),
                client::Event::Subscribed { packet_id, .. } => assert!(self.subscribing.remove(&packet_id)),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Lets everything through until both sides are quiet.
    fn settle(&mut self) {
        self.connect();
        for _ in 0..10 {
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

    /// Each message comes at least once, first ones in order, marked as a duplicate only when sent again;
    /// each token comes back exactly once.
    #[test]
    fn nothing_is_lost_or_answered_twice(limit in 1u16..8, steps in prop::collection::vec(any_step(), 0..150)) {
        let mut world = World::new(limit);
        for step in &steps {
            world.step(step);
        }
        world.settle();
        prop_assert_eq!(&world.up.open, &BTreeSet::new());
        prop_assert_eq!(&world.down.open, &BTreeSet::new());
        prop_assert_eq!(world.client.in_flight(), 0);
        prop_assert_eq!(world.client.tokens().count(), 0);
        prop_assert_eq!(&world.subscribing, &BTreeSet::new());
    }
}
