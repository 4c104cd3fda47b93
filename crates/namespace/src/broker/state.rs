//! What a broker knows, and what may be asked of it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use crate::access::Access;
use crate::behaviours::Behaviours;
use crate::durable::Recorder;
use crate::life_cycle::LifeCycleLog;
use crate::limits::Limits;
use crate::messages::MessageLog;
use crate::resources::Directory;
use crate::routing::{Retained, Subscriptions};
use azmqtt_local::faults::Random;

use super::connection::Connection;
use super::message::Match;
use super::orphans::Orphan;
use super::outcome::End;
use super::rates::{Meter, Throttle};
use super::session::Link;
use super::sessions::Sessions;
use super::wakes::Wakes;
use super::wills::DueWill;

/// The last bytes of a connection, and why it is over.
#[derive(Debug)]
pub struct Farewell {
    /// To be written, as far as the client takes them.
    pub output: BytesMut,
    /// The record that must be on the disk before, or 0.
    pub after: u64,
    /// Why.
    pub end: End,
}

/// What a connection comes to next.
#[derive(Debug, Clone, Copy)]
pub struct Outlook {
    /// When the client counts as gone unless something comes before.
    pub silent_at: Instant,
    /// When more may be sent to the client, if the rates of the service hold it back: ask for [`Broker::output`] then.
    pub sends_at: Option<Instant>,
    /// Whether messages wait for the client that may find room once the output is written.
    pub waits: bool,
    /// Whether output waits for what is to be on the disk first.
    pub is_held: bool,
}

/// A namespace's broker.
#[derive(Debug)]
pub struct Broker {
    pub(super) limits: Limits,
    pub(super) behaviours: Behaviours,
    pub(super) directory: Directory,
    pub(super) access: Access,
    /// Whether clients are let in.
    pub(super) is_enabled: bool,
    /// How long a change of the resources takes to have an effect, and when the last one does.
    pub(super) propagation: Duration,
    pub(super) changes_at: Option<Instant>,
    pub(super) sessions: Sessions,
    pub(super) subscriptions: Subscriptions,
    pub(super) retained: Retained,
    /// What comes in within a second.
    pub(super) throttle: Throttle,
    /// Connections that are over, until their tasks ask.
    pub(super) farewells: HashMap<u64, Farewell>,
    pub(super) connections: u64,
    /// Which member of a shared group is next.
    pub(super) random: Random,
    /// Room for the matches of one message.
    pub(super) matches: Vec<Match>,
    /// How many messages were published.
    pub(super) messages: u64,
    /// Deliveries, and places that were looked at for kept messages, since a connection's turn began.
    pub(super) work: usize,
    /// What was published, for tests to look at.
    pub(super) log: Option<Arc<MessageLog>>,
    /// Whose tasks are to be woken.
    pub(super) wakes: Wakes,
    /// Wills whose time has come.
    pub(super) due_wills: Vec<DueWill>,
    /// Messages that somebody did not get because too much was waiting.
    pub(super) dropped: u64,
    /// What waited for members of shared groups that are gone.
    pub(super) orphans: VecDeque<Orphan>,
    /// The recent events about denied actions.
    pub(super) denials: Meter,
    /// Who connected, who went and why.
    pub(super) life_cycle: Arc<LifeCycleLog>,
    /// Where it writes down what is to outlast it, if anywhere.
    pub(super) recorder: Option<Recorder>,
    /// Connections whose output waits for the disk.
    pub(super) held: Vec<Connection>,
}

impl Broker {
    /// Nobody is there yet.
    pub fn new(limits: Limits, behaviours: Behaviours) -> Self {
        Self {
            directory: Directory::new(limits.clients),
            retained: Retained::new(limits.retained),
            throttle: Throttle::new(limits.rates.clone()),
            limits,
            behaviours,
            access: Access::default(),
            is_enabled: true,
            propagation: Duration::ZERO,
            changes_at: None,
            sessions: Sessions::default(),
            subscriptions: Subscriptions::default(),
            farewells: HashMap::new(),
            connections: 0,
            random: Random::new(0),
            matches: Vec::new(),
            messages: 0,
            work: 0,
            log: None,
            wakes: Wakes::default(),
            due_wills: Vec::new(),
            dropped: 0,
            orphans: VecDeque::new(),
            denials: Meter::default(),
            life_cycle: Arc::default(),
            recorder: None,
            held: Vec::new(),
        }
    }

    /// The same, in which a change of the resources has its effect so much later.
    #[must_use]
    pub fn with_propagation(mut self, propagation: Duration) -> Self {
        self.propagation = propagation;
        self
    }

    /// The same, which records there what is published.
    #[must_use]
    pub fn with_log(mut self, log: Option<Arc<MessageLog>>) -> Self {
        self.log = log;
        self
    }

    /// What it bounds.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What it does where the service is unknown.
    pub fn behaviours(&self) -> &Behaviours {
        &self.behaviours
    }

    /// Who connected, who went and why.
    pub fn life_cycle(&self) -> &Arc<LifeCycleLog> {
        &self.life_cycle
    }

    /// Its resources.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// How many sessions there are, connected or not.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// How many connections there are.
    pub fn connected(&self) -> usize {
        self.sessions.connected()
    }

    /// Whether the session of this client identifier has a connection.
    pub fn is_connected(&self, client_id: &str) -> bool {
        let session = self.sessions.find(client_id).and_then(|key| self.sessions.get(key));
        session.is_some_and(|session| matches!(session.link, Link::Online(_)))
    }

    /// How many subscriptions there are.
    pub fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    /// The messages that are kept.
    pub fn retained(&self) -> &Retained {
        &self.retained
    }

    /// How many messages somebody did not get because too much was waiting for them.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Moves what is to be written to the connection's client to `output` if that is empty, and has `waker` woken when there
    /// is more. `None` if the connection is over: ask for its [`Self::farewell`].
    pub fn output(
        &mut self,
        connection: Connection,
        output: &mut BytesMut,
        waker: &Waker,
        now: Instant,
    ) -> Option<Outlook> {
        self.send_waiting(connection.session, now);
        if !self.check_kept(connection, now) {
            return None;
        }
        let session = self.sessions.of(connection)?;
        let waits = !session.queue.is_empty();
        let online = session.online()?;
        self.wakes.settle(online);
        online.park(waker);
        if !online.is_held && output.is_empty() && !online.server.output().is_empty() {
            std::mem::swap(output, online.server.output());
        }
        let (silent_at, sends_at, is_held) = (online.server.deadline(), online.sends_at, online.is_held);
        Some(Outlook { silent_at, sends_at, waits, is_held })
    }

    /// Wakes the next clients that were put off: whether there are more, who are to be woken after others had their turn.
    /// If not, `waker` is woken when there are.
    pub fn wake_some(&mut self, waker: &Waker) -> bool {
        self.wakes.wake_some(&mut self.sessions, waker)
    }

    /// Bytes came in of which nothing has come out yet, as within a TLS record.
    pub fn received_part(&mut self, connection: Connection, at: Instant) {
        if let Some(online) = self.sessions.online(connection) {
            online.server.received_part(at);
        }
    }

    /// What is left of a connection that is over; once.
    pub fn farewell(&mut self, connection: Connection) -> Option<Farewell> {
        self.farewells.remove(&connection.number)
    }

    /// Whether there are connections whose last words nobody has asked for.
    pub fn has_farewells(&self) -> bool {
        !self.farewells.is_empty()
    }
}
