//! A message on its way to those who match.

use std::time::Instant;

use azmqtt_mqtt::{Properties, PropertiesBuilder, Publish, QoS, Text};

use super::session::Session;
use super::sessions::Sessions;
use crate::routing::{Group, Matches, Options, SessionKey, Subscriber};
use azmqtt_local::faults::Random;

/// A payload of at most this many bytes is copied for those who may keep the message. It would keep alive the buffer that it
/// was read into otherwise, which may have a hundred times its size.
const COPIED: usize = 16 << 10;

/// One message, in the forms in which it is delivered. Each is made when somebody needs it.
pub struct Message {
    /// At QoS 0 or 1, without a packet identifier or the flags of its own delivery.
    publish: Publish,
    /// Whether it was published with the retain flag.
    is_retained: bool,
    /// When it came, from which its expiry counts.
    pub accepted: Instant,
    /// The same at QoS 1, in memory of its own.
    kept: Option<Publish>,
}

impl Message {
    pub fn new(mut publish: Publish, accepted: Instant) -> Self {
        let is_retained = publish.retain;
        publish.retain = false;
        publish.dup = false;
        publish.packet_id = 0;
        Self { publish, is_retained, accepted, kept: None }
    }

    pub fn publish(&self) -> &Publish {
        &self.publish
    }

    /// For somebody to keep: in memory of its own, with the QoS and the flag that this match gives it.
    pub fn kept(&mut self, matched: &Match, is_v5: bool) -> Publish {
        let kept = self.kept.get_or_insert_with(|| keep(&self.publish));
        let mut publish = kept.clone();
        matched.dress(&mut publish, self.is_retained, is_v5);
        publish
    }

    /// At QoS 0, for now.
    pub fn passing(&self, matched: &Match, is_v5: bool) -> Option<Publish> {
        let is_plain = self.publish.qos == QoS::AtMostOnce
            && !(self.is_retained && matched.retain_as_published)
            && (matched.identifier == 0 || !is_v5);
        if is_plain {
            return None;
        }
        let mut publish = self.publish.clone();
        matched.dress(&mut publish, self.is_retained, is_v5);
        Some(publish)
    }
}

/// A copy that keeps no large buffer in memory.
pub fn keep(publish: &Publish) -> Publish {
    let payload = if publish.payload.len() <= COPIED {
        bytes::Bytes::copy_from_slice(&publish.payload)
    } else {
        publish.payload.clone()
    };
    Publish {
        topic: Text::from(publish.topic.as_str()),
        properties: publish.properties.compact(),
        payload,
        ..*publish
    }
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

    /// The QoS at which a message of this one is delivered.
    pub fn qos(&self, publish: &Publish) -> QoS {
        publish.qos.min(self.qos)
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
        publish.qos = self.qos(publish);
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
