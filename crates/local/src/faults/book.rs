//! The rules of a service, and what has fired.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::agenda::Agenda;
use super::fault::{ServiceFault, ServiceTarget};
use super::json_fields::FaultError;
use super::rule::{Active, Rule};
use crate::watch::{Event, Events, Members};
use azmqtt_net::sync::{Condvar, Mutex};

/// The type of the events of faults that have happened.
pub const STRUCK: &str = "fault.struck";

/// Rules that may be set at a time.
pub const MAX_RULES: usize = 1000;

/// Rules that are over and can still be asked about.
const MAX_OVER: usize = 1000;

/// Faults that are remembered.
const MAX_FIRED: usize = 10_000;

/// A fault that has happened.
#[derive(Clone, Debug)]
pub struct Fired {
    /// Counts the faults of the service, from 1.
    pub sequence: u64,
    /// Of the rule, or 0 for a fault that a client asked for.
    pub rule: u64,
    /// Whom it happened to; empty where nobody knows.
    pub whose: String,
    /// What happened, in words.
    pub fault: String,
    /// When.
    pub time: SystemTime,
}

/// A rule and its counts.
#[derive(Clone, Debug)]
pub struct RuleStatus<F, T> {
    /// Counts the rules of the service, from 1.
    pub id: u64,
    /// As it was set.
    pub rule: Rule<F, T>,
    /// How often it has fired.
    pub fired: u64,
    /// Whether it will not fire again.
    pub over: bool,
}

impl Fired {
    /// As the REST APIs of services show it; `whose` is their name for whom it happened to.
    pub fn to_json(&self, whose: &str) -> Value {
        let time = self.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        json!({
            "sequence": self.sequence,
            "id": self.rule,
            whose: self.whose,
            "fault": self.fault,
            "time": time.as_secs_f64(),
        })
    }
}

impl<F: ServiceFault, T: ServiceTarget> RuleStatus<F, T> {
    /// As the REST APIs of services show it.
    pub fn to_json(&self) -> Value {
        json!({ "id": self.id, "fired": self.fired, "over": self.over, "rule": self.rule.to_json() })
    }
}

/// The rules of a service. Where none is set, asking costs one load.
pub struct RuleBook<F, T> {
    armed: AtomicBool,
    books: Mutex<Books<F, T>>,
    happened: Condvar,
    /// The agenda of faults to come has changed.
    pub(super) sooner: Notify,
}

impl<F, T> Default for RuleBook<F, T> {
    fn default() -> Self {
        Self {
            armed: AtomicBool::new(false),
            books: Mutex::default(),
            happened: Condvar::new(),
            sooner: Notify::new(),
        }
    }
}

pub(super) struct Books<F, T> {
    last_id: u64,
    active: Vec<Active<F, T>>,
    over: VecDeque<Active<F, T>>,
    fired: VecDeque<Fired>,
    total: u64,
    events: Option<Arc<Events>>,
    pub(super) agenda: Agenda<F, T>,
}

impl<F, T> Default for Books<F, T> {
    fn default() -> Self {
        Self {
            last_id: 0,
            active: Vec::new(),
            over: VecDeque::new(),
            fired: VecDeque::new(),
            total: 0,
            events: None,
            agenda: Agenda::default(),
        }
    }
}

impl<F: ServiceFault, T: Clone> RuleBook<F, T> {
    /// Has what happens be told as events `fault.struck`, too.
    pub fn tell(&self, events: Arc<Events>) {
        self.books().events = Some(events);
    }

