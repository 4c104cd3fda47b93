//! What comes in on a connection.

use std::time::Instant;

use bytes::BytesMut;

use azmqtt_mqtt::server::Event;
use azmqtt_mqtt::{Auth, Publish, ReasonCode};

use super::connection::Connection;
use super::faults::Passage;
use super::message::keep;
use super::outcome::{End, Refusal};
use super::session::{Identity, Token};
use super::state::Broker;
use crate::behaviours::RefusedMessage;
use crate::durable::Record;

/// Packets that are looked at in one turn; then others have theirs.
const TURN: usize = 256;

/// Deliveries, and places that are looked at for kept messages, after which a turn ends: one packet may cause thousands.
const TURN_WORK: usize = 256 << 10;

/// The input of a connection is left alone while so many bytes wait to be written to its client.
const PAUSE: usize = 512 << 10;

/// What became of the input.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// All whole packets are taken.
    All,
    /// There may be more: come again, after others had their turn.
    More,
    /// The client should read first: come again when some of the output is written.
    Paused,
    /// The client authenticates anew: answer with [`Broker::reauthenticated`], or end the connection. There may be more.
    Authenticate(Auth),
    /// A fault has the packet wait, and all behind it.
    Waits,
    /// The connection is over.
    Over,
}

impl Broker {
    /// Takes packets off the front of what came in on a connection.
    pub fn receive(&mut self, connection: Connection, input: &mut BytesMut, now: Instant) -> Received {
        self.receive_with(connection, input, now, Passage::Take)
    }

    /// The same, where faults have a say in each packet.
    pub fn receive_with(
        &mut self,
        connection: Connection,
        input: &mut BytesMut,
        now: Instant,
        faults: impl FnMut(Event<Token>) -> Passage,
    ) -> Received {
        let received = self.receive_some(connection, input, now, faults);
        self.publish_due_wills(now);
        received
    }

    fn receive_some(
        &mut self,
        connection: Connection,
        input: &mut BytesMut,
        now: Instant,
        mut faults: impl FnMut(Event<Token>) -> Passage,
    ) -> Received {
        self.work = 0;
        self.wakes.begin_turn();
        for _ in 0..TURN {
            if self.work >= TURN_WORK || self.wakes.is_much() && !input.is_empty() {
                break;
            }
            let Some(online) = self.sessions.online(connection) else { return Received::Over };
            if online.server.output().len() > PAUSE {
                return Received::Paused;
            }
            match online.server.poll(input, now) {
                Ok(Some(Event::Auth(auth))) => return Received::Authenticate(auth),
                Ok(Some(event)) => match faults(event) {
                    Passage::Take(event) => self.handle(connection, event, now),
                    Passage::Wait => return Received::Waits,
                    passage => self.disturb(connection, passage, now),
                },
                Ok(None) => return Received::All,
                Err(error) => {
                    self.end_session(connection.session, End::Protocol(error), now);
                    return Received::Over;
                }
            }
        }
        Received::More
    }

    pub(super) fn handle(&mut self, connection: Connection, event: Event<Token>, now: Instant) {
        match event {
            Event::Publish(publish) => self.published(connection, &publish, now),
            Event::Acknowledged { token, reason, properties } => {
                self.answered(connection, token, now);
                if reason.is_error() && self.behaviours.refused_message == RefusedMessage::Disconnected {
                    self.unsupported(connection, "the client refused a message", now);
                } else if self.behaviours.user_properties.refuses(&properties) {
                    let what = "PUBACK has user properties, which the service does not allow there";
                    self.unsupported(connection, what, now);
                }
            }
            Event::NotSentAgain { token, .. } => self.answered(connection, token, now),
            Event::Subscribe(subscribe) => self.subscribed(connection, &subscribe, now),
            Event::Unsubscribe(unsubscribe) => self.unsubscribed(connection, &unsubscribe),
            Event::Disconnect(disconnect)
                if self.behaviours.user_properties.refuses(&disconnect.properties) =>
            {
                let what = "DISCONNECT has user properties, which the service does not allow there";
                self.unsupported(connection, what, now);
            }
            Event::Disconnect(disconnect) => {
                self.end_session(connection.session, End::Client(disconnect), now);
            }
            // The session has refused the one, and `receive_some` returned the other.
            Event::Connect(_) | Event::Auth(_) => {}
        }
    }

    /// Ends the connection of a client that did what the service does not take.
    fn unsupported(&mut self, connection: Connection, what: &'static str, now: Instant) {
        let end = End::Misbehaved(ReasonCode::ImplementationSpecificError, what);
        self.end_session(connection.session, end, now);
    }

    fn answered(&mut self, connection: Connection, token: Token, now: Instant) {
        if let Some(online) = self.sessions.online(connection) {
            online.answered(token);
            if let (Some(recorder), 1..) = (&mut self.recorder, token.number) {
                recorder.done(connection.session, token.number);
            }
            self.send_waiting(connection.session, now);
        }
    }

    /// The client has authenticated anew as `identity`, and is told so. What it may do is judged again: its attributes may be
    /// others. It must be who it was before, or is disconnected.
    pub fn reauthenticated(&mut self, connection: Connection, identity: Identity, now: Instant) {
        let Some(session) = self.sessions.of(connection) else { return };
        let before = &session.identity;
        if before.principal.name != identity.principal.name || before.standing != identity.standing {
            let refusal = Refusal::new(ReasonCode::NotAuthorized, "the client authenticated anew as another");
            return self.end(connection, End::Reauthentication(refusal), now);
        }
        session.identity = identity;
        if let (Some(recorder), true) = (&mut self.recorder, session.is_durable) {
            let Identity { principal, standing } = session.identity.clone();
            recorder.add(&Record::Identified { key: connection.session, principal, standing });
        }
        let Some(online) = session.online() else { return };
        if online.server.authenticate(ReasonCode::Success, &[]).is_err() {
            let refusal = Refusal::new(ReasonCode::NotAuthorized, "AUTH does not fit");
            return self.end(connection, End::Reauthentication(refusal), now);
        }
        online.wake();
        self.rejudge(connection.session, now);
        self.publish_due_wills(now);
    }

    /// Publishes as the namespace itself, without a judgement of rights; such as what comes over HTTP.
    ///
    /// # Errors
    /// The topic is over the limits.
    pub fn publish(&mut self, publish: &Publish, now: Instant) -> Result<(), crate::topic::InvalidTopic> {
        self.wakes.begin_turn();
        let levels = crate::topic::Levels::of(&publish.topic)?;
        if self.keep_if_retained(publish, &levels, now).is_ok() {
            if let Some(log) = &self.log {
                log.record(keep(publish), None);
            }
            self.route(publish, &levels, None, now);
        }
        self.publish_due_wills(now);
        Ok(())
    }
}
