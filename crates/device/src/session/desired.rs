//! Desired properties: every change once, in order, whatever the connection does.
//!
//! The hub notifies connected devices only and queues nothing. So after each (re)connect the twin is read,
//! compared with what is known, and the difference is handed on as one patch; notifications that come in
//! the meantime wait for the comparison. Between notifications a gap in `$version` starts the same. An
//! application that falls behind gets what it missed as one patch too, so that nothing piles up.
//!
//! Before the first read there is nothing to compare with: changes count from the grant of the subscription.
//! The read is made after the grant and may contain changes of the time between, so its version says what the
//! hub has, not what the application was told. Notifications of those versions are handed on, before the
//! read's answer or after it.

use serde_json::Value;

use azmqtt_dialect::twin::{diff, merge_patch};

/// A change of the desired properties.
#[derive(Debug, Clone, PartialEq)]
pub struct DesiredPatch {
    /// A JSON merge patch: `null` removes a property.
    pub patch: Value,
    /// `$version` of the desired properties after it.
    pub version: u64,
}

/// Notifications kept while the twin is being read; past that they are dropped and read again.
const MAX_HELD: usize = 64;

/// What is known of the desired properties.
#[derive(Debug, Default)]
pub struct DesiredTracker {
    known: Option<Known>,
    /// Notifications that came before the comparison.
    held: Vec<DesiredPatch>,
    /// What the application knows, while it is too far behind to be told of each change.
    behind: Option<Value>,
    /// Changes may have been missed since the first grant, and nothing is known to compare with.
    missed: bool,
    phase: Phase,
}

#[derive(Debug)]
struct Known {
    properties: Value,
    version: u64,
    /// The version up to which the application was told; `None` after a first read, which tells it nothing.
    told: Option<u64>,
    /// How many changes that the first read contained may still be handed on one by one.
    late: usize,
}

impl Known {
    /// The application was told of everything up to here.
    fn told(properties: &Value, version: u64) -> Self {
        Self { properties: properties.clone(), version, told: Some(version), late: 0 }
    }

    /// A first read, which the application sees nothing of.
    fn untold(properties: &Value, version: u64) -> Self {
        Self { told: None, late: MAX_HELD, ..Self::told(properties, version) }
    }

    fn is_news(&self, version: u64) -> bool {
        self.told.is_none_or(|told| told < version)
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nobody asked for changes.
    #[default]
    Unsubscribed,
    /// Somebody did, but the connection with the subscription has ended.
    Offline,
    /// A read of the twin is due.
    Stale,
    /// The read is under way.
    Reading,
    /// Notifications follow each other without a gap.
    InStep,
}

impl DesiredTracker {
    /// The application read the twin by itself, before it asked for changes or before the first comparison: changes
    /// count from there.
    pub fn seen(&mut self, properties: &Value, version: u64) {
        if self.phase == Phase::Unsubscribed || self.known.is_none() {
            self.known = Some(Known::told(properties, version));
            self.missed = false;
        }
    }

    /// The hub granted the subscription on a new connection.
    pub fn subscribed(&mut self) {
        self.held.clear();
        self.phase = Phase::Stale;
    }

    /// The connection ended.
    pub fn disconnected(&mut self) {
        self.held.clear();
        // The grant was the promise to hand on what changes; the next read cannot tell what that was.
        self.missed |= self.known.is_none() && matches!(self.phase, Phase::Stale | Phase::Reading);
        if self.phase != Phase::Unsubscribed {
            self.phase = Phase::Offline;
        }
    }

    /// Whether the twin must be read now. If so, the read counts as under way.
    pub fn wants_read(&mut self) -> bool {
        let due = self.phase == Phase::Stale;
        if due {
            self.phase = Phase::Reading;
        }
        due
    }

    /// The read that [`Self::wants_read`] asked for failed; it is due again.
    pub fn read_failed(&mut self) {
        if self.phase == Phase::Reading {
            self.phase = Phase::Stale;
        }
    }

