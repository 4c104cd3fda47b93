//! What the rules of a namespace do at each moment.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::fault::{AcceptFault, ConnectFault, Fault, Received, ReceivedFault, Sent, SentFault, Target};
use super::{Planned, Rule, Schedule};
use azmqtt_local::faults::{self, Connections, FaultError, RuleBook};

/// Longer client identifiers are not remembered: whoever asks to be connected may call itself anything.
const MAX_ID: usize = 256;

/// The rules of a namespace.
#[derive(Default)]
pub struct Faults {
    rules: RuleBook<Fault, Target>,
    used: AtomicBool,
}

/// A namespace has the rules that any service has, and asks them in its own words.
impl Deref for Faults {
    type Target = RuleBook<Fault, Target>;

    fn deref(&self) -> &Self::Target {
        &self.rules
    }
}

impl Faults {
    /// Whether any rule has ever been set: what it did to a connection may last. If not, connections pay for one load.
    #[inline]
    pub fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    /// Sets a rule; one that waits for nothing has happened when this returns. Its id.
    ///
    /// # Errors
    /// Too many are set.
    pub fn inject<C: Connections<Target, Error = FaultError>>(
        &self,
        connections: &C,
        rule: Rule,
    ) -> Result<u64, FaultError> {
        self.used.store(true, Ordering::Relaxed);
        faults::inject(&self.rules, connections, rule)
    }

    /// Starts a schedule from now on. What it is going to do.
    ///
    /// # Errors
    /// It has too many faults.
    pub fn start<C: Connections<Target, Error = FaultError>>(
        &self,
        connections: &C,
        schedule: &Schedule,
    ) -> Result<Vec<Planned>, FaultError> {
        self.used.store(true, Ordering::Relaxed);
        faults::start(&self.rules, connections, schedule)
    }

    /// A TCP connection opened.
    pub fn at_accept(&self, now: Instant) -> Option<AcceptFault> {
        self.ask(None, now, |fault| match fault {
            Fault::Accept(fault) => Some(*fault),
            _ => None,
        })
    }

    /// A client asks to be connected.
    pub fn at_connect(&self, client_id: &str, now: Instant) -> Option<ConnectFault> {
        self.ask(Some(client_id), now, |fault| match fault {
            Fault::Connect(fault) => Some(*fault),
            _ => None,
        })
    }

    /// A packet came in.
    pub fn at_received(&self, client_id: &str, what: Received, now: Instant) -> Option<ReceivedFault> {
        self.ask(Some(client_id), now, |fault| match fault {
            Fault::Received(of, fault) if *of == what || *of == Received::Any => Some(*fault),
            _ => None,
        })
    }

    /// A packet is about to go out; also whether the rule is for all packets.
    pub fn at_sent(&self, client_id: &str, what: Sent, now: Instant) -> Option<(SentFault, bool)> {
        self.ask(Some(client_id), now, |fault| match fault {
            Fault::Sent(Sent::Any, fault) => Some((*fault, true)),
            Fault::Sent(of, fault) if *of == what => Some((*fault, what == Sent::Connack)),
            _ => None,
        })
    }

    /// The first rule for this client that fires, of those whose moment it is.
    fn ask<T>(&self, client_id: Option<&str>, now: Instant, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        let client_id = client_id.filter(|id| id.len() <= MAX_ID);
        let whose = client_id.as_ref().map(|id| id as &dyn fmt::Display);
        self.rules.ask(whose, now, |rule, _| match &rule.target.0 {
            Some(wanted) if client_id != Some(wanted) => None,
            _ => pick(&rule.fault),
        })
    }
}
