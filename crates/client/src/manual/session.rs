//! The session with the broker, without I/O: what waits, what is under way, and what becomes of it.
//!
//! It carries over from one connection to the next. What the application asks for before the broker has accepted waits
//! for that.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::connection::{Dispatch, Loss, MAX_OUTPUT, OUTPUT_HIGH_WATER, Progress};
use crate::manual::client::Request;
use crate::manual::events::{End, Event, EventKind, Events};
use azmqtt_mqtt::client::Event as MqttEvent;
use azmqtt_mqtt::{
    Client, Connect, LARGEST_PACKET, Properties, Publish, QoS, ReasonCode, Subscribe, SubscribeFilter,
    Unacknowledged, Unsubscribe, codec,
};

/// How long CONNACK, or the answer to a ping, may take where the keep-alive interval is longer, or there is none. IoT Hub
/// delays a throttled CONNECT by up to a minute.
const ANSWER: Duration = Duration::from_secs(75);
/// How long DISCONNECT may take, with everything that was asked for before it.
const LEAVE: Duration = Duration::from_secs(10);
/// Payloads smaller than this are copied out of the buffer that they were read into.
const SMALL: usize = 8 * 1024;

pub(super) struct Session {
    /// The tokens are the application's numbers.
    mqtt: Client<u16>,
    /// QoS 1 messages that were not sent yet, oldest first.
    waiting: VecDeque<(Publish, u16)>,
    events: Arc<Events>,
    /// The application does not take its events; as of [`Self::is_full`].
    full: bool,
    /// What belongs to the connection, while there is one.
    current: Option<Current>,
}

struct Current {
    number: u64,
    phase: Phase,
    /// What waits for its turn, in order.
    pending: VecDeque<Pending>,
    /// The application's numbers of subscriptions, and of ends of some, without an answer.
    asked: HashMap<u16, u16>,
    /// QoS 0 messages, and where in the output they end.
    unflushed: VecDeque<(u64, u16)>,
    /// Bytes that the stream has taken.
    written: u64,
    /// How many of them have left for the socket.
    flushed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// CONNECT is out; its answer is due.
    Connecting(Instant),
    Connected,
    /// DISCONNECT is encoded, and has until then to leave.
    Leaving(Instant),
}

/// A packet that waits until the broker has accepted.
enum Pending {
    Publish(u16, Publish),
    Subscribe(u16, Vec<SubscribeFilter>),
    Unsubscribe(u16, Vec<String>),
    Disconnect,
}

impl Pending {
    fn is_publish(&self) -> bool {
        matches!(self, Self::Publish(..))
    }
}

/// How a connection is over.
pub(super) enum Ended {
    /// The broker refused with this return code.
    Refused(u8),
    Other(End),
}

impl From<End> for Ended {
    fn from(end: End) -> Self {
        Self::Other(end)
    }
}

impl Session {
    pub(super) fn new(events: Arc<Events>, max_in_flight: u16, now: Instant) -> Self {
        let mqtt = Client::new(max_in_flight, now).with_max_packet_size(LARGEST_PACKET).skipping_bad_topics();
        Self { mqtt, waiting: VecDeque::new(), events, full: false, current: None }
    }

    /// Begins with CONNECT on the stream that the caller calls `number`.
    pub(super) fn connect(&mut self, connect: &Connect, number: u64, now: Instant) {
        let answer = match connect.keep_alive {
            0 => ANSWER,
            seconds => Duration::from_secs(u64::from(seconds)).min(ANSWER),
        };
        self.mqtt.disconnected();
        self.mqtt.connect(connect, answer, now);
        self.current = Some(Current {
            number,
            phase: Phase::Connecting(now + answer),
            pending: VecDeque::new(),
            asked: HashMap::new(),
            unflushed: VecDeque::new(),
            written: 0,
            flushed: 0,
        });
    }

    /// The connection ended without an event.
    pub(super) fn disconnected(&mut self) {
        self.current = None;
        self.mqtt.disconnected();
    }

    /// The connection ended: the application is told how.
    pub(super) fn ended(&mut self, how: Ended) {
        let Some(current) = self.current.take() else { return };
        self.mqtt.disconnected();
        let kind = match how {
            Ended::Refused(code) => EventKind::Refused(code),
            Ended::Other(end) => EventKind::Ended(end),
        };
        self.events.push(Event { connection: current.number, kind });
    }

