//! The ring of what happens in a service.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::feed::{Entry, Feed, PAGE_ENTRIES, Page};
use super::filter::Filter;
use super::form::Form;
use super::members::Members;
use super::readers::Readers;
use azmqtt_net::sync::{Condvar, Mutex};

/// The memory of an event besides its texts, roughly: for the ring's bound.
const OVERHEAD: usize = 128;

/// Something that happened.
#[derive(Debug)]
pub struct Event {
    kind: &'static str,
    /// One of a few words that say more about it, by which it is counted.
    label: &'static str,
    who: Option<Box<str>>,
    module: Option<Box<str>>,
    members: Members,
}

impl Event {
    /// One of this type, such as `connection.opened`.
    pub fn new(kind: &'static str) -> Self {
        Self { kind, label: "", who: None, module: None, members: Members::default() }
    }

    /// To whom it happened: a device or client, or a module of a device.
    #[must_use]
    pub fn about(self, who: &str, module: Option<&str>) -> Self {
        Self { who: Some(who.into()), module: module.map(Into::into), ..self }
    }

    /// Counted apart from others of its type, by one of a few words.
    #[must_use]
    pub fn labelled(self, label: &'static str) -> Self {
        Self { label, ..self }
    }

    /// With more about it, which replaces what there was.
    #[must_use]
    pub fn saying(self, members: Members) -> Self {
        Self { members, ..self }
    }

    fn weight(&self) -> usize {
        let ids = [&self.who, &self.module].into_iter().flatten();
        OVERHEAD + self.members.as_str().len() + ids.map(|id| id.len()).sum::<usize>()
    }
}

/// The newest events of a service, up to both bounds; the oldest make room.
pub struct Events {
    /// What an entry calls whom it happened to.
    who: &'static str,
    most: usize,
    most_bytes: usize,
    ring: Mutex<Ring>,
    readers: Readers,
    /// The same for threads.
    reached: Condvar,
}

#[derive(Default)]
struct Ring {
    events: VecDeque<Arc<(SystemTime, Event)>>,
    bytes: usize,
    newest: u64,
    waiters: usize,
    /// All that there were, by type and label.
    counts: BTreeMap<(&'static str, &'static str), u64>,
}

impl Events {
    /// At most so many events are kept, and at most so many bytes of them. `who` names the member with whom an event is
    /// about, such as `device_id`.
    pub fn new(who: &'static str, most: usize, most_bytes: usize) -> Self {
        let ring = Mutex::default();
        Self { who, most, most_bytes, ring, readers: Readers::default(), reached: Condvar::new() }
    }

    /// Whether those whom events are about are devices, which have modules.
    pub fn has_modules(&self) -> bool {
        self.who == "device_id"
    }

    /// Adds an event.
    pub fn push(&self, event: Event) {
        let time = SystemTime::now();
        let mut ring = self.ring.lock();
        ring.newest += 1;
        *ring.counts.entry((event.kind, event.label)).or_default() += 1;
        ring.bytes += event.weight();
        ring.events.push_back(Arc::new((time, event)));
        while ring.events.len() > self.most || ring.bytes > self.most_bytes {
            let Some(oldest) = ring.events.pop_front() else { break };
            ring.bytes -= oldest.1.weight();
        }
        if ring.waiters > 0 {
            self.reached.notify_all();
        }
        drop(ring);
        self.readers.wake();
    }

    /// Blocks until there is an event after `after`, or until the time is over. Lines of JSON, each an event as
    /// [`Form::object`] writes it, for those that [`Feed::read`] gives.
    pub fn wait(&self, after: u64, timeout: Duration) -> Vec<String> {
        // A timeout beyond the clock's range is none.
        let deadline = Instant::now().checked_add(timeout);
        let mut ring = self.ring.lock();
        while ring.newest <= after {
            let left =
                deadline.map_or(timeout, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            ring.waiters += 1;
            ring = self.reached.wait_timeout(ring, left);
            ring.waiters -= 1;
        }
        drop(ring);
        let page = self.read(after, &Filter::default());
        let lost = (page.lost > 0).then(|| Form::lost_object(None, after + page.lost, page.lost));
        let entries = page.entries.iter().map(|entry| Form::object(None, entry));
        lost.into_iter().chain(entries).collect()
    }

    /// How many events there were of this type, those that made room included, by label.
    pub fn counts(&self, kind: &str) -> BTreeMap<&'static str, u64> {
        let ring = self.ring.lock();
        let of_kind = ring.counts.iter().filter(|((counted, _), _)| *counted == kind);
        of_kind.map(|((_, label), count)| (*label, *count)).collect()
    }

    /// How many events of this type there were, those that made room included.
    pub fn count(&self, kind: &str) -> u64 {
        self.counts(kind).values().sum()
    }

    /// The bytes that the ring takes, roughly.
    pub fn bytes(&self) -> usize {
        self.ring.lock().bytes
    }

    fn entry(&self, id: u64, (time, event): &(SystemTime, Event)) -> Entry {
        let members = Members::default()
            .with("type", event.kind)
            .with_some(self.who, event.who.as_deref())
            .with_some("module_id", event.module.as_deref());
        Entry { id, time: *time, members: members.and(&event.members) }
    }
}

impl Feed for Events {
    fn newest(&self) -> u64 {
        self.ring.lock().newest
    }

    fn read(&self, after: u64, filter: &Filter) -> Page {
        let (first, events) = {
            let ring = self.ring.lock();
            let kept_from = ring.newest - ring.events.len() as u64 + 1;
            let first = kept_from.max(after.saturating_add(1));
            let skipped = usize::try_from(first - kept_from).unwrap_or(usize::MAX);
            let events: Vec<_> = ring.events.iter().skip(skipped).take(PAGE_ENTRIES).cloned().collect();
            (first, events)
        };
        Page::collect(after, first - after.saturating_add(1), (first..).zip(events), |number, event| {
            let what = &event.1;
            let wanted =
                filter.takes_type(what.kind) && filter.takes_who(what.who.as_deref(), what.module.as_deref());
            wanted.then(|| (what.weight(), self.entry(number, &event)))
        })
    }

    fn readers(&self) -> &Readers {
        &self.readers
    }
}
