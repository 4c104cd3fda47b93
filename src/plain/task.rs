//! The session and its connection.
//!
//! As in `device`, the loop takes in what came, puts out what is ready, and waits for whichever moves next. What the
//! application asks for before the broker has accepted waits for that.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use super::client::{Command, Shared};
use super::events::{End, Event, Happening};
use crate::device::transport::Stream;
use crate::device::wire::Wire;
use azmqtt_mqtt::client::Event as Came;
use azmqtt_mqtt::{
    Client, ConnectReturnCode, Hello, LARGEST_PACKET, Publish, QoS, SubscribeFilter, SubscribeReasonCode,
};

/// Encoded bytes past which nothing more is encoded until some have left.
const OUTPUT_HIGH_WATER: usize = 128 * 1024;
/// Encoded bytes past which a broker that does not read is not listened to either: each of its packets may add some.
const MAX_OUTPUT: usize = 1024 * 1024;
/// How long CONNACK, or the answer to a ping, may take where the keep-alive interval is longer, or there is none. IoT Hub
/// delays a throttled CONNECT by up to a minute.
const ANSWER: Duration = Duration::from_secs(75);
/// How long a goodbye may take, with everything that was said before it.
const GOODBYE: Duration = Duration::from_secs(10);
/// Payloads smaller than this are copied out of the buffer that they were read into.
const SMALL: usize = 8 * 1024;

pub(super) struct Task {
    shared: Arc<Shared>,
    /// The tokens are the application's numbers.
    mqtt: Client<u16>,
    /// QoS 1 messages that were not sent yet, oldest first.
    waiting: VecDeque<(Publish, u16)>,
    connection: Option<Connection>,
}

struct Connection {
    number: u64,
    wire: Wire<Stream>,
    phase: Phase,
    /// What waits for its turn, in order.
    held: VecDeque<Said>,
    /// The application's numbers of subscriptions, and of ends of some, without an answer.
    asked: HashMap<u16, u16>,
    /// QoS 0 messages, and where in the output they end.
    unflushed: VecDeque<(u64, u16)>,
    listening: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// CONNECT is out; its answer is due.
    Asking(Instant),
    Accepted,
    /// DISCONNECT is encoded, and has until then to leave.
    Leaving(Instant),
}

/// What belongs to one connection.
enum Said {
    Publish(u16, Publish),
    Subscribe(u16, Vec<SubscribeFilter>),
    Unsubscribe(u16, Vec<String>),
    Goodbye,
}

impl Said {
    fn is_publish(&self) -> bool {
        matches!(self, Self::Publish(..))
    }
}

impl Task {
    pub(super) fn new(shared: Arc<Shared>, max_in_flight: u16) -> Self {
        let mqtt = Client::new(max_in_flight, Instant::now())
            .with_max_packet_size(LARGEST_PACKET)
            .skipping_bad_topics();
        Self { shared, mqtt, waiting: VecDeque::new(), connection: None }
    }

    pub(super) async fn run(mut self) {
        loop {
            let now = Instant::now();
            let (commands, closed) = self.shared.take();
            for command in commands {
                self.obey(command, now);
            }
            self.advance(now);
            if closed && !self.is_leaving() {
                return;
            }
            self.wait().await;
        }
    }

