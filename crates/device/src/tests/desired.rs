//! An application that applies every patch ends with the hub's document, whatever got lost on the way.

use std::collections::VecDeque;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::DesiredPatch;
use crate::session::desired::DesiredTracker;
use azmqtt_dialect::twin::merge_patch;

/// The hub's side: the truth.
#[derive(Debug, Clone)]
struct Twin {
    properties: Value,
    version: u64,
}

/// The application's side: patches applied as they come, through an inbox of `room` patches.
struct Application {
    known: Value,
    inbox: Vec<DesiredPatch>,
    room: usize,
    versions: Vec<u64>,
}

impl Application {
    fn take(&mut self, count: usize) {
        let count = count.min(self.inbox.len());
        for change in self.inbox.drain(..count) {
            self.versions.push(change.version);
            merge_patch(&mut self.known, &change.patch);
        }
    }

    /// What the connection task does around the tracker.
    fn push(&mut self, tracker: &mut DesiredTracker, changes: impl IntoIterator<Item = DesiredPatch>) {
        self.inbox.extend(changes);
        if tracker.is_holding_back() && self.inbox.len() < self.room {
            self.inbox.extend(tracker.release());
        }
    }
}

#[derive(Debug, Clone)]
enum Move {
    /// The hub changes a property; the notification gets through, gets lost, comes twice, garbled, or late.
    Change {
        key: u8,
        value: Option<u8>,
        fate: u8,
    },
    /// The hub's answer to the read arrives.
    Answer,
    ReadFails,
    Take(usize),
    Reconnect,
    Recreate {
        key: u8,
        value: u8,
    },
    /// The application reads the twin by itself.
    Get,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let value = prop::option::weighted(0.7, 0..3u8);
    let one = prop_oneof![
        8 => (0..4u8, value, 0..8u8).prop_map(|(key, value, fate)| Move::Change { key, value, fate }),
        4 => Just(Move::Answer),
        1 => Just(Move::ReadFails),
        3 => (1..4usize).prop_map(Move::Take),
        1 => Just(Move::Reconnect),
        1 => (0..4u8, 0..3u8).prop_map(|(key, value)| Move::Recreate { key, value }),
        1 => Just(Move::Get),
    ];
    prop::collection::vec(one, 0..100)
}

/// One hub, one connection, one application.
struct World {
    twin: Twin,
    tracker: DesiredTracker,
    application: Application,
    /// The snapshot that the hub answers the read with.
    reading: Option<Twin>,
    /// Notifications that come after the next answer.
    late: VecDeque<DesiredPatch>,
    /// There is something to compare with. What gets lost before that cannot be found out.
    compared: bool,
}

impl World {
    fn new() -> Self {
        Self {
            twin: Twin { properties: json!({}), version: 1 },
            tracker: DesiredTracker::default(),
            application: Application { known: json!({}), inbox: Vec::new(), room: 3, versions: Vec::new() },
            reading: None,
            late: VecDeque::new(),
            compared: false,
        }
    }

    fn notify(&mut self, patch: Value) {
        let notification = DesiredPatch { patch, version: self.twin.version };
        if self.late.is_empty() {
            self.deliver(notification);
        } else {
            self.late.push_back(notification);
        }
    }

    fn deliver(&mut self, notification: DesiredPatch) {
        if self.application.inbox.len() >= self.application.room {
            self.tracker.hold_back();
        }
        let change = self.tracker.notified(notification);
        self.application.push(&mut self.tracker, change);
    }

    /// Asks for the twin if the tracker wants it.
    fn turn(&mut self) {
        if self.tracker.wants_read() {
            self.reading = Some(self.twin.clone());
        }
    }

    fn answer(&mut self) {
        let Some(twin) = self.reading.take() else { return };
        if self.application.inbox.len() >= self.application.room {
            self.tracker.hold_back();
        }
        let changes = self.tracker.read(&twin.properties, twin.version);
        self.compared = true;
        self.application.push(&mut self.tracker, changes);
        for notification in std::mem::take(&mut self.late) {
            self.deliver(notification);
        }
    }

    /// The application reads the twin.
    fn get(&mut self) {
        self.tracker.seen(&self.twin.properties, self.twin.version);
        if !self.compared {
            self.compared = true;
            self.application.known = self.twin.properties.clone();
            // The hub answers in order.
            self.reading = self.reading.as_ref().map(|_| self.twin.clone());
        }
    }

