//! The subscriptions of all sessions.

use std::fmt;

use azmqtt_mqtt::QoS;

use super::SessionKey;
use super::tree::{NodeId, ROOT, Tree, Value};
use crate::limits::{SHARED_GROUPS, SHARED_MEMBERS};
use crate::topic::is_hidden;

/// What a session has asked for with a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The largest QoS at which it gets messages.
    pub qos: QoS,
    /// Whether it does not get its own.
    pub no_local: bool,
    /// Whether messages keep the retain flag with which they were published.
    pub retain_as_published: bool,
    /// Its subscription identifier; 0 for none.
    pub identifier: u32,
}

/// A session at a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscriber {
    /// Which session.
    pub session: SessionKey,
    /// What it asks for.
    pub options: Options,
}

/// A shared subscription: sessions of which one gets each message (MQTT 5 §4.8.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    name: Box<str>,
    members: Vec<Subscriber>,
}

impl Group {
    /// The sessions in it; at least one.
    pub fn members(&self) -> &[Subscriber] {
        &self.members
    }
}

/// Who matches a topic.
pub trait Matches {
    /// A session that gets the message. It may come several times, once for each filter of it that matches.
    fn plain(&mut self, subscriber: &Subscriber);
    /// Sessions of which one gets the message.
    fn shared(&mut self, group: &Group);
}

/// Why a session cannot join a shared group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooMany {
    /// There are as many groups as there may be.
    Groups,
    /// The group has as many members as it may.
    Members,
}

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Groups => write!(f, "the limit of {SHARED_GROUPS} shared groups is reached"),
            Self::Members => {
                write!(f, "the limit of {SHARED_MEMBERS} members of the shared group is reached")
            }
        }
    }
}

impl std::error::Error for TooMany {}

/// Filters, and the sessions that have subscribed to them.
#[derive(Debug, Default)]
pub struct Subscriptions {
    tree: Tree<Place>,
    count: usize,
    groups: usize,
}

/// Who has subscribed to filters that end at a place.
#[derive(Debug, Default)]
struct Place {
    /// To the filter that leads here.
    here: Entry,
    /// To that with `#` behind it, which stands for this place as well.
    below: Option<Box<Entry>>,
}

#[derive(Debug, Default)]
struct Entry {
    /// In the order of their keys.
    plain: Vec<Subscriber>,
    shared: Vec<Group>,
}

impl Value for Place {
    fn is_empty(&self) -> bool {
        self.here.is_empty() && self.below.is_none()
    }
}

impl Subscriptions {
    /// Subscriptions, each session counted at each of its filters.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Subscribes a session to a filter, which is one that §4.7 allows, in the shared group of that name if there is one.
    /// Replaces what it had there; whether it had nothing.
    pub fn insert(
        &mut self,
        filter: &[&str],
        share: Option<&str>,
        subscriber: Subscriber,
    ) -> Result<bool, TooMany> {
        if let Some(share) = share {
            self.check_room(filter, share, subscriber.session)?;
        }
        let (levels, is_below) = split(filter);
        let place = self.tree.reach(levels);
        let entry = if is_below { &mut **place.below.get_or_insert_default() } else { &mut place.here };
        let members = match share {
            None => &mut entry.plain,
            Some(name) => {
                let index = entry.shared.iter().position(|group| *group.name == *name);
                let index = index.unwrap_or_else(|| {
                    self.groups += 1;
                    entry.shared.push(Group { name: name.into(), members: Vec::new() });
                    entry.shared.len() - 1
                });
                &mut entry.shared[index].members
            }
        };
        let is_new = put(members, subscriber);
        self.count += usize::from(is_new);
        Ok(is_new)
    }

    fn check_room(&self, filter: &[&str], share: &str, session: SessionKey) -> Result<(), TooMany> {
        let (levels, is_below) = split(filter);
        let entry = self.tree.get(levels).and_then(|place| place.entry(is_below));
        match entry.and_then(|entry| entry.shared.iter().find(|group| *group.name == *share)) {
            None if self.groups >= SHARED_GROUPS => Err(TooMany::Groups),
            Some(Group { members, .. })
                if members.len() >= SHARED_MEMBERS && find(members, session).is_err() =>
            {
                Err(TooMany::Members)
            }
            _ => Ok(()),
        }
    }

