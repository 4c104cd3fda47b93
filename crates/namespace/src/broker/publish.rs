//! PUBLISH of a client: whether it is taken, and what the client is told.

use std::time::Instant;

use azmqtt_mqtt::{Properties, Publish, QoS, ReasonCode};

use super::connection::Connection;
use super::durability::retained;
use super::message::keep;
use super::outcome::End;
use super::session::size;
use super::state::Broker;
use crate::access::Action;
use crate::behaviours::{DeniedPublishV3, DeniedQos0, DollarTopics, UnsupportedMessage, ZeroExpiry};
use crate::durable::Record;
use crate::limits::{MAX_MESSAGE_PROPERTY, MAX_RETAIN_SECONDS, MAX_USER_PROPERTIES};
use crate::messages::Publisher;
use crate::routing::{NotKept, Retained, RetainedMessage, SessionKey};
use crate::topic::{Levels, is_hidden};

/// Why a message is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NotTaken {
    /// The client may not publish there.
    Denied,
    /// It is one too many within a second.
    TooFast,
    /// It is over a limit, or of a kind that there is not.
    Unsupported(ReasonCode, &'static str),
}

impl Broker {
    pub(super) fn published(&mut self, connection: Connection, publish: &Publish, now: Instant) {
        let (qos, packet_id) = (publish.qos, publish.packet_id);
        let before = self.position();
        let taken = Levels::of(&publish.topic)
            .map_err(|_| NotTaken::Unsupported(ReasonCode::TopicNameInvalid, "a topic over the limits"))
            .and_then(|levels| self.take(connection, publish, &levels, now));
        match taken {
            Err(why) => {
                if why == NotTaken::Denied {
                    self.note_denied(connection, Action::Publish(&publish.topic), now);
                }
                self.refuse_message(connection, qos, packet_id, why, now);
            }
            // Among those who got it was perhaps the publisher, whose session is over now.
            Ok(()) if qos > QoS::AtMostOnce => {
                self.acknowledge(connection, packet_id, ReasonCode::Success);
                self.hold_after(connection, before);
            }
            Ok(()) => {}
        }
    }

    fn take(
        &mut self,
        connection: Connection,
        publish: &Publish,
        levels: &Levels<'_>,
        now: Instant,
    ) -> Result<(), NotTaken> {
        if publish.qos == QoS::ExactlyOnce {
            // In MQTT 5 the session has said so already.
            return Err(NotTaken::Unsupported(ReasonCode::QoSNotSupported, "a message at QoS 2"));
        }
        let Some(session) = self.sessions.of(connection) else { return Ok(()) };
        if let Some(online) = session.online()
            && !self.throttle.message(&mut online.inbound, size(publish), now)
        {
            return Err(NotTaken::TooFast);
        }
        let (rights, principal) = (&session.rights, &session.identity.principal);
        let hidden = is_hidden(&publish.topic) && self.behaviours.dollar_topics == DollarTopics::Refused;
        let may = session.cache.get_or(&publish.topic, || !hidden && rights.may_publish(principal, levels));
        if !may {
            return Err(NotTaken::Denied);
        }
        if !is_supported(&publish.properties) {
            let code = match self.behaviours.unsupported_message {
                UnsupportedMessage::ImplementationSpecific => ReasonCode::ImplementationSpecificError,
                UnsupportedMessage::QuotaExceeded => ReasonCode::QuotaExceeded,
            };
            return Err(NotTaken::Unsupported(code, "properties over the limits"));
        }
        if publish.properties.message_expiry() == Some(0) && self.behaviours.zero_expiry == ZeroExpiry::AtOnce
        {
            return Ok(());
        }
        self.keep_if_retained(publish, levels, now).map_err(|NotKept| {
            NotTaken::Unsupported(ReasonCode::QuotaExceeded, "a message that cannot be kept")
        })?;
        self.record(publish, connection.session);
        self.route(publish, levels, Some(connection.session), now);
        Ok(())
    }