    /// Whether a goodbye is still to leave.
    fn is_leaving(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| {
            matches!(connection.phase, Phase::Leaving(_))
                || connection.held.iter().any(|said| matches!(said, Said::Goodbye))
        })
    }

    fn obey(&mut self, command: Command, now: Instant) {
        let said = match command {
            Command::Adopt { stream, hello, connection } => {
                return self.adopt(stream, &hello, connection, now);
            }
            Command::Publish { mid, publish } if publish.qos == QoS::AtLeastOnce => {
                return self.waiting.push_back((publish, mid));
            }
            Command::Acknowledge { connection, packet_id } => {
                if self.connection.as_ref().is_some_and(|current| current.number == connection) {
                    self.mqtt.acknowledge(packet_id, now);
                }
                return;
            }
            Command::Drop => {
                self.connection = None;
                return self.mqtt.disconnected();
            }
            Command::MaxInFlight(limit) => return self.mqtt.set_max_in_flight(limit),
            Command::Forget => {
                self.waiting.clear();
                // Their tokens are the caller's to forget.
                drop(self.mqtt.abandon(|_| true));
                return;
            }
            Command::Publish { mid, publish } => Said::Publish(mid, publish),
            Command::Subscribe { mid, filters } => Said::Subscribe(mid, filters),
            Command::Unsubscribe { mid, filters } => Said::Unsubscribe(mid, filters),
            Command::Disconnect => Said::Goodbye,
        };
        let Some(connection) = &mut self.connection else { return };
        if let (Said::Goodbye, Phase::Asking(until)) = (&said, connection.phase) {
            let idle = self.waiting.is_empty() && !connection.held.iter().any(Said::is_publish);
            if idle {
                // Nothing depends on the answer to CONNECT.
                self.mqtt.disconnect();
                connection.phase = Phase::Leaving(now + GOODBYE);
                return;
            }
            connection.phase = Phase::Asking(until.min(now + GOODBYE));
        }
        connection.held.push_back(said);
    }

    fn adopt(&mut self, stream: Stream, hello: &Hello, number: u64, now: Instant) {
        let answer = match hello.keep_alive {
            0 => ANSWER,
            seconds => Duration::from_secs(u64::from(seconds)).min(ANSWER),
        };
        self.mqtt.disconnected();
        self.mqtt.connect_to_any(hello, answer, now);
        self.connection = Some(Connection {
            number,
            wire: Wire::new(stream),
            phase: Phase::Asking(now + answer),
            held: VecDeque::new(),
            asked: HashMap::new(),
            unflushed: VecDeque::new(),
            listening: true,
        });
    }

    /// Takes in what came and puts out what is ready, without waiting.
    fn advance(&mut self, now: Instant) {
        if let Err(how) = self.round(now) {
            self.end(how);
        }
    }

    fn round(&mut self, now: Instant) -> Result<(), Ended> {
        self.receive(now)?;
        let Some(connection) = &mut self.connection else { return Ok(()) };
        if let Some(error) = connection.wire.take_end() {
            return Err(connection.lost(&error));
        }
        if !connection.listening {
            self.mqtt.not_listening(now);
        }
        match connection.phase {
            Phase::Asking(until) if now >= until => return Err(End::Silent.into()),
            // What could not leave in time will not leave.
            Phase::Leaving(until) if now >= until => return Err(End::Goodbye.into()),
            _ => {}
        }
        connection.wire.take_part().into_iter().for_each(|at| self.mqtt.received_part(at));
        self.mqtt.handle_timeout(now).map_err(|_| End::Silent)?;
        self.put_out(now);
        self.settle()
    }

    fn receive(&mut self, now: Instant) -> Result<(), Ended> {
        while let Some(connection) = &mut self.connection {
            if matches!(connection.phase, Phase::Leaving(_)) {
                // Nothing may follow the goodbye, so that nothing more can be answered.
                connection.wire.input.clear();
                return Ok(());
            }
            let came = self.mqtt.poll(&mut connection.wire.input, now);
            let Some(came) = came.map_err(|error| End::Protocol(error.to_string()))? else { return Ok(()) };
            let number = connection.number;
            let happening = match came {
                Came::Connected { session_present } => {
                    connection.phase = Phase::Accepted;
                    // What the broker forgot is published as new, before everything else.
                    let forgotten: Vec<_> = self.mqtt.take_unacknowledged().collect();
                    for message in forgotten.into_iter().rev() {
                        self.waiting.push_front(message);
                    }
                    Happening::Connected { session_present }
                }
                Came::Refused(code) => return Err(Ended::Refused(return_code(code))),
                Came::Acknowledged(mid) => Happening::Acknowledged(mid),
                Came::Subscribed { packet_id, return_codes } => {
                    let Some(mid) = connection.asked.remove(&packet_id) else { continue };
                    Happening::Subscribed(mid, return_codes.into_iter().map(granted).collect())
                }
                Came::Unsubscribed { packet_id } => {
                    let Some(mid) = connection.asked.remove(&packet_id) else { continue };
                    Happening::Unsubscribed(mid)
                }
                Came::BadTopic => Happening::BadTopic,
                Came::Message(mut publish) => {
                    if publish.payload.len() < SMALL {
                        publish.payload = publish.payload.to_vec().into();
                    }
                    Happening::Message(publish)
                }
            };
            self.shared.events.push(Event { connection: number, happening });
        }
        Ok(())
    }

    fn put_out(&mut self, now: Instant) {
        let Some(connection) = &mut self.connection else { return };
        while connection.phase == Phase::Accepted && self.mqtt.output().len() < OUTPUT_HIGH_WATER {
            if self.mqtt.has_room()
                && let Some((publish, mid)) = self.waiting.pop_front()
            {
                if let Err(message) = self.mqtt.publish_qos1(publish, mid, now) {
                    self.waiting.push_front(message);
                }
                continue;
            }
            let Some(said) = connection.held.pop_front() else { return };
            match said {
                Said::Publish(mid, publish) => {
                    self.mqtt.publish_qos0(&publish, now);
                    let end = connection.wire.written() + self.mqtt.output().len() as u64;
                    connection.unflushed.push_back((end, mid));
                }
                Said::Subscribe(mid, filters) => {
                    // Without one of 65,535 identifiers there is no answer, as if the broker gave none.
                    if let Some(packet_id) = self.mqtt.subscribe(filters, now) {
                        connection.asked.insert(packet_id, mid);
                    }
                }
                Said::Unsubscribe(mid, filters) => {
                    if let Some(packet_id) = self.mqtt.unsubscribe(filters, now) {
                        connection.asked.insert(packet_id, mid);
                    }
                }
                Said::Goodbye => {
                    self.mqtt.disconnect();
                    connection.phase = Phase::Leaving(now + GOODBYE);
                }
            }
        }
    }

    /// Tells of what has left.
    fn settle(&mut self) -> Result<(), Ended> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let flushed = connection.wire.flushed();
        while connection.unflushed.front().is_some_and(|(end, _)| *end <= flushed) {
            if let Some((_, mid)) = connection.unflushed.pop_front() {
                let happening = Happening::Written(mid);
                self.shared.events.push(Event { connection: connection.number, happening });
            }
        }
        let all_left = self.mqtt.output().is_empty() && flushed == connection.wire.written();
        if matches!(connection.phase, Phase::Leaving(_)) && all_left {
            return Err(End::Goodbye.into());
        }
        connection.wire.shrink(self.mqtt.output());
        Ok(())
    }

    fn end(&mut self, how: Ended) {
        let Some(connection) = self.connection.take() else { return };
        self.mqtt.disconnected();
        let polite = matches!(how, Ended::Other(End::Goodbye));
        let happening = match how {
            Ended::Refused(code) => Happening::Refused(code),
            Ended::Other(end) => Happening::Ended(end),
        };
        self.shared.events.push(Event { connection: connection.number, happening });
        if polite {
            tokio::spawn(connection.wire.wind_up());
        }
    }

    /// Waits for whatever moves next.
    async fn wait(&mut self) {
        let Self { shared, mqtt, connection, .. } = self;
        let Some(connection) = connection else { return shared.called.notified().await };
        let due = match connection.phase {
            Phase::Asking(until) | Phase::Leaving(until) => Some(until),
            Phase::Accepted => mqtt.deadline(),
        };
        let full = shared.events.is_full();
        let leaving = matches!(connection.phase, Phase::Leaving(_));
        connection.listening = !full && !leaving && mqtt.output().len() < MAX_OUTPUT;
        let listening = connection.listening;
        tokio::select! {
            biased;
            _ = poll_fn(|cx| connection.wire.poll_turn(cx, mqtt.output(), listening)) => {}
            () = shared.called.notified() => {}
            () = shared.events.room(), if full => {}
            () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {}
        }
    }
}