    fn play(&mut self, step: &Move) {
        match step {
            Move::Change { key, value, fate } => {
                let patch =
                    json!({ format!("k{key}"): value.map_or(Value::Null, |value| json!({"v": value})) });
                merge_patch(&mut self.twin.properties, &patch);
                self.twin.version += 1;
                match fate {
                    0 | 1 if !self.compared => self.notify(patch),
                    0 => {}
                    1 => self.notify(Value::Null),
                    2 => {
                        self.notify(patch.clone());
                        self.notify(patch);
                    }
                    3 => self.late.push_back(DesiredPatch { patch, version: self.twin.version }),
                    _ => self.notify(patch),
                }
            }
            Move::Answer => self.answer(),
            Move::ReadFails => {
                if self.reading.take().is_some() {
                    self.tracker.read_failed();
                }
            }
            Move::Take(count) => {
                self.application.take(*count);
                let none = None;
                self.application.push(&mut self.tracker, none);
            }
            Move::Reconnect => self.reconnect(),
            Move::Recreate { key, value } => {
                // The hub ends the connections of a device that it deletes.
                self.tracker.disconnected();
                self.twin = Twin { properties: json!({ format!("k{key}"): { "v": value } }), version: 1 };
                // Versions start over; what the application still gets of the old device comes before.
                self.play(&Move::Take(usize::MAX));
                self.application.take(usize::MAX);
                self.application.versions.clear();
                self.reconnect();
            }
            Move::Get => self.get(),
        }
        self.turn();
    }

    fn reconnect(&mut self) {
        self.tracker.disconnected();
        self.reading = None;
        self.late.clear();
        self.tracker.subscribed();
    }

    /// A quiet time: everything under way arrives.
    fn settle(&mut self) {
        // A lost notification shows with the next one.
        self.play(&Move::Change { key: 9, value: Some(1), fate: 7 });
        for notification in std::mem::take(&mut self.late) {
            self.deliver(notification);
        }
        while !self.tracker.in_step() || !self.application.inbox.is_empty() || self.tracker.is_holding_back()
        {
            self.turn();
            self.answer();
            self.play(&Move::Take(9));
        }
    }
}

proptest! {
    #[test]
    fn the_application_ends_with_the_hubs_document(moves in moves()) {
        let mut world = World::new();
        world.tracker.subscribed();
        world.turn();
        for step in &moves {
            world.play(step);
        }
        world.settle();
        prop_assert_eq!(&world.application.known, &world.twin.properties);
        let versions = &world.application.versions;
        prop_assert!(versions.windows(2).all(|pair| pair[0] < pair[1]), "twice or out of order: {:?}", versions);
    }
}

fn patch(version: u64, patch: Value) -> DesiredPatch {
    DesiredPatch { patch, version }
}

fn in_step(properties: &Value, version: u64) -> DesiredTracker {
    let mut tracker = DesiredTracker::default();
    tracker.subscribed();
    assert!(tracker.wants_read() && !tracker.wants_read());
    assert!(tracker.read(properties, version).is_empty());
    assert!(tracker.in_step());
    tracker
}

#[test]
fn a_read_before_the_subscription_is_where_changes_count_from() {
    let mut tracker = DesiredTracker::default();
    tracker.seen(&json!({"a": 1}), 3);
    tracker.subscribed();
    assert!(tracker.wants_read());
    assert_eq!(tracker.read(&json!({"a": 2}), 4), [patch(4, json!({"a": 2}))]);
}

#[test]
fn a_read_after_a_reconnect_does_not_hide_a_change_from_who_watches() {
    let mut tracker = in_step(&json!({"a": 1}), 3);
    tracker.disconnected();
    tracker.seen(&json!({"a": 2}), 4);
    tracker.subscribed();
    assert!(tracker.wants_read());
    assert_eq!(tracker.read(&json!({"a": 2}), 4), [patch(4, json!({"a": 2}))]);
}

#[test]
fn a_device_made_anew_with_the_same_version_is_another_device() {
    let mut tracker = in_step(&json!({"a": 1}), 1);
    tracker.disconnected();
    tracker.subscribed();
    assert!(tracker.wants_read());
    assert_eq!(tracker.read(&json!({"b": 1}), 1), [patch(1, json!({"a": null, "b": 1}))]);
}

