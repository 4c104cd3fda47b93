//! The end of a connection, for now or for good, and what becomes of what was under way.

use azmqtt_mqtt::Unacknowledged;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::goal::{Closing, Goal, Leaving};
use super::state::{End, Session};
use super::waiting::Waiting;
use crate::config::LostSession;
use crate::error::{Error, replaced_by};
use crate::reply::Reply;
use crate::stats::State;

impl Session {
    /// Whether the client is being closed and there is nothing to wait for.
    pub(crate) fn should_close(&self, now: Instant) -> bool {
        match &self.goal {
            Goal::Close(closing) => !closing.wanted || closing.deadline <= now || self.is_settled(),
            Goal::Rest | Goal::Connected | Goal::Leave(_) => false,
        }
    }

    /// Whether the connection is to end for now, and there is nothing to wait for.
    pub(crate) fn should_leave(&self, now: Instant) -> bool {
        match &self.goal {
            Goal::Leave(leaving) => leaving.deadline <= now || self.is_settled(),
            Goal::Rest | Goal::Connected | Goal::Close(_) => false,
        }
    }

    pub(super) fn leave(&mut self, deadline: Instant, reply: Reply<()>) {
        match &mut self.goal {
            Goal::Rest | Goal::Close(_) => reply.send(Ok(())),
            Goal::Connected => self.goal = Goal::Leave(Leaving { deadline, replies: vec![reply] }),
            Goal::Leave(leaving) => {
                leaving.deadline = leaving.deadline.min(deadline);
                leaving.replies.push(reply);
            }
        }
    }

    /// Disconnected as asked: rests until the next call.
    pub(crate) fn left(&mut self) {
        self.hurry = false;
        self.shared.monitor.set_last_error(None);
        self.shared.monitor.set_state(State::Disconnected, Some("disconnected on request"));
        for waiting in self.waiting.drain(..) {
            let reason = "disconnected on request".to_owned();
            waiting.reply.send(Err(Error::ConnectionLost { reason }));
        }
        self.goal = Goal::Rest;
    }

    /// The application gets no connection: tells everybody who waits, and rests until the next call.
    pub(crate) fn give_up(&mut self, error: &Error, now: Instant) {
        match &mut self.goal {
            Goal::Rest | Goal::Connected => self.goal = Goal::Rest,
            Goal::Close(closing) => closing.wanted = false,
            // Nothing is under way any more: it has come to that.
            Goal::Leave(_) => {}
        }
        self.hurry = false;
        let reason = error.to_string();
        self.shared.monitor.set_last_error(Some(reason.clone()));
        self.shared.monitor.set_state(State::Disconnected, Some(&reason));
        self.fail_all(error, now);
    }

    pub(super) fn close(&mut self, deadline: Instant, reply: Option<Reply<usize>>) {
        let mut closing = match std::mem::replace(&mut self.goal, Goal::Rest) {
            Goal::Close(closing) => closing,
            goal => Box::new(Closing {
                deadline,
                failed: 0,
                replies: Vec::new(),
                wanted: goal.wants_connection(),
                // The connection is needed up to the end.
                _leaving: if let Goal::Leave(leaving) = goal { Some(leaving) } else { None },
            }),
        };
        closing.deadline = closing.deadline.min(deadline);
        closing.replies.extend(reply);
        // Nobody will ask for changes any more.
        self.twin.forget_comparison();
        // What an earlier disconnect left behind was accepted, too.
        closing.wanted |= self.shared.config.auto_connect && !self.is_settled();
        self.goal = Goal::Close(closing);
    }

    /// Another client of the process has connected as this one's identity, and the hub keeps one.
    pub(super) fn replaced(&mut self, now: Instant) {
        self.shared.replaced.store(true, Ordering::Relaxed);
        self.close(now, None);
    }

    /// The end: whatever is left did not make it.
    pub(crate) fn finish(&mut self, now: Instant) {
        let error = self.shared.closed();
        let reason = match &error {
            Error::Replaced { client_id } => Some(replaced_by(client_id)),
            _ => None,
        };
        self.shared.monitor.set_state(State::Closed, reason.as_deref());
        self.fail_all(&error, now);
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

    /// Ends everything that has no outcome yet with `error`.
    pub(crate) fn fail_all(&mut self, error: &Error, now: Instant) {
        let mut tickets = self.mqtt.abandon(|_| true);
        tickets.extend(self.outbox.drain());
        for ticket in tickets {
            self.settle(ticket, Err(error.clone()));
        }
        for origin in self.twin.drain() {
            self.fail_any_request(origin, error.clone(), now);
        }
        for Waiting { reply, .. } in self.waiting.drain(..) {
            reply.send(Err(error.clone()));
        }
        let failed = self.methods.fail(error);
        self.count_failures(failed);
        (self.earliest, self.shortest_timeout) = (None, None);
    }

    /// The hub forgot the session: what was unacknowledged goes out again as new, before anything younger,
    /// or fails, as the caller chose.
    pub(super) fn session_lost(&mut self) {
        // All of them are at QoS 1.
        let unacknowledged: Vec<_> =
            self.mqtt.take_unacknowledged().into_iter().filter_map(Unacknowledged::into_written).collect();
        match self.shared.config.lost_session {
            LostSession::Resend => {
                self.shared.monitor.counters.messages_resent.add(unacknowledged.len() as u64);
                self.outbox.requeue(unacknowledged);
            }
            LostSession::Fail => {
                let reason = "the hub forgot the session; it may or may not have the message".to_owned();
                for (_, ticket) in unacknowledged {
                    self.settle(ticket, Err(Error::ConnectionLost { reason: reason.clone() }));
                }
            }
        }
    }

    /// The connection ended: whatever was on its way waits for the next one, or has failed with it.
    pub(crate) fn disconnected(&mut self, end: &End) {
        let reason = end.reason();
        if matches!(end, End::Renewed) {
            self.shared.monitor.counters.tokens_renewed.add(1);
        }
        self.mqtt.disconnected();
        self.link.ended();
        self.shared.monitor.connect_progress.set(None);
        let mut cut_off = Vec::new();
        for (end, publish, ticket) in std::mem::take(&mut self.outbox.unflushed) {
            if end > self.link.written {
                cut_off.push((publish, ticket));
            } else {
                // The hub may have it, and at most once is the promise of QoS 0.
                let reason = format!("{reason}; the message may or may not have left");
                self.settle(ticket, Err(Error::ConnectionLost { reason }));
            }
        }
        self.outbox.requeue(cut_off);
        let failed = self.methods.fail(&Error::ConnectionLost { reason: reason.clone() });
        self.count_failures(failed);
        for (reply, error) in self.twin.disconnected(&reason, false) {
            self.fail_request(reply, error);
        }
        self.subscribe_again_at = None;
        self.subscriptions.disconnected();
        // They cannot be acknowledged any more, and the hub delivers them again.
        self.shared.messages.retain(|message| message.delivery.is_none());
    }
}