    /// Notes a message of a session that is taken.
    fn record(&self, publish: &Publish, key: SessionKey) {
        if let Some(log) = &self.log
            && let Some(session) = self.sessions.get(key)
        {
            let principal = session.identity.principal.clone();
            let publisher = Publisher { principal, client_id: Some(session.client_id.clone()) };
            log.record(keep(publish), Some(publisher));
        }
    }

    /// Keeps a message with the retain flag; an empty one drops what was kept (§3.3.1.3).
    pub(super) fn keep_if_retained(
        &mut self,
        publish: &Publish,
        levels: &Levels<'_>,
        now: Instant,
    ) -> Result<(), NotKept> {
        if !publish.retain {
            return Ok(());
        }
        if publish.payload.is_empty() {
            self.retained.remove(levels);
            if let Some(recorder) = &mut self.recorder {
                recorder.add(&Record::Dropped { topic: publish.topic.clone() });
            }
            return Ok(());
        }
        if size(publish) > self.limits.retained_message {
            return Err(NotKept);
        }
        self.retained.expire(now);
        let lifetime = Retained::lifetime(publish.properties.message_expiry(), MAX_RETAIN_SECONDS);
        let message = RetainedMessage {
            publish: Publish { dup: false, packet_id: 0, ..keep(publish) },
            accepted: now,
            expires: now + lifetime,
        };
        let record = self.recorder.is_some().then(|| retained(&message));
        self.retained.put(levels, message)?;
        if let (Some(recorder), Some(record)) = (&mut self.recorder, record) {
            recorder.add(&record);
        }
        Ok(())
    }

    pub(super) fn acknowledge(&mut self, connection: Connection, packet_id: u16, reason: ReasonCode) {
        if let Some(online) = self.sessions.online(connection) {
            online.server.acknowledge(packet_id, reason);
        }
    }

    /// Tells the client that its message is not taken: MQTT 5 has words for it at QoS 1, and otherwise the connection ends.
    fn refuse_message(
        &mut self,
        connection: Connection,
        qos: QoS,
        packet_id: u16,
        why: NotTaken,
        now: Instant,
    ) {
        let Some(online) = self.sessions.online(connection) else { return };
        let is_v5 = online.is_v5();
        let (code, what) = match why {
            NotTaken::Denied => (ReasonCode::NotAuthorized, "a message on a topic without the permission"),
            NotTaken::TooFast => (ReasonCode::MessageRateTooHigh, "too many messages within a second"),
            NotTaken::Unsupported(code, what) => (code, what),
        };
        let drops = match (why, is_v5) {
            (NotTaken::Unsupported(..) | NotTaken::TooFast, _) => false,
            (NotTaken::Denied, true) => self.behaviours.denied_qos0 == DeniedQos0::Dropped,
            (NotTaken::Denied, false) => self.behaviours.denied_publish_v3 == DeniedPublishV3::Acknowledged,
        };
        match qos {
            QoS::AtLeastOnce if is_v5 && why != NotTaken::TooFast => {
                self.acknowledge(connection, packet_id, code);
            }
            QoS::AtLeastOnce if drops => self.acknowledge(connection, packet_id, ReasonCode::Success),
            QoS::AtMostOnce if drops => {}
            _ => self.end_session(connection.session, End::Misbehaved(code, what), now),
        }
    }
}

/// Whether a message's properties are within the limits.
fn is_supported(properties: &Properties) -> bool {
    if properties.len() <= MAX_MESSAGE_PROPERTY {
        return true;
    }
    let user: usize = properties.user_properties().map(|(name, value)| name.len() + value.len()).sum();
    let is_short = |length: Option<usize>| length.is_none_or(|length| length <= MAX_MESSAGE_PROPERTY);
    user <= MAX_USER_PROPERTIES
        && is_short(properties.content_type().map(str::len))
        && is_short(properties.response_topic().map(str::len))
        && is_short(properties.correlation_data().map(<[u8]>::len))
}
