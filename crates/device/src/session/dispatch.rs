//! The session as the driver of its connection sees it: who gets which packet, what is ready, and what the clock says.

use std::io;
use std::time::Instant;

use super::link::{Phase, Renewal};
use super::reasons::HUB;
use super::state::{End, Session};
use crate::credentials::Refusals;
use crate::destination::Destination;
use crate::error::{Error, Step};
use crate::message::Ticket;
use crate::stats::State;
use azmqtt_client::connection::{Dispatch, Foreign, Loss, Progress};
use azmqtt_client::lasting::{Lasting, reasons};
use azmqtt_client::watch;
use azmqtt_dialect::HubTopic;
use azmqtt_mqtt::client::Event;
use azmqtt_mqtt::{Client, Publish, QoS, ReasonCode};
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
            Event::Acknowledged { token: ticket, .. } => self.acknowledged(ticket, now),
            Event::Message(publish) => self.take_in(publish, now),
            Event::Connected { session_present, .. } => self.accepted(session_present, now),
            Event::Refused { reason, .. } => return Err(self.refusal(reason)),
            Event::Subscribed { packet_id, reasons, .. } => {
                let granted = !reasons.iter().any(|reason| reason.is_error());
                self.subscription_answered(packet_id, granted, now);
            }
            // The hub speaks MQTT 3.1.1, which has no more.
            Event::Unsubscribed { .. }
            | Event::BadTopic
            | Event::Auth(_)
            | Event::NotSentAgain { .. }
            | Event::Disconnected(_) => {}
        }
        Ok(())
    }

    fn lost(&mut self, loss: Loss) -> End {
        match loss {
            Loss::Stream(error) => self.stream_ended(&error),
            Loss::Protocol { error, speaks } => {
                let mut reason = reasons::broke_the_protocol(HUB, &error, speaks);
                if speaks == Some(Foreign::Http) {
                    reason.push_str(" (is this the port of HTTPS and WebSockets?)");
                }
                self.ended(reason)
            }
            Loss::Dead(dead) => self.ended(reasons::dead(HUB, dead)),
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
        if self.should_leave(now) {
            return Err(End::Left);
        }
        self.release_changes();
        if self.link.accepted_at().is_some() {
            // The hub takes a response on this connection only.
            self.publish_responses(now);
            if !matches!(self.link.renewal(), Some(Renewal::Draining(_))) {
                self.put_out(now);
            }
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
            self.twin.read_again_at(),
            self.subscribe_again_at,
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
    /// A message came in. Twin traffic is acknowledged at once, because versions recover what is lost,
    /// and so are calls of methods, whose response is what the caller waits for;
    /// cloud messages when the application has them.
    fn take_in(&mut self, publish: Publish, now: Instant) {
        let packet_id = (publish.qos == QoS::AtLeastOnce).then_some(publish.packet_id);
        if let Some(destination) = Destination::of(&publish.topic, &self.shared.config.identity) {
            return self.take_cloud_message(&destination, publish.payload, packet_id, now);
        }
        match HubTopic::parse(&publish.topic) {
            Ok(HubTopic::TwinResponse { status, request_id, version }) => {
                self.twin_answered(request_id, status, version, &publish.payload, now);
            }
            Ok(HubTopic::DesiredPatch { version }) => self.desired_notified(version, &publish.payload),
            Ok(HubTopic::MethodRequest { name, request_id }) => {
                self.method_called(name, request_id, &publish.payload);
            }
            // An answer that cannot be read, something of another client's subscriptions in the same session, or new.
            Ok(_) | Err(_) => self.answered_badly(&publish.topic, now),
        }
        if let Some(packet_id) = packet_id {
            self.mqtt.acknowledge(packet_id, ReasonCode::Success, now);
        }
    }

    fn accepted(&mut self, session_present: bool, now: Instant) {
        self.link.accepted(now);
        self.refusals = Refusals::default();
        self.shared.monitor.set_last_error(None);
        if self.seat.as_ref().is_some_and(|seat| !seat.accepted(&self.shared)) {
            self.replaced(now);
        }
        let monitor = &self.shared.monitor;
        monitor.connect_progress.set(None);
        monitor.counters.connects.add(1);
        match monitor.set_state(State::Connected, None) {
            State::Connected => monitor.watchers.tell(|watched| watched.then_some(watch::Event::Renewed)),
            State::Reconnecting => monitor.counters.reconnects.add(1),
            State::Disconnected | State::Connecting | State::Closed => {}
        }
        if session_present {
            monitor.counters.messages_resent.add(self.mqtt.in_flight() as u64);
        } else {
            self.session_lost();
        }
        self.tell_waiting();
    }

    /// Does what the clock says about the connection.
    fn keep_time(&mut self, now: Instant) -> Result<(), End> {
        let deadlines = &self.shared.config.deadlines;
        self.twin.poll(now);
        match self.link.phase {
            Phase::Offline => return Ok(()),
            Phase::Connecting { connack, .. } if connack <= now => {
                let limit = deadlines.connack.as_secs_f64();
                let reason = format!("{}: no CONNACK within {limit} s", self.shared.config.endpoint);
                return Err(End::Failed(Error::ConnectionFailed { step: Step::Mqtt, reason }));
            }
            Phase::Connecting { .. } | Phase::Connected { .. } => {}
        }
        if self.suback_deadline().is_some_and(|deadline| deadline <= now) {
            let limit = deadlines.suback.as_secs_f64();
            return Err(self.ended(format!("the hub did not answer a subscription within {limit} s")));
        }
        if self.link.left_behind && self.shared.messages.is_empty() {
            return Err(self.ended("for the cloud messages that found no room".to_owned()));
        }
        if self.subscribe_again_at.is_some_and(|at| at <= now) {
            self.subscribe_again_at = None;
            self.subscriptions.ask_again();
        }
        match self.link.renewal() {
            Some(Renewal::Due(Some(at))) if at <= now => self.link.set_renewal(Renewal::Opening),
            Some(Renewal::Draining(until)) if until <= now || self.is_quiet() => return Err(End::Again),
            Some(_) | None => {}
        }
        Ok(())
    }

    /// When a hub that did not answer a SUBSCRIBE counts as gone.
    fn suback_deadline(&self) -> Option<Instant> {
        // What is not listened to cannot be heard.
        let asked_since = self.subscriptions.asked_since().filter(|_| self.link.listening);
        asked_since.map(|since| later(since, self.shared.config.deadlines.suback))
    }

    fn stream_ended(&self, error: &io::Error) -> End {
        let endpoint = &self.shared.config.endpoint;
        let is_accepted = self.link.accepted_at().is_some();
        if !is_accepted && connect::is_tls_refusal(error) {
            let reason = format!("{endpoint}: {}", connect::explain_tls(error, self.link.clock, endpoint));
            return End::Failed(Error::ConnectionFailed { step: Step::Tls, reason });
        }
        self.ended(match error.kind() {
            // MQTT has no words for it.
            io::ErrorKind::UnexpectedEof => self.why_closed(is_accepted),
            _ => connect::explain_tls(error, self.link.clock, endpoint),
        })
    }

    fn ended(&self, reason: String) -> End {
        match self.link.phase {
            // The hub was quicker to end what was ending anyway.
            Phase::Connected { renewal: Renewal::Draining(_), .. } => End::Again,
            Phase::Connected { since, .. } => End::Lost { since, error: Error::ConnectionLost { reason } },
            Phase::Offline | Phase::Connecting { .. } => {
                let reason = format!("{}: {reason} before its CONNACK", self.shared.config.endpoint);
                End::Failed(Error::ConnectionFailed { step: Step::Mqtt, reason })
            }
        }
    }
}
