//! The rules of a hub, and what has fired.

use std::collections::{HashMap, VecDeque};
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;

use super::agenda::Agenda;
use super::fault::{
    AcceptFault, Answer, ConnectFault, Fault, Received, ReceivedFault, RequestFault, Sent, SentFault,
    TwinRequest,
};
use super::rule::{Active, Rule, Target};
use crate::id::Id;
use azmqtt_local::faults::FaultError;
use azmqtt_net::sync::{Condvar, Mutex};

/// Rules that may be set at a time.
pub const MAX_RULES: usize = 1000;

/// Rules that are over and can still be asked about.
const MAX_OVER: usize = 1000;

/// The longest device or module id (IoT Hub docs, "Identity registry": up to 128 characters).
const MAX_ID: usize = 128;

/// Faults that are remembered.
const MAX_FIRED: usize = 10_000;

/// A fault that has happened.
#[derive(Clone, Debug)]
pub struct Fired {
    /// Counts the faults of the hub, from 1.
    pub sequence: u64,
    /// Of the rule, or 0 for a fault that a device asked for.
    pub rule: u64,
    /// `device` or `device/module`; empty where nobody knows.
    pub device: String,
    /// What happened, in words.
    pub fault: String,
    /// When.
    pub time: SystemTime,
}

/// A rule and its counts.
#[derive(Clone, Debug)]
pub struct RuleStatus {
    /// Counts the rules of the hub, from 1.
    pub id: u64,
    /// As it was set.
    pub rule: Rule,
    /// How often it has fired.
    pub fired: u64,
    /// Whether it will not fire again.
    pub over: bool,
}

/// What a fault does to a packet of a device.
pub enum Disturbance {
    Fault(ReceivedFault),
    Refuse(Answer),
    /// It is over its rate, and is looked at that much later.
    Shape(Duration),
    /// The hub's messages of the day are used up.
    Quota,
}

/// The rules of a hub. Where none is set, asking costs one load.
#[derive(Default)]
pub struct Faults {
    armed: AtomicBool,
    books: Mutex<Books>,
    happened: Condvar,
    /// The agenda of faults to come has changed.
    pub(super) sooner: Notify,
}

#[derive(Default)]
pub(super) struct Books {
    last_id: u64,
    active: Vec<Active>,
    over: VecDeque<Active>,
    fired: VecDeque<Fired>,
    total: u64,
    pub(super) agenda: Agenda,
    /// The newest rule of each kind that each device has asked for.
    asked: HashMap<(Target, String), u64>,
}

impl Faults {
    /// Whether any rule is set that waits for a moment.
    pub fn is_armed(&self) -> bool {
        self.armed.load(Ordering::Relaxed)
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        // Nothing that runs under this lock can leave it half-changed.
        self.books.lock()
    }

    /// Sets a rule that waits for its moment. Its id.
    pub(super) fn arm(&self, rule: Rule, now: Instant) -> Result<u64, FaultError> {
        let mut books = self.books();
        let id = books.next_id();
        self.arm_as(&mut books, id, rule, now).map(|()| id)
    }