    /// The application has not taken the changes that it was given: keep further ones back.
    pub fn hold_back(&mut self) {
        // What the application knows is known once it was told of all that the first read contained.
        let told = self.known.as_ref().filter(|known| !known.is_news(known.version));
        if let (None, Some(known)) = (&self.behind, told) {
            self.behind = Some(known.properties.clone());
        }
    }

    /// Whether changes are being kept back.
    pub fn is_holding_back(&self) -> bool {
        self.behind.is_some()
    }

    /// The application has room again: what was kept back since [`Self::hold_back`], as one change.
    pub fn release(&mut self) -> Option<DesiredPatch> {
        let behind = self.behind.take()?;
        let known = self.known.as_ref()?;
        let patch = diff(&behind, &known.properties);
        is_change(&patch).then_some(DesiredPatch { patch, version: known.version })
    }

    /// Whether changes arrive without a gap.
    pub fn in_step(&self) -> bool {
        self.phase == Phase::InStep
    }

    /// The read came back. Yields the changes to hand on, in order.
    pub fn read(&mut self, properties: &Value, version: u64) -> Vec<DesiredPatch> {
        if self.phase != Phase::Reading {
            return Vec::new();
        }
        self.phase = Phase::InStep;
        let mut changes = Vec::new();
        let mut known = Known::told(properties, version);
        match &self.known {
            None if self.missed => {
                let patch = properties.clone();
                changes.extend(self.pass(DesiredPatch { patch, version }));
            }
            // Changes count from the grant: whatever was notified since is news.
            None => known = Known::untold(properties, version),
            // The properties count, not the order of the versions: a device that was deleted and made anew
            // starts over, and may have got as far as the old one.
            Some(before) => {
                let patch = diff(&before.properties, properties);
                if before.version != version || is_change(&patch) {
                    changes.extend(self.pass(DesiredPatch { patch, version }));
                }
            }
        }
        self.missed = false;
        self.known = Some(known);
        for notification in std::mem::take(&mut self.held) {
            changes.extend(self.notified(notification));
        }
        changes
    }

    /// A notification came in; a patch that is not an object stands for one that could not be read. Yields the
    /// change to hand on; `None` for one that is already known, that must wait, or that is unreadable or
    /// showed a gap (then [`Self::wants_read`] is true).
    pub fn notified(&mut self, notification: DesiredPatch) -> Option<DesiredPatch> {
        match (self.phase, &mut self.known) {
            (Phase::InStep, Some(known)) if notification.version <= known.version => {
                if !known.is_news(notification.version) {
                    return None;
                }
                let change = if notification.patch.is_object() && known.late > 0 {
                    known.late -= 1;
                    notification
                } else {
                    DesiredPatch { patch: known.properties.clone(), version: known.version }
                };
                known.told = Some(change.version);
                self.pass(change)
            }
            // The one after, if it can be applied.
            (Phase::InStep, Some(known))
                if notification.version - 1 == known.version && notification.patch.is_object() =>
            {
                merge_patch(&mut known.properties, &notification.patch);
                known.version = notification.version;
                known.told = Some(notification.version);
                self.pass(notification)
            }
            (Phase::InStep, _) => {
                self.phase = Phase::Stale;
                None
            }
            (Phase::Stale | Phase::Reading, _) => {
                if self.held.len() == MAX_HELD {
                    self.held.clear();
                    self.missed |= self.known.is_none();
                }
                self.held.push(notification);
                None
            }
            (Phase::Unsubscribed | Phase::Offline, _) => None,
        }
    }

    fn pass(&self, change: DesiredPatch) -> Option<DesiredPatch> {
        self.behind.is_none().then_some(change)
    }
}

fn is_change(patch: &Value) -> bool {
    patch.as_object().is_some_and(|patch| !patch.is_empty())
}