/// How a round ends a connection.
enum Ended {
    Refused(u8),
    Other(End),
}

impl From<End> for Ended {
    fn from(end: End) -> Self {
        Self::Other(end)
    }
}

impl Connection {
    fn lost(&self, error: &io::Error) -> Ended {
        if matches!(self.phase, Phase::Leaving(_)) {
            // The broker was quicker to end what was ending anyway.
            return End::Goodbye.into();
        }
        let reason = match error.kind() {
            io::ErrorKind::UnexpectedEof => "the broker closed the connection".to_owned(),
            _ => error.to_string(),
        };
        End::Lost(reason).into()
    }
}

/// The number of a return code (§3.2.2.3).
fn return_code(code: ConnectReturnCode) -> u8 {
    match code {
        ConnectReturnCode::Success => 0,
        ConnectReturnCode::RefusedProtocolVersion => 1,
        ConnectReturnCode::BadClientId => 2,
        ConnectReturnCode::ServiceUnavailable => 3,
        ConnectReturnCode::BadUserNamePassword => 4,
        ConnectReturnCode::NotAuthorized => 5,
    }
}

/// The number of a SUBACK's return code (§3.9.3).
fn granted(code: SubscribeReasonCode) -> u8 {
    match code {
        SubscribeReasonCode::Success(qos) => qos as u8,
        SubscribeReasonCode::Failure => 0x80,
    }
}
