//! What the client listens to, and what it asks the broker for.

use std::collections::VecDeque;
use std::time::Instant;

use crate::lasting::times::Time;
use crate::managed::subscription::Subscription;
use crate::reply::Reply;
use azmqtt_mqtt::{ReasonCode, SubscribeFilter};

/// Filters in one SUBSCRIBE after a lost session. Event Grid takes 10.
const FILTERS_A_PACKET: usize = 8;

/// A SUBSCRIBE or UNSUBSCRIBE.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) what: What,
    /// `None` where nobody waits.
    pub(super) time: Option<Time>,
    pub(super) caller: Caller,
}

#[derive(Debug)]
pub(super) enum What {
    Subscribe(Subscription),
    Unsubscribe(Vec<String>),
}

/// Who wants to know the answer.
#[derive(Debug)]
pub(super) enum Caller {
    Application(Reply<Vec<ReasonCode>>),
    /// The application did not wait so long.
    Nobody,
    /// The requests whose answers come on this topic.
    Requests(String),
    /// The broker has forgotten what it granted before.
    Again,
}

/// A filter that the broker has granted.
#[derive(Debug)]
struct Standing {
    filter: SubscribeFilter,
    identifier: Option<u32>,
}

/// The subscriptions of a session.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    /// What the broker has granted: the application counts on it.
    standing: Vec<Standing>,
    /// To be asked on this connection, oldest first.
    queued: VecDeque<Ask>,
    /// On the wire, by packet identifier, oldest first, and since when.
    asked: VecDeque<(u16, Instant, Ask)>,
}

impl Subscriptions {
    pub(super) fn queue(&mut self, ask: Ask) {
        self.queued.push_back(ask);
    }

    pub(super) fn next(&mut self) -> Option<Ask> {
        self.queued.pop_front()
    }

    pub(super) fn put_back(&mut self, ask: Ask) {
        self.queued.push_front(ask);
    }

    pub(super) fn asked(&mut self, packet_id: u16, ask: Ask, now: Instant) {
        self.asked.push_back((packet_id, now, ask));
    }

    /// Since when the broker owes an answer.
    pub(super) fn asked_since(&self) -> Option<Instant> {
        self.asked.front().map(|(_, since, _)| *since)
    }

    /// Whether the broker has granted anything.
    pub(super) fn any_standing(&self) -> bool {
        !self.standing.is_empty()
    }

    /// Whether nothing waits for an answer.
    pub(super) fn is_settled(&self) -> bool {
        self.queued.is_empty() && self.asked.is_empty()
    }

    /// The answer came.
    pub(super) fn answered(&mut self, packet_id: u16) -> Option<Ask> {
        let index = self.asked.iter().position(|(id, _, _)| *id == packet_id)?;
        self.asked.remove(index).map(|(_, _, ask)| ask)
    }

    /// The broker has granted a filter.
    pub(super) fn stands(&mut self, filter: SubscribeFilter, identifier: Option<u32>) {
        self.forget(&filter.filter);
        self.standing.push(Standing { filter, identifier });
    }

    /// A filter does not stand any more.
    pub(super) fn forget(&mut self, filter: &str) {
        self.standing.retain(|standing| standing.filter.filter != filter);
    }

    /// The connection ended: what has no answer is asked again on the next one, in its order.
    pub(super) fn disconnected(&mut self) {
        for (_, _, ask) in std::mem::take(&mut self.asked).into_iter().rev() {
            if !matches!(ask.caller, Caller::Nobody) {
                self.queued.push_front(ask);
            }
        }
    }

    /// The broker forgot the session: everything that it had granted is asked for again, before anything else.
    pub(super) fn ask_again(&mut self) {
        self.queued.retain(|ask| !matches!(ask.caller, Caller::Again));
        // One packet has one identifier.
        let alike = self.standing.chunk_by(|one, next| one.identifier == next.identifier);
        for standing in alike.flat_map(|alike| alike.chunks(FILTERS_A_PACKET)).rev() {
            let filters = standing.iter().map(|standing| standing.filter.clone()).collect();
            self.queued.push_front(again(Subscription { filters, identifier: standing[0].identifier }));
        }
    }

    /// Asks for these again, which were granted before and refused now.
    pub(super) fn ask_for(&mut self, wanted: Subscription) {
        self.queue(again(wanted));
    }

    /// Takes out whom the answer does not reach in time.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<(Time, bool, Caller)> {
        let late = |ask: &Ask| ask.time.is_some_and(|time| time.deadline <= now);
        let mut expired = Vec::new();
        let (over, queued) = std::mem::take(&mut self.queued).into_iter().partition(late);
        self.queued = queued;
        for ask in over {
            take(ask, &mut expired);
        }
        for (_, _, ask) in &mut self.asked {
            if late(ask) {
                // Its answer is still to come.
                let is_subscribe = matches!(ask.what, What::Subscribe(_));
                let caller = std::mem::replace(&mut ask.caller, Caller::Nobody);
                expired.extend(ask.time.take().map(|time| (time, is_subscribe, caller)));
            }
        }
        expired
    }

    /// Takes everybody out who waits.
    pub(super) fn drain(&mut self) -> Vec<Caller> {
        let asked = std::mem::take(&mut self.asked).into_iter().map(|(_, _, ask)| ask.caller);
        asked.chain(std::mem::take(&mut self.queued).into_iter().map(|ask| ask.caller)).collect()
    }

    /// Forgets what the broker has granted.
    pub(super) fn forget_all(&mut self) {
        self.standing.clear();
    }

    /// The times of those who wait.
    pub(super) fn times(&self) -> impl Iterator<Item = Time> {
        self.queued.iter().chain(self.asked.iter().map(|(_, _, ask)| ask)).filter_map(|ask| ask.time)
    }
}

fn again(wanted: Subscription) -> Ask {
    Ask { what: What::Subscribe(wanted), time: None, caller: Caller::Again }
}

fn take(ask: Ask, expired: &mut Vec<(Time, bool, Caller)>) {
    let is_subscribe = matches!(ask.what, What::Subscribe(_));
    expired.extend(ask.time.map(|time| (time, is_subscribe, ask.caller)));
}