    /// [`Self::arm`] with an id that was given before.
    pub(super) fn arm_as(
        &self,
        books: &mut Books,
        id: u64,
        rule: Rule,
        now: Instant,
    ) -> Result<(), FaultError> {
        books.retire(now);
        if books.active.len() >= MAX_RULES {
            return Err(FaultError(format!("{MAX_RULES} rules are set already, the limit of a hub")));
        }
        books.active.push(Active::new(id, rule, now));
        self.armed.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Notes a rule that has happened at once, to these connections.
    pub(super) fn note_struck(&self, id: u64, rule: Rule, hit: &[String]) {
        let mut books = self.books();
        let words = rule.fault.to_string();
        let mut done = Active::new(id, rule, Instant::now());
        done.fired = hit.len() as u64;
        books.put_away(done);
        for device in hit {
            books.note(id, device.clone(), words.clone());
        }
        drop(books);
        self.happened.notify_all();
    }

    /// Takes a rule away; false if it is not set any more.
    pub fn remove(&self, id: u64) -> bool {
        let mut books = self.books();
        let planned = books.agenda.remove(id);
        let Some(at) = books.active.iter().position(|active| active.id == id) else { return planned };
        let mut removed = books.active.remove(at);
        removed.rule.when.count = Some(removed.fired);
        books.put_away(removed);
        self.armed.store(!books.active.is_empty(), Ordering::Relaxed);
        true
    }

    /// Takes all rules and plans away; how many rules there were.
    pub fn clear(&self) -> usize {
        let mut books = self.books();
        let planned = books.agenda.clear();
        let active = std::mem::take(&mut books.active);
        let count = active.len();
        for mut rule in active {
            rule.rule.when.count = Some(rule.fired);
            books.put_away(rule);
        }
        self.armed.store(false, Ordering::Relaxed);
        count + planned
    }

    /// Every rule that is known: those that are over first.
    pub fn rules(&self) -> Vec<RuleStatus> {
        let now = Instant::now();
        let mut books = self.books();
        books.retire(now);
        let status = |active: &Active, over| RuleStatus {
            id: active.id,
            rule: active.rule.clone(),
            fired: active.fired,
            over,
        };
        let mut rules: Vec<_> = books.over.iter().map(|rule| status(rule, true)).collect();
        rules.extend(books.active.iter().map(|rule| status(rule, false)));
        rules
    }

    /// What has happened after the fault with the number `after`, oldest first.
    pub fn fired(&self, after: u64) -> Vec<Fired> {
        self.books().fired.iter().filter(|fired| fired.sequence > after).cloned().collect()
    }

    /// Blocks until the rule has fired `count` times, or until `timeout`. How often it has; `None` for a rule that is not
    /// known any more.
    pub fn wait(&self, id: u64, count: u64, timeout: Duration) -> Option<u64> {
        let fired = |books: &Books| books.fired_of(id);
        let waited = self.happened.wait_timeout_while(self.books(), timeout, |books| {
            fired(books).is_some_and(|fired| fired < count)
        });
        fired(&waited.0)
    }

    /// Makes room for a fault that a device asks for: it has one of each kind, however often it asks, so that it uses up
    /// neither the rules of the hub nor its agenda. False if one is planned already; one that is set is taken away.
    pub(super) fn make_room(&self, target: &Target, fault: &Fault) -> bool {
        let mut books = self.books();
        let Some(id) = books.asked.remove(&(target.clone(), fault.to_string())) else { return true };
        if books.agenda.has(id) {
            books.asked.insert((target.clone(), fault.to_string()), id);
            return false;
        }
        drop(books);
        self.remove(id);
        true
    }

    /// Remembers a rule as one that a device asked for.
    pub(super) fn asked_for(&self, target: Target, fault: &Fault, id: u64) {
        let mut books = self.books();
        if books.asked.len() >= MAX_RULES {
            // Of so many devices, each may have one more.
            books.asked.clear();
        }
        books.asked.insert((target, fault.to_string()), id);
    }

    /// Notes a fault that a device asked for.
    pub(super) fn note(&self, device: String, words: String) {
        self.books().note(0, device, words);
        self.happened.notify_all();
    }

    /// A TCP connection opened.
    pub fn at_accept(&self, now: Instant) -> Option<AcceptFault> {
        self.ask(None, now, |fault, _| match fault {
            Fault::Accept(fault) => Some(*fault),
            _ => None,
        })
    }

    /// A client asks to be connected.
    pub fn at_connect(&self, id: Id<'_>, now: Instant) -> Option<ConnectFault> {
        self.ask(Some(id), now, |fault, _| match fault {
            Fault::Connect(fault) => Some(*fault),
            _ => None,
        })
    }

    /// A packet came in.
    pub fn at_received(&self, id: Id<'_>, what: Received, now: Instant) -> Option<Disturbance> {
        self.ask(Some(id), now, |fault, left| match fault {
            Fault::Received(of, fault) if *of == what || *of == Received::Any => {
                Some(Disturbance::Fault(fault.clone()))
            }
            Fault::TwinRequest(of, answer) if of.includes(what) => Some(Disturbance::Refuse(*answer)),
            Fault::Throttle if what == Received::Telemetry => {
                Some(Disturbance::Shape(left.unwrap_or(THROTTLED)))
            }
            Fault::Throttle if TwinRequest::Any.includes(what) => {
                Some(Disturbance::Refuse(Answer { status: 429, retry_after: Some(seconds(left)) }))
            }
            Fault::QuotaExceeded if what == Received::Telemetry => Some(Disturbance::Quota),
            _ => None,
        })
    }

    /// A packet is about to go out; also whether the rule is for all packets.
    pub fn at_sent(&self, id: Id<'_>, what: Sent, now: Instant) -> Option<(SentFault, bool)> {
        self.ask(Some(id), now, |fault, _| match fault {
            Fault::Sent(Sent::Any, fault) => Some((*fault, true)),
            Fault::Sent(of, fault) if *of == what => Some((*fault, what == Sent::Connack)),
            _ => None,
        })
    }

    /// A request came in over HTTPS; `id` is whom it is about.
    pub fn at_request(
        &self,
        id: Option<Id<'_>>,
        method: &str,
        path: &str,
        now: Instant,
    ) -> Option<RequestFault> {
        self.ask(id, now, |fault, left| match fault {
            Fault::Request(which, fault)
                if which.method.as_deref().is_none_or(|wanted| wanted == method)
                    && which.path.as_deref().is_none_or(|prefix| path.starts_with(prefix)) =>
            {
                Some(*fault)
            }
            Fault::QuotaExceeded if method == "POST" && path.ends_with("/messages/events") => {
                Some(RequestFault::Answer(Answer { status: 403, retry_after: None }))
            }
            Fault::Throttle => {
                Some(RequestFault::Answer(Answer { status: 429, retry_after: Some(seconds(left)) }))
            }
            _ => None,
        })
    }

    /// The first rule that fires, of those whose moment it is.
    fn ask<T>(
        &self,
        id: Option<Id<'_>>,
        now: Instant,
        pick: impl Fn(&Fault, Option<Duration>) -> Option<T>,
    ) -> Option<T> {
        if !self.is_armed() {
            return None;
        }
        // Whoever asks to be connected may call itself anything: only what may be an id is remembered.
        let id = id.filter(|id| id.device.len() <= MAX_ID && id.module.is_none_or(|id| id.len() <= MAX_ID));
        let mut books = self.books();
        books.retire(now);
        let mut found = None;
        for active in &mut books.active {
            if !active.rule.target.includes(id) {
                continue;
            }
            let left = active.left(now);
            let Some(picked) = pick(&active.rule.fault, left) else { continue };
            if active.fires(id, now) {
                found = Some((picked, active.id, active.rule.fault.to_string()));
                break;
            }
        }
        if let Some((_, rule, words)) = &found {
            books.note(*rule, id.map(|id| id.to_string()).unwrap_or_default(), words.clone());
            books.retire(now);
        }
        self.armed.store(!books.active.is_empty(), Ordering::Relaxed);
        drop(books);
        let (picked, ..) = found?;
        self.happened.notify_all();
        Some(picked)
    }
}

/// How long a message of a throttled device waits when nobody says when it ends: as the hub's own throttles have it.
const THROTTLED: Duration = Duration::from_secs(60);

fn seconds(left: Option<Duration>) -> u64 {
    left.unwrap_or(THROTTLED).as_secs().max(1)
}

impl TwinRequest {
    fn includes(self, what: Received) -> bool {
        match what {
            Received::TwinGet => self != Self::Patch,
            Received::TwinPatch => self != Self::Get,
            _ => false,
        }
    }
}

impl Books {
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn fired_of(&self, id: u64) -> Option<u64> {
        if self.agenda.has(id) {
            return Some(0);
        }
        self.active.iter().chain(&self.over).find(|rule| rule.id == id).map(|rule| rule.fired)
    }

    /// Puts away the rules that will not fire again.
    fn retire(&mut self, now: Instant) {
        while let Some(at) = self.active.iter().position(|active| active.is_over(now)) {
            let over = self.active.remove(at);
            self.put_away(over);
        }
    }

    fn put_away(&mut self, rule: Active) {
        if self.over.len() >= MAX_OVER {
            self.over.pop_front();
        }
        self.over.push_back(rule);
    }

    fn note(&mut self, rule: u64, device: String, fault: String) {
        self.total += 1;
        if self.fired.len() >= MAX_FIRED {
            self.fired.pop_front();
        }
        let sequence = self.total;
        self.fired.push_back(Fired { sequence, rule, device, fault, time: SystemTime::now() });
    }
}
