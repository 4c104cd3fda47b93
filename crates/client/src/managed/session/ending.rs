//! The end of a connection, for now or for good, and what becomes of what was under way.

use std::time::Instant;

use super::goal::Goal;
use super::state::{End, Session};
use crate::limits::LostSession;
use crate::managed::config::EndSession;
use crate::managed::error::Error;
use crate::managed::message::Published;
use crate::watch::State;
use azmqtt_mqtt::{Properties, PropertiesBuilder, QoS, ReasonCode, Unacknowledged};

impl Session {
    /// Whether the client is being closed and there is nothing to wait for.
    pub(crate) fn should_close(&self, now: Instant) -> bool {
        match &self.goal {
            Goal::Close(closing) => !closing.wanted || closing.deadline <= now || self.is_settled(),
            Goal::Rest | Goal::Connected | Goal::Ended(_) => false,
        }
    }

    /// The application gets no connection: tells everybody who waits, and rests until the next call.
    pub(crate) fn give_up(&mut self, error: &Error) {
        self.rest(Goal::Rest, error);
    }

    /// The same, and calls end with `error` until somebody asks for a connection by name.
    pub(crate) fn end(&mut self, error: &Error) {
        self.rest(Goal::Ended(error.clone()), error);
        // What comes next is a session of its own.
        if matches!(error, Error::SessionLost) {
            self.subscriptions.forget_all();
            self.was_accepted = false;
        }
    }

    fn rest(&mut self, next: Goal, error: &Error) {
        match &mut self.goal {
            Goal::Rest | Goal::Connected | Goal::Ended(_) => self.goal = next,
            Goal::Close(closing) => closing.wanted = false,
        }
        self.hurry = false;
        let reason = error.to_string();
        self.shared.monitor.set_last_error(Some(reason.clone()));
        self.shared.monitor.set_state(State::Disconnected, Some(&reason));
        self.fail_all(error);
    }

    /// The end: whatever is left did not make it.
    pub(crate) fn finish(&mut self) {
        self.shared.monitor.set_state(State::Closed, None);
        self.fail_all(&Error::Closed);
        self.show_depths();
        self.shared.end();
        if let Goal::Close(closing) = &mut self.goal {
            for reply in closing.replies.drain(..) {
                reply.send(Ok(closing.failed));
            }
        }
    }

    /// `close` tells how many did not make it.
    pub(super) fn count_failures(&mut self, count: usize) {
        if let Goal::Close(closing) = &mut self.goal {
            closing.failed += count;
        }
    }

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

    /// Whether the session is to end with the client.
    pub(crate) fn ends_session(&self) -> bool {
        match self.shared.config.end_session {
            EndSession::Never => false,
            EndSession::OnClose => true,
            EndSession::IfBegun => self.is_own,
        }
    }

    /// Encodes DISCONNECT.
    pub(crate) fn send_disconnect(&mut self, ends_session: bool) {
        let properties = PropertiesBuilder::new().session_expiry(0);
        let properties =
            if ends_session { properties.build().unwrap_or_default() } else { Properties::default() };
        self.mqtt.disconnect(ReasonCode::Success, properties);
    }

    /// The connection ended: whatever was on its way waits for the next one, or has failed with it.
    pub(crate) fn disconnected(&mut self, end: &End) {
        let reason = end.reason();
        self.mqtt.disconnected();
        self.link.ended();
        self.challenge = None;
        self.refused = None;
        self.shared.monitor.connect_progress.set(None);
        let mut cut_off = Vec::new();
        for (end, publish, ticket) in std::mem::take(&mut self.outbox.unflushed) {
            if end > self.link.written {
                cut_off.push((publish, ticket));
            } else {
                // The broker may have it, and at most once is the promise of QoS 0.
                let reason = format!("{reason}; the message may or may not have left");
                self.settle(ticket, Err(Error::ConnectionLost { reason, code: None }));
            }
        }
        self.outbox.requeue(cut_off);
        self.subscriptions.disconnected();
        self.arrivals.disconnected(false);
    }
}
