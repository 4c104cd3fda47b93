//! Where messages wait for their receivers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use super::config::InboxLimits;
use super::filter::Filter;
use super::message::Received;
use crate::inbox::Inbox;
use azmqtt_mqtt::QoS;
use azmqtt_net::sync::Mutex;

/// One receiver's queue.
#[derive(Debug)]
pub(super) struct Inlet {
    /// What it wants; `None` for everything.
    filter: Option<Filter>,
    pub(super) inbox: Inbox<Received>,
    limits: InboxLimits,
}

impl Inlet {
    pub(super) fn new(filter: Option<Filter>, limits: InboxLimits) -> Self {
        Self { filter, inbox: Inbox::weighing(Received::size), limits }
    }

    pub(super) fn wants(&self, topic: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.matches(topic))
    }

    /// Takes a message; says how many had to go for it. Those at QoS 1 and 2 stay, because their acknowledgement waits,
    /// and with that the broker.
    pub(super) fn put(&self, message: Received) -> usize {
        let InboxLimits { messages, bytes } = self.limits;
        if message.publish.qos == QoS::AtMostOnce {
            self.inbox.push_dropping(message, messages, bytes, |other| other.publish.qos == QoS::AtMostOnce)
        } else {
            self.inbox.push(message);
            0
        }
    }
}

/// The receivers that there are.
#[derive(Debug, Default)]
pub(super) struct Inlets {
    list: Mutex<List>,
    /// Changes with the list, readable without the lock.
    version: AtomicU64,
    /// The broker has sent again what earlier connections than this one left without an acknowledgement.
    sent_again_on: AtomicU64,
}

#[derive(Debug, Default)]
struct List {
    inlets: Vec<Arc<Inlet>>,
    closed: bool,
}

impl Inlets {
    pub(super) fn add(&self, inlet: &Arc<Inlet>) {
        let mut list = self.list.lock();
        if list.closed {
            inlet.inbox.close();
        } else {
            list.inlets.push(Arc::clone(inlet));
            self.version.fetch_add(1, SeqCst);
        }
    }

    pub(super) fn remove(&self, inlet: &Arc<Inlet>) {
        let mut list = self.list.lock();
        list.inlets.retain(|other| !Arc::ptr_eq(other, inlet));
        self.version.fetch_add(1, SeqCst);
    }

    /// Brings a copy of the list up to date.
    pub(super) fn refresh(&self, copy: &mut Copy) {
        if copy.version != self.version.load(SeqCst) {
            let list = self.list.lock();
            copy.inlets.clone_from(&list.inlets);
            copy.version = self.version.load(SeqCst);
        }
    }

    /// The session goes on with connection `number`: what came at QoS 1 on earlier ones, and waits still, comes again.
    pub(super) fn sent_again(&self, number: u64) {
        self.sent_again_on.store(number, SeqCst);
        for inlet in &self.list.lock().inlets {
            inlet.inbox.retain(|message| !self.comes_again(message));
        }
    }

    /// Whether a message that waits has come again, or will.
    pub(super) fn comes_again(&self, message: &Received) -> bool {
        message.delivery.is_some_and(|delivery| delivery.connection < self.sent_again_on.load(SeqCst))
    }

    /// Messages that wait in all.
    pub(super) fn waiting(&self) -> usize {
        self.list.lock().inlets.iter().map(|inlet| inlet.inbox.len()).sum()
    }

    /// Nothing will come any more; what waits can still be taken.
    pub(super) fn close(&self) {
        let mut list = self.list.lock();
        list.closed = true;
        for inlet in list.inlets.drain(..) {
            inlet.inbox.close();
        }
        self.version.fetch_add(1, SeqCst);
    }
}

/// The task's own copy of the list.
#[derive(Debug, Default)]
pub(super) struct Copy {
    pub(super) inlets: Vec<Arc<Inlet>>,
    version: u64,
}
