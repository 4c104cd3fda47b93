//! What may come in and go out within a second, if the rates of the service are on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::limits::{Rate, Rates};

/// How much may come at once: what a second allows.
const BURST: Duration = Duration::from_secs(1);

/// An amount for each second. After a pause, that of a second may come at once.
#[derive(Debug, Default, Clone, Copy)]
pub struct Meter {
    /// When all that came would have been due, had it come evenly.
    due: Option<Instant>,
}

impl Meter {
    /// Whether `amount` may come now, at `rate` a second. It does not count if it may not.
    pub fn take(&mut self, amount: usize, rate: u32, now: Instant) -> bool {
        let time = Duration::from_secs(amount as u64) / rate.max(1);
        let due = self.due.map_or(now, |due| due.max(now)) + time;
        let may = due <= now + BURST;
        if may {
            self.due = Some(due);
        }
        may
    }

    /// When `amount` may come, at `rate` a second: now, or later.
    fn may_at(&self, amount: usize, rate: u32, now: Instant) -> Instant {
        let time = Duration::from_secs(amount as u64) / rate.max(1);
        let due = self.due.map_or(now, |due| due.max(now)) + time;
        due.checked_sub(BURST).map_or(now, |at| at.max(now))
    }

    /// Whether it is as if nothing had come.
    fn is_idle(&self, now: Instant) -> bool {
        self.due.is_none_or(|due| due <= now)
    }
}

/// The most events about denied actions of a session in a second.
const DENIALS_OF_SESSION: u32 = 5;
/// The most such events of all sessions in a second.
const DENIALS_OF_ALL: u32 = 50;

/// Counts the recent events about denied actions of a session.
#[derive(Debug, Default)]
pub struct Denials {
    noted: Meter,
    /// Denials without an event since the last event.
    left_out: u64,
}

impl Denials {
    /// `Some` if another event is allowed, with the number of denials of the session left out before it.
    pub fn take(&mut self, all: &mut Meter, now: Instant) -> Option<u64> {
        if self.noted.take(1, DENIALS_OF_SESSION, now) && all.take(1, DENIALS_OF_ALL, now) {
            return Some(std::mem::take(&mut self.left_out));
        }
        self.left_out += 1;
        None
    }
}

/// Messages and their bytes, of a session or of all.
#[derive(Debug, Default, Clone, Copy)]
pub struct Inbound {
    messages: Meter,
    bytes: Meter,
    subscribes: Meter,
}

/// Messages to a session or to all, and their bytes.
#[derive(Debug, Default, Clone, Copy)]
pub struct Outbound {
    messages: Meter,
    bytes: Meter,
}

impl Outbound {
    fn may_at(&self, bytes: usize, rate: &Rate, now: Instant) -> Instant {
        self.messages.may_at(1, rate.deliveries, now).max(self.bytes.may_at(bytes, rate.bytes, now))
    }

    fn take(&mut self, bytes: usize, rate: &Rate, now: Instant) {
        self.messages.take(1, rate.deliveries, now);
        self.bytes.take(bytes, rate.bytes, now);
    }
}

/// The rates of a namespace, and what came of late.
#[derive(Debug, Default)]
pub struct Throttle {
    rates: Option<Rates>,
    all: Inbound,
    all_out: Outbound,
    connects: Meter,
    /// By client identifier, of those that were there within a second or so.
    of_clients: HashMap<Arc<str>, Meter>,
    /// With more than this, those of before are forgotten.
    tidy_at: usize,
}

impl Throttle {
    /// Everything may come if there are no rates.
    pub fn new(rates: Option<Rates>) -> Self {
        Self { rates, tidy_at: 1024, ..Self::default() }
    }

    /// Other rates from now on.
    pub fn set_rates(&mut self, rates: Option<Rates>) {
        self.rates = rates;
    }

    /// Whether a client may connect now.
    pub fn connect(&mut self, client_id: &str, now: Instant) -> bool {
        let Some(rates) = &self.rates else { return true };
        if self.of_clients.len() >= self.tidy_at {
            self.of_clients.retain(|_, meter| !meter.is_idle(now));
            self.tidy_at = (2 * self.of_clients.len()).max(1024);
        }
        let own = self.of_clients.entry(client_id.into()).or_default();
        own.take(1, rates.session.connects, now) && self.connects.take(1, rates.namespace.connects, now)
    }

    /// Whether a message of this size may come now from a session.
    pub fn message(&mut self, session: &mut Inbound, bytes: usize, now: Instant) -> bool {
        let Some(rates) = &self.rates else { return true };
        [(session, &rates.session), (&mut self.all, &rates.namespace)].into_iter().all(|(meters, rate)| {
            meters.messages.take(1, rate.messages, now) && meters.bytes.take(bytes, rate.bytes, now)
        })
    }

    /// Counts a message of this size to a session, unless it is one too many now: says when it is not.
    pub fn deliver(&mut self, session: &mut Outbound, bytes: usize, now: Instant) -> Result<(), Instant> {
        let Some(rates) = &self.rates else { return Ok(()) };
        let at =
            session.may_at(bytes, &rates.session, now).max(self.all_out.may_at(bytes, &rates.namespace, now));
        if at > now {
            return Err(at);
        }
        session.take(bytes, &rates.session, now);
        self.all_out.take(bytes, &rates.namespace, now);
        Ok(())
    }

    /// Whether a SUBSCRIBE or UNSUBSCRIBE may come now from a session.
    pub fn subscribe(&mut self, session: &mut Inbound, now: Instant) -> bool {
        let Some(rates) = &self.rates else { return true };
        session.subscribes.take(1, rates.session.subscribes, now)
            && self.all.subscribes.take(1, rates.namespace.subscribes, now)
    }
}
