//! A message on its way to those who match.

use std::borrow::Cow;
use std::time::Instant;

use azmqtt_mqtt::{Properties, PropertiesBuilder, Publish, QoS, Text};

use super::session::{Session, size};
use super::sessions::Sessions;
use crate::routing::{Group, Matches, Options, SessionKey, Subscriber};
use azmqtt_local::faults::Random;

/// A payload of at most this many bytes is copied for those who may keep the message. It would keep alive the buffer that it
/// was read into otherwise, which may have a hundred times its size.
const COPIED: usize = 16 << 10;

/// One message, in the forms in which it is delivered. Each is made once, when somebody needs it.
pub struct Message<'a> {
    /// As it came.
    published: &'a Publish,
    /// Bytes of its topic, properties and payload.
    pub size: usize,
    /// When it came, from which its expiry counts.
    pub accepted: Instant,
    /// At QoS 0, in the memory in which it came.
    passing: Option<Publish>,
    /// In memory of its own, at the QoS at which it came.
    kept: Option<Publish>,
}

impl<'a> Message<'a> {
    pub fn new(published: &'a Publish, accepted: Instant) -> Self {
        Self { published, size: size(published), accepted, passing: None, kept: None }
    }

    /// The QoS at which it is delivered there.
    pub fn qos(&self, matched: &Match) -> QoS {
        self.published.qos.min(matched.qos)
    }

    /// For somebody to keep: in memory of its own, with the QoS and the flag that this match gives it. Nobody keeps it after
    /// the `last`.
    pub fn kept(&mut self, matched: &Match, is_v5: bool, last: bool) -> Publish {
        let kept = self.kept.take().unwrap_or_else(|| undelivered(keep(self.published)));
        if !last {
            self.kept = Some(kept.clone());
        }
        let mut publish = kept;
        matched.dress(&mut publish, self.published.retain, is_v5);
        publish
    }

    /// At QoS 0, for now.
    pub fn passing(&mut self, matched: &Match, is_v5: bool) -> Cow<'_, Publish> {
        let published = self.published;
        let plain = self.passing.get_or_insert_with(|| undelivered(published.clone()));
        plain.qos = QoS::AtMostOnce;
        let is_plain =
            !(published.retain && matched.retain_as_published) && (matched.identifier == 0 || !is_v5);
        if is_plain {
            return Cow::Borrowed(plain);
        }
        let mut publish = plain.clone();
        matched.dress(&mut publish, published.retain, is_v5);
        Cow::Owned(publish)
    }
}

/// Without what belongs to the delivery in which it came.
fn undelivered(publish: Publish) -> Publish {
    Publish { retain: false, dup: false, packet_id: 0, ..publish }
}

/// A copy that keeps no large buffer in memory.
pub fn keep(publish: &Publish) -> Publish {
    if publish.payload.len() <= COPIED {
        return publish.compact();
    }
    let topic = Text::from(publish.topic.as_str());
    let (properties, payload) = (publish.properties.compact(), publish.payload.clone());
    Publish { topic, properties, payload, ..*publish }
}

/// A session that gets the message once, however many of its filters match.
#[derive(Debug)]
pub struct Match {
    pub session: SessionKey,
    qos: QoS,
    retain_as_published: bool,
    /// The first subscription identifier, or 0, and the others.
    identifier: u32,
    others: Vec<u32>,
}

impl Match {
    pub fn new(subscriber: &Subscriber) -> Self {
        let Options { qos, retain_as_published, identifier, .. } = subscriber.options;
        Self { session: subscriber.session, qos, retain_as_published, identifier, others: Vec::new() }
    }

    /// Another filter of the same session matches.
    fn add(&mut self, options: Options) {
        self.qos = self.qos.max(options.qos);
        self.retain_as_published |= options.retain_as_published;
        match (self.identifier, options.identifier) {
            (_, 0) => {}
            (0, identifier) => self.identifier = identifier,
            (_, identifier) => self.others.push(identifier),
        }
    }

    pub fn dress(&self, publish: &mut Publish, is_retained: bool, is_v5: bool) {
        publish.qos = publish.qos.min(self.qos);
        publish.retain = is_retained && self.retain_as_published;
        if is_v5 && self.identifier != 0 {
            publish.properties = self.with_identifiers(&publish.properties);
        }
    }

    /// As a subscription that begins gets it: with the retain flag.
    pub fn dress_retained(&self, publish: &mut Publish, is_v5: bool) {
        self.dress(publish, true, is_v5);
        publish.retain = true;
    }

    fn with_identifiers(&self, properties: &Properties) -> Properties {
        let mut builder = PropertiesBuilder::from(properties).subscription_identifier(self.identifier);
        for identifier in &self.others {
            builder = builder.subscription_identifier(*identifier);
        }
        // They were in a SUBSCRIBE, and are valid.
        builder.build().unwrap_or_else(|_| properties.clone())
    }
}

/// Collects the matches of one message.
pub struct Collect<'a> {
    pub matches: &'a mut Vec<Match>,
    pub sessions: &'a mut Sessions,
    pub random: &'a mut Random,
    /// Whose message it is, for those who do not want their own.
    pub publisher: Option<SessionKey>,
    /// Which message it is, by its number.
    pub number: u64,
}

impl Matches for Collect<'_> {
    fn plain(&mut self, subscriber: &Subscriber) {
        if subscriber.options.no_local && self.publisher == Some(subscriber.session) {
            return;
        }
        let Some(session) = self.sessions.get_mut(subscriber.session) else { return };
        let (number, index) = session.matched;
        if number == self.number
            && let Some(matched) = self.matches.get_mut(index)
        {
            matched.add(subscriber.options);
        } else {
            session.matched = (self.number, self.matches.len());
            self.matches.push(Match::new(subscriber));
        }
    }

    /// A member by chance, one that is connected if there is one.
    fn shared(&mut self, group: &Group) {
        let members = group.members();
        let start = (self.random.next_u64() % members.len().max(1) as u64) as usize;
        let turn = || members[start..].iter().chain(&members[..start]);
        let is_online =
            |member: &&Subscriber| self.sessions.get(member.session).is_some_and(Session::is_online);
        if let Some(member) = turn().find(is_online).or_else(|| turn().next()) {
            self.matches.push(Match::new(member));
        }
    }
}
