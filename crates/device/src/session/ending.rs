//! Wishes to end the connection, for now or for good, and what becomes of a session that the hub forgot.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::goal::{Goal, Leaving};
use super::state::Session;
use crate::config::LostSession;
use crate::error::Error;
use crate::reply::Reply;
use azmqtt_mqtt::Unacknowledged;

impl Session {
    pub(super) fn leave(&mut self, deadline: Instant, reply: Reply<()>) {
        match &mut self.goal {
            Goal::Rest | Goal::Close(_) => reply.send(Ok(())),
            Goal::Connected => self.goal = Goal::Other(Leaving { deadline, replies: vec![reply] }),
            Goal::Other(leaving) => {
                leaving.deadline = leaving.deadline.min(deadline);
                leaving.replies.push(reply);
            }
        }
    }

    pub(super) fn close(&mut self, deadline: Instant, reply: Option<Reply<usize>>) {
        // Nobody will ask for changes any more.
        self.twin.forget_comparison();
        // What an earlier disconnect left behind was accepted, too.
        let needed = self.shared.config.auto_connect && !self.is_settled();
        self.goal.close(deadline, reply, needed);
    }

    /// Another client of the process has connected as this one's identity, and the hub keeps one.
    pub(super) fn replaced(&mut self, now: Instant) {
        self.shared.replaced.store(true, Ordering::Relaxed);
        self.close(now, None);
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
}
