//! Messages of a shared group whose member is gone: another member gets them (Event Grid docs, "MQTT shared subscriptions").

use std::time::Instant;

use azmqtt_mqtt::{PropertiesBuilder, Property};

use super::message::Match;
use super::session::{Session, Waiting};
use super::state::Broker;
use crate::topic::{Levels, RequestedFilter, matches};

/// A message, and the group that it was for.
#[derive(Debug)]
pub struct Orphan {
    waiting: Waiting,
    /// As it was subscribed, `$share/…`.
    asked: Box<str>,
}

impl Broker {
    /// Notes what waited for a session that is over, as far as it was for one of its shared groups.
    pub(super) fn leave_orphans(&mut self, session: &mut Session) {
        if !session.filters.iter().any(|filter| filter.starts_with("$share/")) {
            return;
        }
        while let Some(waiting) = session.queue.pop() {
            // What one of its own filters stands for was meant for it alone.
            if let Some(asked) = group_of(session, &waiting) {
                self.orphans.push_back(Orphan { waiting, asked });
            }
        }
    }

    /// Has other members get what their groups have left. Each member that this ends may leave more.
    pub(super) fn adopt_orphans(&mut self, now: Instant) {
        while let Some(Orphan { waiting, asked }) = self.orphans.pop_front() {
            let Ok(RequestedFilter { share: Some(share), filter }) = RequestedFilter::parse(&asked) else {
                continue;
            };
            let Ok(levels) = Levels::of(filter) else { continue };
            let Some(group) = self.subscriptions.group(levels.as_slice(), share) else { continue };
            let is_online = |key| self.sessions.get(key).is_some_and(Session::is_online);
            let members = group.members();
            let member = members.iter().find(|member| is_online(member.session)).or(members.first());
            let Some(member) = member else { continue };
            let (key, matched) = (member.session, Match::new(member));
            let Waiting { mut publish, accepted, .. } = waiting;
            let properties =
                PropertiesBuilder::from(&publish.properties).without(Property::SubscriptionIdentifier);
            publish.properties = properties.build().unwrap_or_default();
            matched.dress(&mut publish, false, true);
            self.wait(key, Waiting::new(publish, accepted), now);
            self.send_waiting(key, now);
            if let Some(online) = self.sessions.get_mut(key).and_then(Session::online) {
                online.wake();
            }
        }
    }
}

/// The shared filter by which a session got a message, if it was none of its own.
fn group_of(session: &Session, waiting: &Waiting) -> Option<Box<str>> {
    let topic = Levels::of(&waiting.publish.topic).ok()?;
    let mut shared = None;
    for asked in &session.filters {
        let Ok(RequestedFilter { share, filter }) = RequestedFilter::parse(asked) else { continue };
        if !Levels::of(filter).is_ok_and(|filter| matches(filter.as_slice(), topic.as_slice())) {
            continue;
        }
        share?;
        shared.get_or_insert(asked);
    }
    shared.cloned()
}
