//! The session as the driver of its connection sees it: who gets which packet, what is ready, and what the clock says.

use std::io;
use std::time::Instant;

use super::link::Phase;
use super::reasons::BROKER;
use super::state::{End, Session};
use crate::connection::{Dispatch, Foreign, Loss, Progress};
use crate::lasting::{Lasting, reasons};
use crate::managed::error::Error;
use crate::managed::message::{Accepted, Ticket};
use crate::watch::State;
use azmqtt_mqtt::client::Event;
use azmqtt_mqtt::{Client, Properties};
use azmqtt_net::Step;
use azmqtt_net::connect;
use azmqtt_net::deadlines::later;

impl Dispatch for Session {
    type Token = Ticket;
    type End = End;

    fn mqtt(&mut self) -> &mut Client<Ticket> {
        &mut self.mqtt
    }

    // Events are large; into a call they would be copied.
    #[inline]
    fn handle_event(&mut self, event: Event<Ticket>, now: Instant) -> Result<(), End> {
        match event {
            Event::Acknowledged { token, reason, properties } => {
                self.acknowledged(token, reason, &properties, now);
            }
            Event::Message(publish) => self.take_in(publish, now),
            Event::Connected { session_present, properties } => {
                return self.accepted(session_present, &properties, now);
            }
            Event::Refused { reason, properties } => return Err(self.refusal(reason, &properties)),
            Event::Disconnected(disconnect) => {
                return Err(self.ended_by_broker(disconnect.reason, &disconnect.properties, now));
            }
            Event::Auth(auth) => return self.auth_came(&auth, now),
            Event::Subscribed { packet_id, reasons, properties }
            | Event::Unsubscribed { packet_id, reasons, properties } => {
                self.answered(packet_id, reasons, &properties, now);
            }
            Event::NotSentAgain { token, .. } => self.settle(token, Err(Error::DeliveryUnknown)),
            Event::BadTopic => {}
        }
        Ok(())
    }

    fn lost(&mut self, loss: Loss) -> End {
        match loss {
            Loss::Stream(error) => self.stream_ended(&error),
            Loss::Protocol { error, speaks } => {
                let end = self.ended(reasons::broke_the_protocol(BROKER, &error, speaks), None);
                match speaks {
                    Some(Foreign::Tls) => hinting(end, "omit tls=False"),
                    Some(Foreign::Http) => {
                        hinting(end, "if this is its port of WebSockets, pass websocket=True")
                    }
                    None => end,
                }
            }
            Loss::Dead(dead) => self.ended(reasons::dead(BROKER, dead), None),
        }
    }

    /// Without a connection, too: deadlines go on.
    fn poll(&mut self, now: Instant) -> Result<(), End> {
        if let Some(span) = self.mqtt.take_ping_round_trip() {
            self.shared.monitor.ping_times.record(span);
        }
        self.expire(now);
        self.keep_time(now)?;
        if self.should_close(now) {
            return Err(End::Closed);
        }
        if self.link.accepted_at().is_some() {
            self.keep_authenticated(now)?;
            self.ask_refused_again(now);
            self.put_out(now);
            self.watch_silence(now);
        }
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.times.earliest,
            self.goal.deadline(),
            self.link.deadline(),
            self.suback_deadline(),
            self.refused.as_ref().map(|(at, _)| *at),
            self.deaf_until,
        ];
        deadlines.into_iter().flatten().min()
    }

    fn wants_input(&mut self) -> bool {
        self.link.listening = self.may_listen();
        self.link.listening
    }

    fn transferred(&mut self, progress: Progress) {
        let counters = &self.shared.monitor.counters;
        counters.bytes_received.add(progress.received as u64);
        counters.bytes_sent.add(progress.sent);
        self.link.transferred(progress);
        self.settle_flushed();
    }
}

