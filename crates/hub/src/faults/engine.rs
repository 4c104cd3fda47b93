//! What the rules of a hub do at each moment.

use std::collections::HashMap;
use std::ops::Deref;
use std::time::{Duration, Instant};

use super::fault::{
    AcceptFault, Answer, ConnectFault, Fault, Received, ReceivedFault, RequestFault, Sent, SentFault,
    TwinRequest,
};
use super::rule::Target;
use crate::id::Id;
use azmqtt_local::faults::{MAX_RULES, RuleBook};
use azmqtt_net::sync::Mutex;

/// The longest device or module id (IoT Hub docs, "Identity registry": up to 128 characters).
const MAX_ID: usize = 128;

/// A rule and its counts.
pub type RuleStatus = azmqtt_local::faults::RuleStatus<Fault, Target>;

/// What a fault does to a packet of a device.
pub enum Disturbance {
    Fault(ReceivedFault),
    Refuse(Answer),
    /// It is over its rate, and is looked at that much later.
    Shape(Duration),
    /// The hub's messages of the day are used up.
    Quota,
}

/// The rules of a hub.
#[derive(Default)]
pub struct Faults {
    rules: RuleBook<Fault, Target>,
    /// The newest rule of each kind that each device has asked for.
    asked: Mutex<HashMap<(Target, String), u64>>,
}

/// A hub has the rules that any service has, and asks them in its own words.
impl Deref for Faults {
    type Target = RuleBook<Fault, Target>;

    fn deref(&self) -> &Self::Target {
        &self.rules
    }
}

impl Faults {
    /// Makes room for a fault that a device asks for: it has one of each kind, however often it asks, so that it uses up
    /// neither the rules of the hub nor its agenda. False if one is planned already; one that is set is taken away.
    pub(super) fn make_room(&self, target: &Target, fault: &Fault) -> bool {
        let mut asked = self.asked.lock();
        let Some(id) = asked.remove(&(target.clone(), fault.to_string())) else { return true };
        if self.rules.is_planned(id) {
            asked.insert((target.clone(), fault.to_string()), id);
            return false;
        }
        drop(asked);
        self.rules.remove(id);
        true
    }

    /// Remembers a rule as one that a device asked for.
    pub(super) fn asked_for(&self, target: Target, fault: &Fault, id: u64) {
        let mut asked = self.asked.lock();
        if asked.len() >= MAX_RULES {
            // Of so many devices, each may have one more.
            asked.clear();
        }
        asked.insert((target, fault.to_string()), id);
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

    /// The first rule for this identity that fires, of those whose moment it is.
    fn ask<T>(
        &self,
        id: Option<Id<'_>>,
        now: Instant,
        pick: impl Fn(&Fault, Option<Duration>) -> Option<T>,
    ) -> Option<T> {
        // Whoever asks to be connected may call itself anything: only what may be an id is remembered.
        let id = id.filter(|id| id.device.len() <= MAX_ID && id.module.is_none_or(|id| id.len() <= MAX_ID));
        let whose = id.as_ref().map(|id| id as &dyn std::fmt::Display);
        self.rules.ask(
            whose,
            now,
            |rule, left| {
                if rule.target.includes(id) { pick(&rule.fault, left) } else { None }
            },
        )
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
