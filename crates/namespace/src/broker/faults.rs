//! What faults do to packets that come in, and to connections as they are.

use std::time::Instant;

use azmqtt_mqtt::server::Event;
use azmqtt_mqtt::{QoS, ReasonCode, Version};

use super::connection::Connection;
use super::outcome::End;
use super::session::{Session, Token};
use super::state::Broker;
use crate::faults::{NowFault, Target};
use azmqtt_local::faults::corrupt;

/// What becomes of a packet that came in.
#[derive(Debug)]
pub enum Passage {
    /// It is taken.
    Take(Event<Token>),
    /// It never came.
    Lose(Event<Token>),
    /// It is refused with this code.
    Answer(Event<Token>, ReasonCode),
    /// It never came, and the connection is over.
    End(Event<Token>, End),
    /// It is taken later, by whoever keeps it, and so is what comes behind it.
    Wait,
}

impl Broker {
    /// Takes a packet that a fault had wait.
    pub fn take_late(&mut self, connection: Connection, event: Event<Token>, now: Instant) {
        self.handle(connection, event, now);
        self.publish_due_wills(now);
    }

    pub(super) fn disturb(&mut self, connection: Connection, passage: Passage, now: Instant) {
        match passage {
            Passage::Take(event) => self.handle(connection, event, now),
            Passage::Lose(event) => self.lose(connection, &event),
            Passage::Answer(event, code) => self.refuse(connection, event, code, now),
            Passage::End(event, end) => {
                self.lose(connection, &event);
                self.end_session(connection.session, end, now);
            }
            Passage::Wait => {}
        }
    }

    /// A packet never came: a message whose acknowledgement it was is still in flight.
    fn lose(&mut self, connection: Connection, event: &Event<Token>) {
        if let Event::Acknowledged { token, .. } = *event
            && let Some(online) = self.sessions.online(connection)
        {
            online.server.unacknowledge(token);
        }
    }

    /// Refuses a packet. Where MQTT has no words for it, the connection ends.
    fn refuse(&mut self, connection: Connection, event: Event<Token>, code: ReasonCode, now: Instant) {
        let Some(online) = self.sessions.online(connection) else { return };
        match event {
            Event::Subscribe(subscribe) => {
                online.server.suback(subscribe.packet_id, vec![code; subscribe.filters.len()]);
            }
            Event::Publish(publish)
                if publish.qos == QoS::AtLeastOnce && online.server.version() == Version::Mqtt5 =>
            {
                online.server.acknowledge(publish.packet_id, code);
            }
            _ => {
                self.end_session(
                    connection.session,
                    End::Misbehaved(code, "a fault that was asked for"),
                    now,
                );
            }
        }
    }

    /// Has a fault happen to every connection that is meant. Whose they are.
    pub fn strike(&mut self, fault: NowFault, target: &Target, now: Instant) -> Vec<String> {
        let keys = match &target.0 {
            None => self.sessions.keys(),
            Some(client_id) => self.sessions.find(client_id).into_iter().collect(),
        };
        let mut hit = Vec::new();
        for key in keys {
            let Some(session) = self.sessions.get_mut(key) else { continue };
            let client_id = session.client_id.to_string();
            let Some(online) = Session::online(session) else { continue };
            hit.push(client_id);
            let end = match fault {
                NowFault::Drop => End::Dropped { in_order: false },
                NowFault::ShutDown => End::Dropped { in_order: true },
                NowFault::ExpireToken => End::Unauthenticated,
                NowFault::TakeOver => End::TakenOver,
                NowFault::Corrupt => {
                    corrupt(online.server.output());
                    online.wake();
                    continue;
                }
                NowFault::Silence(_) | NowFault::Delay(_) => {
                    online.struck.push(fault);
                    online.wake();
                    continue;
                }
            };
            self.end_session(key, end, now);
        }
        self.publish_due_wills(now);
        hit
    }

    /// Faults that have struck a connection since the last call.
    pub fn take_struck(&mut self, connection: Connection) -> Vec<NowFault> {
        self.sessions.online(connection).map(|online| std::mem::take(&mut online.struck)).unwrap_or_default()
    }
}
