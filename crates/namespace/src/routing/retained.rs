//! The messages that are kept for later subscribers (§3.3.1.3): the last one of each topic, for its time.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use azmqtt_mqtt::Publish;

use super::tree::{NodeId, ROOT, Tree, Value};
use crate::limits::QueueLimit;
use crate::topic::{Levels, is_hidden};

/// A message that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetainedMessage {
    /// The message, with the retain flag. It keeps no read buffer in memory.
    pub publish: Publish,
    /// When it was published, from which its expiry counts.
    pub accepted: Instant,
    /// When it is dropped.
    pub expires: Instant,
}

impl RetainedMessage {
    fn bytes(&self) -> usize {
        let Publish { topic, properties, payload, .. } = &self.publish;
        topic.len() + properties.len() + payload.len()
    }
}

/// A message is not kept: there are as many, or as large ones, as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotKept;

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the namespace keeps no more messages")
    }
}

impl std::error::Error for NotKept {}

/// Kept messages by their topics.
#[derive(Debug)]
pub struct Retained {
    tree: Tree<Kept>,
    /// The topics in the order in which their messages are dropped.
    expiring: BTreeSet<(Instant, Box<str>)>,
    bytes: usize,
    limit: QueueLimit,
}

#[derive(Debug, Default)]
struct Kept(Option<Box<RetainedMessage>>);

impl Value for Kept {
    fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl Retained {
    /// None yet, and no more than this.
    pub fn new(limit: QueueLimit) -> Self {
        Self { tree: Tree::default(), expiring: BTreeSet::new(), bytes: 0, limit }
    }

    /// No more than this from now on. What is there stays.
    pub fn set_limit(&mut self, limit: QueueLimit) {
        self.limit = limit;
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.expiring.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.expiring.is_empty()
    }

    /// Bytes of their topics, properties and payloads.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps a message in the place of the one that its topic had. `topic` is its topic's levels.
    pub fn put(&mut self, topic: &Levels<'_>, message: RetainedMessage) -> Result<(), NotKept> {
        let levels = topic.as_slice();
        let (messages, bytes) = match self.tree.get(levels).and_then(|kept| kept.0.as_ref()) {
            Some(old) => (self.len(), self.bytes - old.bytes()),
            None => (self.len() + 1, self.bytes),
        };
        if !self.limit.holds(messages, bytes + message.bytes()) {
            return Err(NotKept);
        }
        self.remove(topic);
        self.bytes += message.bytes();
        self.expiring.insert((message.expires, message.publish.topic.as_str().into()));
        self.tree.reach(levels).0 = Some(message.into());
        Ok(())
    }

    /// Drops the message of a topic, if there is one.
    pub fn remove(&mut self, topic: &Levels<'_>) {
        let Some(Some(old)) = self.tree.change(topic.as_slice(), |kept| kept.0.take()) else { return };
        self.bytes -= old.bytes();
        self.expiring.remove(&(old.expires, old.publish.topic.as_str().into()));
    }

    /// When the next message is to be dropped.
    pub fn deadline(&self) -> Option<Instant> {
        self.expiring.first().map(|(expires, _)| *expires)
    }

    /// Drops the messages whose time is over.
    pub fn expire(&mut self, now: Instant) {
        while let Some((expires, topic)) = self.expiring.first() {
            if *expires > now {
                return;
            }
            let topic = topic.clone();
            match Levels::of(&topic) {
                Ok(levels) => self.remove(&levels),
                // It was put by its levels.
                Err(_) => drop(self.expiring.pop_first()),
            }
        }
    }

    /// The messages on topics for which this filter stands, unless their time is over. How many places were looked at.
    pub fn find(&self, filter: &Levels<'_>, now: Instant, mut found: impl FnMut(&RetainedMessage)) -> usize {
        let mut looked_at = 0;
        self.walk(ROOT, filter.as_slice(), true, &mut |message| {
            looked_at += 1;
            if let Some(message) = message.filter(|message| message.expires > now) {
                found(message);
            }
        });
        looked_at
    }

    /// Visits the places on the way to those for which the filter stands; with their messages, if it stands for them.
    fn walk(
        &self,
        at: NodeId,
        rest: &[&str],
        is_first: bool,
        visit: &mut impl FnMut(Option<&RetainedMessage>),
    ) {
        let node = self.tree.node(at);
        let message = node.value.0.as_deref();
        let Some((level, rest)) = rest.split_first() else { return visit(message) };
        let visible = |name: &str| !(is_first && is_hidden(name));
        match *level {
            "#" => {
                visit(message);
                for (_, child) in node.children().filter(|(name, _)| visible(name)) {
                    self.walk(child, &["#"], false, visit);
                }
            }
            "+" => {
                visit(None);
                for (_, child) in node.children().filter(|(name, _)| visible(name)) {
                    self.walk(child, rest, false, visit);
                }
            }
            level => {
                visit(None);
                if let Some(child) = node.child(level) {
                    self.walk(child, rest, false, visit);
                }
            }
        }
    }

    /// All of them, in the order in which they are dropped.
    pub fn iter(&self) -> impl Iterator<Item = &RetainedMessage> {
        self.expiring.iter().filter_map(|(_, topic)| {
            let levels = Levels::of(topic).ok()?;
            self.tree.get(levels.as_slice())?.0.as_deref()
        })
    }

    /// How long a message with this expiry interval, in seconds, is kept; 0 and none are as long as any.
    pub fn lifetime(message_expiry: Option<u32>, longest: u32) -> Duration {
        let seconds = message_expiry.filter(|seconds| *seconds > 0).unwrap_or(longest);
        Duration::from_secs(u64::from(seconds.min(longest)))
    }
}