    /// Whether DISCONNECT is still to leave.
    pub(super) fn owes_disconnect(&self) -> bool {
        self.current.as_ref().is_some_and(|current| {
            matches!(current.phase, Phase::Leaving(_))
                || current.pending.iter().any(|pending| matches!(pending, Pending::Disconnect))
        })
    }

    /// Whether reading should stop for the application's sake. If so, [`Events::room`] resolves when there is room again.
    pub(super) fn is_full(&mut self) -> bool {
        self.full = self.events.is_full();
        self.full
    }

    /// Takes what the application asks for.
    pub(super) fn handle(&mut self, request: Request, now: Instant) {
        let pending = match request {
            Request::Publish { mid, publish } if publish.qos == QoS::AtLeastOnce => {
                return self.waiting.push_back((publish, mid));
            }
            Request::Acknowledge { connection, packet_id } => {
                if self.current.as_ref().is_some_and(|current| current.number == connection) {
                    self.mqtt.acknowledge(packet_id, ReasonCode::Success, now);
                }
                return;
            }
            Request::MaxInFlight(limit) => return self.mqtt.set_max_in_flight(limit),
            Request::Forget => {
                self.waiting.clear();
                // Their tokens are the caller's to forget.
                drop(self.mqtt.abandon(|_| true));
                return;
            }
            Request::Publish { mid, publish } => Pending::Publish(mid, publish),
            Request::Subscribe { mid, filters } => Pending::Subscribe(mid, filters),
            Request::Unsubscribe { mid, filters } => Pending::Unsubscribe(mid, filters),
            Request::Disconnect => Pending::Disconnect,
        };
        let Some(current) = &mut self.current else { return };
        if let (Pending::Disconnect, Phase::Connecting(until)) = (&pending, current.phase) {
            let idle = self.waiting.is_empty() && !current.pending.iter().any(Pending::is_publish);
            if idle {
                // Nothing depends on the answer to CONNECT.
                self.mqtt.disconnect(ReasonCode::Success, Properties::default());
                current.phase = Phase::Leaving(now + LEAVE);
                return;
            }
            current.phase = Phase::Connecting(until.min(now + LEAVE));
        }
        current.pending.push_back(pending);
    }

    /// Encodes what is ready, up to what the socket can use.
    fn put_out(&mut self, now: Instant) {
        let Some(current) = &mut self.current else { return };
        while current.phase == Phase::Connected && self.mqtt.output().len() < OUTPUT_HIGH_WATER {
            if self.mqtt.has_room()
                && let Some((publish, mid)) = self.waiting.pop_front()
            {
                if let Err(unpublished) = self.mqtt.publish(publish, mid, now, now) {
                    self.waiting.push_front((unpublished.publish, unpublished.token));
                    return;
                }
                continue;
            }
            let Some(pending) = current.pending.pop_front() else { return };
            match pending {
                Pending::Publish(mid, publish) => {
                    let written = self.mqtt.publish_qos0(&publish, now, now);
                    debug_assert_eq!(written, Ok(()), "messages are bounded where they are made");
                    let end = current.written + self.mqtt.output().len() as u64;
                    current.unflushed.push_back((end, mid));
                }
                Pending::Subscribe(mid, filters) => {
                    // Without one of 65,535 identifiers there is no answer, as if the broker gave none.
                    if let Ok(packet_id) = self.mqtt.subscribe(Subscribe::of(filters), now) {
                        current.asked.insert(packet_id, mid);
                    }
                }
                Pending::Unsubscribe(mid, filters) => {
                    if let Ok(packet_id) = self.mqtt.unsubscribe(Unsubscribe::of(filters), now) {
                        current.asked.insert(packet_id, mid);
                    }
                }
                Pending::Disconnect => {
                    self.mqtt.disconnect(ReasonCode::Success, Properties::default());
                    current.phase = Phase::Leaving(now + LEAVE);
                }
            }
        }
    }