    /// Whether any rule is set that waits for a moment.
    pub fn is_armed(&self) -> bool {
        self.armed.load(Ordering::Relaxed)
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books<F, T>> {
        // Nothing that runs under this lock can leave it half-changed.
        self.books.lock()
    }

    /// Sets a rule that waits for its moment. Its id.
    ///
    /// # Errors
    /// Too many are set.
    pub fn arm(&self, rule: Rule<F, T>, now: Instant) -> Result<u64, FaultError> {
        let mut books = self.books();
        let id = books.next_id();
        self.arm_as(&mut books, id, rule, now).map(|()| id)
    }

    /// [`Self::arm`] with an id that was given before.
    pub(super) fn arm_as(
        &self,
        books: &mut Books<F, T>,
        id: u64,
        rule: Rule<F, T>,
        now: Instant,
    ) -> Result<(), FaultError> {
        books.retire(now);
        if books.active.len() >= MAX_RULES {
            return Err(FaultError(format!("{MAX_RULES} rules are already set, the limit")));
        }
        books.active.push(Active::new(id, rule, now));
        self.armed.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Notes a rule that has happened at once, to these connections.
    pub(super) fn note_struck(&self, id: u64, rule: Rule<F, T>, hit: &[String]) {
        let mut books = self.books();
        let words = rule.fault.to_string();
        let mut done = Active::new(id, rule, Instant::now());
        done.fired = hit.len() as u64;
        books.put_away(done);
        for whose in hit {
            books.note(id, whose.clone(), words.clone());
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
    pub fn rules(&self) -> Vec<RuleStatus<F, T>> {
        let now = Instant::now();
        let mut books = self.books();
        books.retire(now);
        let status = |active: &Active<F, T>, over| RuleStatus {
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
        let fired = |books: &Books<F, T>| books.fired_of(id);
        let waited = self.happened.wait_timeout_while(self.books(), timeout, |books| {
            fired(books).is_some_and(|fired| fired < count)
        });
        fired(&waited.0)
    }

    /// Whether a rule is planned for later.
    pub fn is_planned(&self, id: u64) -> bool {
        self.books().agenda.has(id)
    }

    /// Notes a fault that a client asked for.
    pub fn note(&self, whose: String, words: String) {
        self.books().note(0, whose, words);
        self.happened.notify_all();
    }

    /// The first rule that fires, of those whose moment it is for whom it is: `pick` says what it does then, given how long
    /// it lasts.
    pub fn ask<R>(
        &self,
        whose: Option<&dyn fmt::Display>,
        now: Instant,
        pick: impl Fn(&Rule<F, T>, Option<Duration>) -> Option<R>,
    ) -> Option<R> {
        if !self.is_armed() {
            return None;
        }
        let mut books = self.books();
        books.retire(now);
        let mut found = None;
        for active in &mut books.active {
            let left = active.left(now);
            let Some(picked) = pick(&active.rule, left) else { continue };
            let whose = whose.map(ToString::to_string).unwrap_or_default();
            if active.fires(&whose, now) {
                found = Some((picked, active.id, active.rule.fault.to_string(), whose));
                break;
            }
        }
        let picked = found.map(|(picked, rule, words, whose)| {
            books.note(rule, whose, words);
            books.retire(now);
            picked
        });
        self.armed.store(!books.active.is_empty(), Ordering::Relaxed);
        drop(books);
        let picked = picked?;
        self.happened.notify_all();
        Some(picked)
    }
}

impl<F, T> Books<F, T> {
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

    fn put_away(&mut self, rule: Active<F, T>) {
        if self.over.len() >= MAX_OVER {
            self.over.pop_front();
        }
        self.over.push_back(rule);
    }

    fn note(&mut self, rule: u64, whose: String, fault: String) {
        self.total += 1;
        if self.fired.len() >= MAX_FIRED {
            self.fired.pop_front();
        }
        let sequence = self.total;
        if let Some(events) = &self.events {
            let members = Members::default().with("rule", rule).with("action", fault.as_str());
            let event = Event::new(STRUCK).saying(members);
            events.push(match whose.split_once('/') {
                _ if whose.is_empty() => event,
                Some((device, module)) if events.has_modules() => event.about(device, Some(module)),
                _ => event.about(&whose, None),
            });
        }
        self.fired.push_back(Fired { sequence, rule, whose, fault, time: SystemTime::now() });
    }
}
