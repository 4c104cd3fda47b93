//! SUBSCRIBE and UNSUBSCRIBE.

use std::time::Instant;

use azmqtt_mqtt::{QoS, ReasonCode, RetainHandling, Subscribe, SubscribeFilter, Unsubscribe};

use super::connection::Connection;
use super::message::Match;
use super::outcome::End;
use super::state::Broker;
use crate::access::Action;
use crate::behaviours::{DeniedSubscribe, DollarTopics};
use crate::durable::Record;
use crate::limits::{FILTERS_PER_PACKET, SHARED_PER_SESSION, SUBSCRIPTIONS_PER_SESSION};
use crate::routing::{Options, Subscriber};
use crate::topic::{Levels, RequestedFilter, is_hidden};

impl Broker {
    pub(super) fn subscribed(&mut self, connection: Connection, subscribe: &Subscribe, now: Instant) {
        let Some(online) = self.sessions.online(connection) else { return };
        if !online.is_v5() && subscribe.filters.iter().any(SubscribeFilter::is_shared) {
            let what = "a shared subscription in MQTT 3.1.1";
            let end = End::Misbehaved(ReasonCode::SharedSubscriptionsNotSupported, what);
            return self.end_session(connection.session, end, now);
        }
        let identifier = subscribe.properties.subscription_identifiers().next().unwrap_or(0);
        let is_within_rate = self.throttle.subscribe(&mut online.inbound, now);
        let refused_as_a_whole = if self.behaviours.user_properties.refuses(&subscribe.properties) {
            Some(ReasonCode::ImplementationSpecificError)
        } else if !is_within_rate || subscribe.filters.len() > FILTERS_PER_PACKET {
            Some(ReasonCode::QuotaExceeded)
        } else {
            None
        };
        let outcomes: Vec<(ReasonCode, bool)> = subscribe
            .filters
            .iter()
            .map(|filter| match refused_as_a_whole {
                Some(code) => (code, false),
                None => self
                    .subscribe(connection, filter, identifier, now)
                    .map_or_else(|code| (code, false), |is_new| (granted(filter.qos), is_new)),
            })
            .collect();
        if let Some(online) = self.sessions.online(connection) {
            let codes = outcomes.iter().map(|(code, _)| *code).collect();
            online.server.suback(subscribe.packet_id, codes);
        }
        for (filter, (code, is_new)) in subscribe.filters.iter().zip(outcomes) {
            let wants = match filter.retain_handling {
                RetainHandling::Always => true,
                RetainHandling::IfNew => is_new,
                RetainHandling::Never => false,
            };
            // A shared subscription gets none (MQTT 5 §4.8.2).
            if wants && !code.is_error() && !filter.is_shared() {
                let subscriber =
                    Subscriber { session: connection.session, options: options(filter, identifier) };
                if let Ok(levels) = Levels::of(&filter.filter) {
                    self.wait_for_retained(connection.session, &Match::new(&subscriber), &levels, now);
                }
            }
        }
        self.hold(connection);
        self.send_waiting(connection.session, now);
    }

    /// Subscribes to one filter. Whether that is new.
    fn subscribe(
        &mut self,
        connection: Connection,
        asked: &SubscribeFilter,
        identifier: u32,
        now: Instant,
    ) -> Result<bool, ReasonCode> {
        let invalid = |_| ReasonCode::TopicFilterInvalid;
        let RequestedFilter { share, filter } = RequestedFilter::parse(&asked.filter).map_err(invalid)?;
        let levels = Levels::of_filter(filter).map_err(invalid)?;
        let Some(session) = self.sessions.of(connection) else { return Err(ReasonCode::UnspecifiedError) };
        let hidden = is_hidden(filter) && self.behaviours.dollar_topics == DollarTopics::Refused;
        if hidden || !session.rights.may_subscribe(&session.identity.principal, &levels) {
            self.note_denied(connection, Action::Subscribe(&asked.filter), now);
            return Err(match self.behaviours.denied_subscribe {
                DeniedSubscribe::NotAuthorized => ReasonCode::NotAuthorized,
                DeniedSubscribe::Unspecified => ReasonCode::UnspecifiedError,
            });
        }
        let is_known = session.filters.iter().any(|known| **known == *asked.filter);
        let shared = session.filters.iter().filter(|known| known.starts_with("$share/")).count();
        let is_full = session.filters.len() >= SUBSCRIPTIONS_PER_SESSION
            || self.subscriptions.len() >= self.limits.subscriptions
            || share.is_some() && shared >= SHARED_PER_SESSION;
        if !is_known && is_full {
            return Err(ReasonCode::QuotaExceeded);
        }
        let subscriber = Subscriber { session: connection.session, options: options(asked, identifier) };
        let inserted = self.subscriptions.insert(levels.as_slice(), share, subscriber);
        let is_new = inserted.map_err(|_| ReasonCode::QuotaExceeded)?;
        if let (Some(recorder), true) = (&mut self.recorder, session.is_durable) {
            let (key, filter) = (connection.session, asked.filter.as_str().into());
            recorder.add(&Record::Subscribed { key, filter, options: subscriber.options });
        }
        if !is_known {
            session.filters.push(asked.filter.as_str().into());
        }
        Ok(is_new)
    }

    pub(super) fn unsubscribed(&mut self, connection: Connection, unsubscribe: &Unsubscribe) {
        let Some(session) = self.sessions.of(connection) else { return };
        let mut removed = Vec::new();
        let codes = unsubscribe.filters.iter().map(|filter| {
            match session.filters.iter().position(|known| **known == **filter) {
                Some(index) => {
                    removed.push(session.filters.swap_remove(index));
                    ReasonCode::Success
                }
                None => ReasonCode::NoSubscriptionExisted,
            }
        });
        let codes = codes.collect();
        if let Some(online) = session.online() {
            online.server.unsuback(unsubscribe.packet_id, codes);
        }
        for filter in removed {
            self.unsubscribe_all_of(&filter, connection.session);
            self.record_unsubscribed(connection.session, filter);
        }
        self.hold(connection);
    }
}

/// At most QoS 1.
fn granted(qos: QoS) -> ReasonCode {
    ReasonCode::granted(qos.min(QoS::AtLeastOnce))
}

fn options(asked: &SubscribeFilter, identifier: u32) -> Options {
    Options {
        qos: asked.qos.min(QoS::AtLeastOnce),
        no_local: asked.no_local,
        retain_as_published: asked.retain_as_published,
        identifier,
    }
}