    /// Tells of what has left.
    fn tell_flushed(&mut self) -> Result<(), Ended> {
        let Some(current) = &mut self.current else { return Ok(()) };
        while current.unflushed.front().is_some_and(|(end, _)| *end <= current.flushed) {
            if let Some((_, mid)) = current.unflushed.pop_front() {
                let kind = EventKind::Written(mid);
                self.events.push(Event { connection: current.number, kind });
            }
        }
        let all_left = self.mqtt.output().is_empty() && current.flushed == current.written;
        if matches!(current.phase, Phase::Leaving(_)) && all_left {
            return Err(End::Disconnected.into());
        }
        Ok(())
    }
}

impl Dispatch for Session {
    type Token = u16;
    type End = Ended;

    fn mqtt(&mut self) -> &mut Client<u16> {
        &mut self.mqtt
    }

    fn handle_event(&mut self, event: MqttEvent<u16>, _: Instant) -> Result<(), Ended> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let kind = match event {
            MqttEvent::Connected { session_present, .. } => {
                current.phase = Phase::Connected;
                // What the broker forgot is published as new, before everything else.
                let forgotten = self.mqtt.take_unacknowledged();
                for message in forgotten.into_iter().rev().filter_map(Unacknowledged::into_written) {
                    self.waiting.push_front(message);
                }
                EventKind::Connected { session_present }
            }
            MqttEvent::Refused { reason, .. } => return Err(Ended::Refused(codec::return_code(reason))),
            MqttEvent::Acknowledged { token: mid, .. } => EventKind::Acknowledged(mid),
            MqttEvent::Subscribed { packet_id, reasons, .. } => {
                let Some(mid) = current.asked.remove(&packet_id) else { return Ok(()) };
                EventKind::Subscribed(mid, reasons.into_iter().map(granted).collect())
            }
            MqttEvent::Unsubscribed { packet_id, .. } => {
                let Some(mid) = current.asked.remove(&packet_id) else { return Ok(()) };
                EventKind::Unsubscribed(mid)
            }
            MqttEvent::BadTopic => EventKind::BadTopic,
            // MQTT 3.1.1 has none of these.
            MqttEvent::Auth(_) | MqttEvent::NotSentAgain { .. } | MqttEvent::Disconnected(_) => return Ok(()),
            MqttEvent::Message(mut publish) => {
                if publish.payload.len() < SMALL {
                    publish.payload = publish.payload.to_vec().into();
                }
                EventKind::Message(publish)
            }
        };
        self.events.push(Event { connection: current.number, kind });
        Ok(())
    }

    fn is_leaving(&self) -> bool {
        self.current.as_ref().is_some_and(|current| matches!(current.phase, Phase::Leaving(_)))
    }

    fn lost(&mut self, loss: Loss) -> Ended {
        match loss {
            // The broker was quicker to end what was ending anyway.
            Loss::Stream(_) if self.is_leaving() => End::Disconnected,
            Loss::Stream(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                End::Lost("the broker closed the connection".to_owned())
            }
            Loss::Stream(error) => End::Lost(error.to_string()),
            Loss::Protocol { error, .. } => End::Protocol(error.to_string()),
            Loss::Dead(_) => End::Silent,
        }
        .into()
    }

    fn poll(&mut self, now: Instant) -> Result<(), Ended> {
        match self.current.as_ref().map(|current| current.phase) {
            Some(Phase::Connecting(until)) if now >= until => return Err(End::Silent.into()),
            // What could not leave in time will not leave.
            Some(Phase::Leaving(until)) if now >= until => return Err(End::Disconnected.into()),
            _ => {}
        }
        self.put_out(now);
        self.tell_flushed()
    }

    fn deadline(&self) -> Option<Instant> {
        match self.current.as_ref()?.phase {
            Phase::Connecting(until) | Phase::Leaving(until) => Some(until),
            Phase::Connected => None,
        }
    }

    fn wants_input(&mut self) -> bool {
        !self.full && !self.is_leaving() && self.mqtt.output().len() < MAX_OUTPUT
    }

    fn transferred(&mut self, progress: Progress) {
        if let Some(current) = &mut self.current {
            (current.written, current.flushed) = (progress.written, progress.flushed);
        }
    }
}

/// The number of a SUBACK's return code (§3.9.3).
fn granted(reason: ReasonCode) -> u8 {
    if reason.is_error() { 0x80 } else { reason as u8 }
}