    /// Takes a session from a filter. Whether it was there.
    pub fn remove(&mut self, filter: &[&str], share: Option<&str>, session: SessionKey) -> bool {
        let (levels, is_below) = split(filter);
        let Self { tree, count, groups } = self;
        let removed = tree.change(levels, |place| {
            let entry = if is_below { place.below.as_deref_mut()? } else { &mut place.here };
            match share {
                None => take(&mut entry.plain, session)?,
                Some(name) => {
                    let index = entry.shared.iter().position(|group| *group.name == *name)?;
                    take(&mut entry.shared[index].members, session)?;
                    if entry.shared[index].members.is_empty() {
                        entry.shared.swap_remove(index);
                        *groups -= 1;
                    }
                }
            }
            if place.below.as_ref().is_some_and(|entry| entry.is_empty()) {
                place.below = None;
            }
            Some(())
        });
        let was_there = removed.flatten().is_some();
        *count -= usize::from(was_there);
        was_there
    }

    /// What a session has asked for with a filter.
    pub fn options(&self, filter: &[&str], share: Option<&str>, session: SessionKey) -> Option<Options> {
        let (levels, is_below) = split(filter);
        let entry = self.tree.get(levels)?.entry(is_below)?;
        let members = match share {
            None => &entry.plain,
            Some(name) => &entry.shared.iter().find(|group| *group.name == *name)?.members,
        };
        find(members, session).ok().and_then(|index| members.get(index)).map(|found| found.options)
    }

    /// The members of a shared group at a filter.
    pub fn group(&self, filter: &[&str], share: &str) -> Option<&Group> {
        let (levels, is_below) = split(filter);
        let entry = self.tree.get(levels)?.entry(is_below)?;
        entry.shared.iter().find(|group| *group.name == *share)
    }

    /// Finds who has subscribed to a filter that stands for the topic of these levels.
    pub fn find(&self, topic: &[&str], matches: &mut impl Matches) {
        let hides = topic.first().is_some_and(|first| is_hidden(first));
        self.walk(ROOT, topic, hides, matches);
    }

    /// With `hides` the next level is one for which no wildcard stands.
    fn walk(&self, at: NodeId, rest: &[&str], hides: bool, matches: &mut impl Matches) {
        let node = self.tree.node(at);
        if let (Some(below), false) = (&node.value.below, hides) {
            below.tell(matches);
        }
        let Some((level, rest)) = rest.split_first() else { return node.value.here.tell(matches) };
        if let Some(child) = node.child(level) {
            self.walk(child, rest, false, matches);
        }
        if let (Some(any), false) = (node.any(), hides) {
            self.walk(any, rest, false, matches);
        }
    }

    /// Places that are kept for the filters.
    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.tree.len()
    }
}

impl Place {
    fn entry(&self, is_below: bool) -> Option<&Entry> {
        if is_below { self.below.as_deref() } else { Some(&self.here) }
    }
}

impl Entry {
    fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.shared.is_empty()
    }

    #[inline]
    fn tell(&self, matches: &mut impl Matches) {
        for subscriber in &self.plain {
            matches.plain(subscriber);
        }
        for group in &self.shared {
            matches.shared(group);
        }
    }
}

/// The filter without `#` at its end, and whether that was there.
fn split<'a, 'b>(filter: &'a [&'b str]) -> (&'a [&'b str], bool) {
    match filter.split_last() {
        Some((&"#", levels)) => (levels, true),
        _ => (filter, false),
    }
}

fn find(members: &[Subscriber], session: SessionKey) -> Result<usize, usize> {
    members.binary_search_by_key(&session, |member| member.session)
}

fn put(members: &mut Vec<Subscriber>, subscriber: Subscriber) -> bool {
    match find(members, subscriber.session) {
        Ok(index) => {
            members[index] = subscriber;
            false
        }
        Err(index) => {
            members.insert(index, subscriber);
            true
        }
    }
}

fn take(members: &mut Vec<Subscriber>, session: SessionKey) -> Option<()> {
    let index = find(members, session).ok()?;
    members.remove(index);
    if members.capacity() > 4 * members.len() {
        members.shrink_to(2 * members.len());
    }
    Some(())
}
