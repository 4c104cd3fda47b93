//! What becomes of a session that the broker forgot, or that the client is done with.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::state::{End, Session};
use crate::limits::LostSession;
use crate::managed::config::EndSession;
use crate::managed::error::Error;
use crate::managed::message::Published;
use azmqtt_mqtt::{QoS, Unacknowledged};

impl Session {
    /// The broker forgot the session: subscriptions and messages at QoS 1 without their acknowledgement come again, as new,
    /// before anything younger; or everything ends, as the application chose.
    pub(super) fn session_lost(&mut self) -> Result<(), End> {
        self.shared.monitor.counters.sessions_lost.add(1);
        self.arrivals.disconnected(true);
        if self.shared.config.lost_session == LostSession::Fail {
            return Err(End::Final(Error::SessionLost));
        }
        self.subscriptions.ask_again();
        Ok(())
    }

    /// What the session that is lost had written and not heard of.
    pub(super) fn publish_again(&mut self) {
        let mut again = Vec::new();
        for message in self.mqtt.take_unacknowledged() {
            match message {
                Unacknowledged::Written(publish, ticket) if publish.qos == QoS::AtLeastOnce => {
                    again.push((publish, ticket));
                }
                // At QoS 2 a second copy might be one too many.
                Unacknowledged::Written(_, ticket) | Unacknowledged::NotSentAgain(ticket, _) => {
                    self.settle(ticket, Err(Error::DeliveryUnknown));
                }
                Unacknowledged::Received(ticket, code) => self.settle(ticket, Ok(Published { code })),
            }
        }
        self.shared.monitor.counters.messages_resent.add(again.len() as u64);
        self.outbox.requeue(again);
    }

    /// Another client of the process has connected as this one's client identifier, and the broker keeps one.
    pub(super) fn replaced(&mut self, now: Instant) {
        self.shared.replaced.store(true, Ordering::Relaxed);
        self.goal.close(now, None, false);
    }

    /// Whether the session is to end with the client. It goes on with a client that has its place.
    pub(super) fn ends_session(&self) -> bool {
        !self.shared.replaced.load(Ordering::Relaxed)
            && match self.shared.config.end_session {
                EndSession::Never => false,
                EndSession::OnClose => true,
                EndSession::IfBegun => self.is_own,
            }
    }
}