impl Session {
    fn accepted(&mut self, session_present: bool, properties: &Properties, now: Instant) -> Result<(), End> {
        let shown = self.link.accepted(now);
        if let Some(assigned) = properties.assigned_client_id() {
            assigned.clone_into(&mut self.client_id);
            // One that had an identifier keeps it.
            let _ = self.shared.assigned.set(assigned.to_owned());
        }
        if self.seat.as_ref().is_some_and(|seat| !seat.accepted(&self.shared)) {
            self.replaced(now);
        }
        let is_known = std::mem::replace(&mut self.was_accepted, true);
        self.is_own |= !is_known && !session_present;
        let monitor = &self.shared.monitor;
        *monitor.accepted.lock() = Some(Accepted { session_present, properties: properties.compact() });
        monitor.set_last_error(None);
        monitor.set_token_expiry(shown.and_then(|shown| shown.lease?.expiry));
        monitor.connect_progress.set(None);
        monitor.counters.connects.add(1);
        if session_present {
            monitor.counters.messages_resent.add(self.mqtt.in_flight() as u64);
            // The broker sends again what was not acknowledged at QoS 1.
            self.shared.inlets.sent_again(self.link.number);
        } else if is_known {
            self.session_lost()?;
        }
        self.publish_again();
        let lost = is_known && !session_present && self.shared.config.is_persistent();
        let monitor = &self.shared.monitor;
        let reason = lost.then_some("the broker had forgotten the session");
        if monitor.set_state(State::Connected, reason) == State::Reconnecting {
            monitor.counters.reconnects.add(1);
        }
        for (_, reply) in self.waiting.drain(..) {
            reply.send(Ok(()));
        }
        Ok(())
    }

    /// Does what the clock says about the connection.
    fn keep_time(&mut self, now: Instant) -> Result<(), End> {
        let deadlines = &self.shared.config.deadlines;
        match self.link.phase {
            Phase::Offline => return Ok(()),
            Phase::Connecting { connack, .. } if connack <= now => {
                let limit = deadlines.connack.as_secs_f64();
                let reason = format!("{}: no CONNACK within {limit} s", self.shared.config.broker);
                return Err(End::Failed(Error::ConnectionFailed { step: Step::Mqtt, reason, code: None }));
            }
            Phase::Connecting { .. } | Phase::Connected { .. } => {}
        }
        if self.suback_deadline().is_some_and(|deadline| deadline <= now) {
            let limit = deadlines.suback.as_secs_f64();
            let reason = format!("the broker did not answer a subscription within {limit} s");
            return Err(self.ended(reason, None));
        }
        if self.has_room_again() {
            return Err(End::Again);
        }
        Ok(())
    }

    /// When a broker that did not answer a SUBSCRIBE counts as gone.
    fn suback_deadline(&self) -> Option<Instant> {
        // What is not listened to cannot be heard.
        let asked_since = self.subscriptions.asked_since().filter(|_| self.link.listening);
        asked_since.map(|since| later(since, self.shared.config.deadlines.suback))
    }

    fn stream_ended(&self, error: &io::Error) -> End {
        let endpoint = self.shared.config.broker.endpoint();
        let is_accepted = self.link.accepted_at().is_some();
        if !is_accepted && connect::is_tls_refusal(error) {
            let reason = format!("{endpoint}: {}", connect::explain_tls(error, self.link.clock, endpoint));
            return End::Failed(Error::ConnectionFailed { step: Step::Tls, reason, code: None });
        }
        if self.is_renewing() && error.kind() == io::ErrorKind::UnexpectedEof {
            return self.not_renewed("the broker closed the connection", None);
        }
        let reason = match error.kind() {
            io::ErrorKind::UnexpectedEof => self.why_closed(),
            _ => connect::explain_tls(error, self.link.clock, endpoint),
        };
        let end = self.ended(reason, None);
        if self.shared.config.broker.is_encrypted() {
            return end;
        }
        hinting(end, "if it expects TLS, omit tls=False")
    }
}

/// With a hint at its end, if there was no connection yet.
fn hinting(mut end: End, hint: &str) -> End {
    if let End::Failed(Error::ConnectionFailed { reason, .. }) = &mut end {
        reason.push_str("; ");
        reason.push_str(hint);
    }
    end
}