#[test]
fn what_cannot_be_applied_is_read() {
    for rubbish in [Value::Null, json!([1]), json!("text"), json!(7)] {
        let mut tracker = in_step(&json!({"a": 1}), 3);
        assert_eq!(tracker.notified(patch(4, rubbish.clone())), None);
        assert!(tracker.wants_read(), "{rubbish}");
        assert_eq!(tracker.notified(patch(5, rubbish)), None);
        // The read has the first, not the second, which came while it was under way.
        assert_eq!(tracker.read(&json!({"a": 2}), 4), [patch(4, json!({"a": 2}))]);
        assert!(tracker.wants_read());
    }
}

#[test]
fn versions_at_the_end_of_their_range_are_just_versions() {
    let mut tracker = in_step(&json!({}), u64::MAX);
    assert_eq!(tracker.notified(patch(u64::MAX, json!({"a": 1}))).unwrap().version, u64::MAX);
    assert_eq!(tracker.notified(patch(u64::MAX, json!({"a": 1}))), None);
    assert_eq!(tracker.notified(patch(0, json!({"a": 1}))), None);
    assert!(tracker.in_step());
}

#[test]
fn a_flood_during_the_read_is_dropped_and_read_again() {
    let mut tracker = in_step(&json!({}), 1);
    assert_eq!(tracker.notified(patch(3, json!({"n": 3}))), None);
    assert!(tracker.wants_read());
    for version in 4..1000 {
        assert_eq!(tracker.notified(patch(version, json!({ "n": version }))), None);
    }
    let first = tracker.read(&json!({"n": 3}), 3);
    assert_eq!(first, [patch(3, json!({"n": 3}))]);
    assert!(tracker.wants_read(), "some were dropped, which shows as a gap");
    assert_eq!(tracker.read(&json!({"n": 999}), 999), [patch(999, json!({"n": 999}))]);
    assert!(tracker.in_step());
}

#[test]
fn a_change_between_the_grant_and_the_first_read_is_handed_on() {
    let mut tracker = DesiredTracker::default();
    tracker.subscribed();
    assert!(tracker.wants_read());
    assert_eq!(tracker.notified(patch(5, json!({"a": 5}))), None);
    // The read has both; the second notification comes after it.
    assert_eq!(tracker.read(&json!({"a": 6}), 6), [patch(5, json!({"a": 5}))]);
    assert_eq!(tracker.notified(patch(6, json!({"a": 6}))), Some(patch(6, json!({"a": 6}))));
    assert_eq!(tracker.notified(patch(6, json!({"a": 6}))), None);
    assert_eq!(tracker.notified(patch(7, json!({"a": 7}))), Some(patch(7, json!({"a": 7}))));
}

#[test]
fn an_unreadable_change_before_the_first_read_gives_all_properties() {
    let mut tracker = DesiredTracker::default();
    tracker.subscribed();
    assert!(tracker.wants_read());
    assert_eq!(tracker.notified(patch(5, Value::Null)), None);
    assert_eq!(tracker.read(&json!({"a": 6}), 6), [patch(6, json!({"a": 6}))]);
    assert_eq!(tracker.notified(patch(6, json!({"a": 6}))), None);
}

#[test]
fn a_connection_that_ends_between_the_grant_and_the_first_read_hides_no_change() {
    let mut tracker = DesiredTracker::default();
    tracker.subscribed();
    assert!(tracker.wants_read());
    tracker.disconnected();
    tracker.subscribed();
    assert!(tracker.wants_read());
    assert_eq!(tracker.read(&json!({"a": 2}), 4), [patch(4, json!({"a": 2}))]);
    assert_eq!(tracker.notified(patch(4, json!({"a": 2}))), None);
}

#[test]
fn a_flood_before_the_first_read_gives_all_properties() {
    let mut tracker = DesiredTracker::default();
    tracker.subscribed();
    assert!(tracker.wants_read());
    for version in 2..1000 {
        assert_eq!(tracker.notified(patch(version, json!({ "n": version }))), None);
    }
    assert_eq!(tracker.read(&json!({"n": 999}), 999), [patch(999, json!({"n": 999}))]);
    assert!(tracker.in_step());
}
