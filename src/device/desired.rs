//! Desired properties: every change once, in order, whatever the connection does.
//!
//! The hub notifies connected devices only and queues nothing. So after each (re)connect the twin is read,
//! compared with what is known, and the difference is handed on as one patch; notifications that come in
//! the meantime wait for the comparison. Between notifications a gap in `$version` starts the same. An
//! application that falls behind gets what it missed as one patch too, so that nothing piles up.

use serde_json::Value;

use crate::dialect::twin::{diff, merge_patch};

/// A change of the desired properties.
#[derive(Debug, Clone, PartialEq)]
pub struct DesiredPatch {
    /// A JSON merge patch: `null` removes a property.
    pub patch: Value,
    /// `$version` of the desired properties after it.
    pub version: u64,
}

/// Notifications kept while the twin is being read; past that they are dropped and read again.
const MAX_HELD: usize = 256;

/// What is known of the desired properties.
#[derive(Debug, Default)]
pub struct DesiredTracker {
    known: Option<Known>,
    /// Notifications that came before the comparison.
    held: Vec<DesiredPatch>,
    /// What the application knows, while it is too far behind to be told of each change.
    behind: Option<Value>,
    phase: Phase,
}

#[derive(Debug)]
struct Known {
    properties: Value,
    version: u64,
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
            self.known = Some(Known { properties: properties.clone(), version });
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
        if let (None, Some(known)) = (&self.behind, &self.known) {
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
        match &self.known {
            // Nothing was handed on yet: changes count from here.
            None => {}
            // The properties count, not the order of the versions: a device that was deleted and made anew
            // starts over, and may have got as far as the old one.
            Some(known) => {
                let patch = diff(&known.properties, properties);
                if known.version != version || is_change(&patch) {
                    changes.extend(self.pass(DesiredPatch { patch, version }));
                }
            }
        }
        self.known = Some(Known { properties: properties.clone(), version });
        for notification in std::mem::take(&mut self.held) {
            changes.extend(self.notified(notification));
        }
        changes
    }

    /// A notification came in; a patch that is no object stands for one that could not be read. Yields the
    /// change to hand on; `None` for one that is already known, that must wait, or that is unreadable or
    /// showed a gap (then [`Self::wants_read`] is true).
    pub fn notified(&mut self, notification: DesiredPatch) -> Option<DesiredPatch> {
        match (self.phase, &mut self.known) {
            (Phase::InStep, Some(known)) if notification.version <= known.version => None,
            // The one after, if it can be applied.
            (Phase::InStep, Some(known))
                if notification.version - 1 == known.version && notification.patch.is_object() =>
            {
                merge_patch(&mut known.properties, &notification.patch);
                known.version = notification.version;
                self.pass(notification)
            }
            (Phase::InStep, _) => {
                self.phase = Phase::Stale;
                None
            }
            (Phase::Stale | Phase::Reading, _) => {
                if self.held.len() == MAX_HELD {
                    self.held.clear();
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
