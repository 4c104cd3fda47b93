//! One connection, from CONNECT to its end.
//!
//! The loop takes in what came, puts out what is ready, and waits for whichever moves next: the socket, a
//! command, or the clock. Reading and writing share one poll and keep their state outside of it, so nothing
//! is lost when something else moves first, and neither direction waits for the other.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::attempt::{self, Opened, Opening};
use super::backoff::{Backoff, random};
use super::config::later;
use super::credentials::Purpose;
use super::destination::Destination;
use super::error::{Error, Step};
use super::inbox::{CloudMessage, Delivery};
use super::reasons::why_dead;
use super::reply::Burst;
use super::stats::State;
use super::task::{Task, sleep_until_some};
use super::transport::{self, Stream};
use super::watch;
use super::wire::Wire;
use azmqtt_dialect::{HubTopic, UsernameOptions};
use azmqtt_mqtt::client::Event;
use azmqtt_mqtt::{Connect, ConnectReturnCode, Login, Publish, QoS, SubscribeFilter, SubscribeReasonCode};

/// Why a conversation is over.
pub(super) enum Ended {
    /// The client is being closed.
    Stop,
    /// The connection was to end for now.
    Left,
    /// The planned end: the next connection, with a new token, is open already.
    Renew(Opened),
    /// The hub refused.
    Refused(ConnectReturnCode),
    /// It ended before the hub accepted.
    Failed(Error),
    /// It ended afterwards.
    Lost { since: Instant, error: Error },
}

/// How far the next token is.
enum Renewal {
    /// Due at this time, if ever.
    Due(Option<Instant>),
    /// The next connection is being opened beside this one.
    Opening(Opening),
    /// It is open: nothing more is sent here, and what is under way may finish until then.
    Draining(Opened, Instant),
}

/// The state of one conversation.
struct Conversation {
    wire: Wire<Stream>,
    /// When the hub accepted.
    accepted: Option<Instant>,
    connack_deadline: Instant,
    renew_at: Option<Instant>,
    /// When the token expires, in Unix seconds; 0 without one.
    expiry: u64,
    renewal: Renewal,
    /// The waits between attempts to open the next connection.
    reopening: Backoff,
    /// The hub sends cloud messages at QoS 0, which can be held back by not reading only.
    flooded: bool,
    /// QoS 1 messages found no room.
    left_to_the_hub: bool,
    /// Whether the socket was read in the last round.
    listening: bool,
}

/// Encoded bytes past which nothing more is published until some have left: enough to fill the socket.
pub(super) const OUTPUT_HIGH_WATER: usize = 128 * 1024;
/// QoS 0 cloud messages that may wait for the application, beside the bound in bytes of every [`Inbox`](super::Inbox); past
/// that the hub is not listened to.
pub(super) const MAX_MESSAGES: usize = 1024;
/// QoS 1 cloud messages that may wait; past that they are left to the hub, without an acknowledgement, and asked
/// for by a reconnect when the application has taken the others. The service queues 50.
pub(super) const MAX_DELIVERIES: usize = 4096;
/// Encoded bytes past which a peer that does not read is not listened to either: each of its packets may add some.
const MAX_OUTPUT: usize = 1024 * 1024;
/// Bodies smaller than this are copied out of the buffer that they were read into.
const SMALL: usize = 8 * 1024;
/// How long what is under way may delay a planned reconnect.
const DRAIN: Duration = Duration::from_secs(2);

impl Task {
    pub(super) async fn converse(&mut self, opened: Opened) -> Ended {
        let now = Instant::now();
        let config = &self.shared.config;
        let Opened { link, password } = opened;
        self.clock = link.clock;
        let mut conversation = Conversation {
            wire: Wire::new(link.stream),
            accepted: None,
            connack_deadline: later(now, config.deadlines.connack),
            renew_at: password.renew_after.map(|after| later(now, after)),
            expiry: password.expiry.unwrap_or_default(),
            renewal: Renewal::Due(None),
            reopening: Backoff::new(config.retry),
            flooded: false,
            left_to_the_hub: false,
            listening: true,
        };
        // An hour is as good as any longer time.
        let ping_timeout = config.ping_timeout.min(Duration::from_secs(3600));
        self.shared.monitor.set_token_expiry(password.expiry);
        if self.shared.monitor.state() != State::Connected {
            self.shared.monitor.under_way.set(Some(Step::Mqtt));
        }
        self.mqtt.connect(&self.connect_packet(password.text), ping_timeout, now);
        let ended = loop {
            if let Err(ended) = self.step(&mut conversation).await {
                break ended;
            }
        };
        let ended = match (ended, conversation.renewal) {
            // The hub was quicker to end what was ending anyway.
            (Ended::Lost { .. }, Renewal::Draining(opened, _)) => Ended::Renew(opened),
            (ended, _) => ended,
        };
        let reason = match &ended {
            Ended::Lost { error: Error::ConnectionLost { reason }, .. } => reason.clone(),
            Ended::Lost { error, .. } | Ended::Failed(error) => error.to_string(),
            Ended::Refused(_) => "the hub refused the connection".to_owned(),
            Ended::Renew(_) => "reconnecting with a new token".to_owned(),
            Ended::Left => "disconnected on request".to_owned(),
            Ended::Stop => "the client is closing".to_owned(),
        };
        if matches!(ended, Ended::Renew(_)) {
            self.shared.monitor.counters.tokens_renewed.add(1);
        }
        let goodbye = matches!(ended, Ended::Stop | Ended::Left | Ended::Renew(_));
        if goodbye {
            self.say_goodbye(&mut conversation.wire);
        }
        self.disconnected(&reason, conversation.wire.written());
        if goodbye {
            tokio::spawn(conversation.wire.wind_up());
        }
        ended
    }

    fn connect_packet(&self, password: String) -> Connect {
        let config = &self.shared.config;
        let username = config.identity.username(&UsernameOptions {
            product_info: config.product_info.clone(),
            model_id: config.model_id.clone(),
        });
        let mut connect = Connect::new(config.identity.client_id());
        connect.keep_alive = config.keep_alive;
        connect.clean_session = false;
        connect.login = Some(Login::new(username, password));
        connect
    }

    /// One round.
    async fn step(&mut self, conversation: &mut Conversation) -> Result<(), Ended> {
        self.advance(conversation, Instant::now())?;
        self.wait(conversation).await;
        Ok(())
    }

    /// Takes in what came and puts out what is ready, without waiting.
    fn advance(&mut self, conversation: &mut Conversation, now: Instant) -> Result<(), Ended> {
        // However many outcomes this brings, whoever waits for them is woken once.
        let _burst = Burst::begin();
        self.receive(conversation, now)?;
        if let Some(span) = self.mqtt.take_ping_round_trip() {
            self.shared.monitor.ping_times.record(span);
        }
        if let Some(error) = conversation.wire.take_end() {
            return Err(self.ended_by(conversation, &error));
        }
        // A hub that sends without a pause must not keep the application from being heard.
        self.obey(self.shared.commands.take_now());
        if !conversation.listening {
            self.mqtt.not_listening(now);
        }
        self.expire(now);
        self.keep_time(conversation, now)?;
        if self.should_stop() {
            return Err(Ended::Stop);
        }
        if self.should_leave() {
            return Err(Ended::Left);
        }
        if conversation.accepted.is_some() {
            self.release_changes();
            // The hub takes a response on this connection only.
            self.publish_responses(conversation.wire.written(), now);
            if !matches!(conversation.renewal, Renewal::Draining(..)) {
                self.put_out(&conversation.wire, now);
            }
            self.watch_silence(&conversation.wire, now);
        }
        conversation.wire.shrink(self.mqtt.output());
        Ok(())
    }

    /// Waits for whatever moves next.
    async fn wait(&mut self, conversation: &mut Conversation) {
        self.show_depths();
        let wake = self.wake_at(conversation);
        conversation.listening = self.wants_to_listen(conversation);
        let listening = conversation.listening;
        let written = conversation.wire.written();
        let left_to_the_hub = conversation.left_to_the_hub;
        let Conversation { wire, renewal, .. } = conversation;
        tokio::select! {
            biased;
            turn = poll_fn(|cx| wire.poll_turn(cx, self.mqtt.output(), listening)) => {
                self.count_bytes(conversation.wire.written() - written, turn);
                self.settle_flushed(&conversation.wire);
            }
            commands = self.shared.commands.take() => self.obey(commands),
            opened = open_next(renewal) => {
                *renewal = if let Ok(opened) = opened {
                    Renewal::Draining(opened, Instant::now() + DRAIN)
                } else {
                    let wait = conversation.reopening.next(random());
                    Renewal::Due(Some(later(Instant::now(), wait)))
                };
            }
            () = self.shared.messages.room(), if !listening || left_to_the_hub => {}
            () = self.shared.desired.room(), if self.desired.is_holding_back() => {}
            () = sleep_until_some(wake) => {}
        }
    }

    /// Whether to read the socket, which CONNACK and the answers that a closing client waits for always are
    /// worth. A hub that floods the device with QoS 0 messages, or that does not read, has to wait.
    fn wants_to_listen(&mut self, conversation: &Conversation) -> bool {
        if conversation.accepted.is_none() || self.closing.is_some() {
            return true;
        }
        let flooded = conversation.flooded && self.shared.messages.is_full(MAX_MESSAGES);
        !flooded && self.mqtt.output().len() < MAX_OUTPUT
    }

    /// Everything that the clock is watched for.
    fn wake_at(&self, conversation: &Conversation) -> Option<Instant> {
        let renewal = match &conversation.renewal {
            Renewal::Due(at) => *at,
            Renewal::Opening(_) => None,
            Renewal::Draining(_, until) => Some(*until),
        };
        let connack = conversation.accepted.is_none().then_some(conversation.connack_deadline);
        let again = [self.read_again_at, self.subscribe_again_at].into_iter().flatten().min();
        let deadlines = [
            self.next_deadline(),
            self.mqtt.deadline(),
            self.suback_deadline(conversation),
            again,
            renewal,
            connack,
        ];
        deadlines.into_iter().flatten().min()
    }

    /// When a hub that did not answer a SUBSCRIBE counts as gone.
    fn suback_deadline(&self, conversation: &Conversation) -> Option<Instant> {
        // What is not listened to cannot be heard.
        let asked_since = self.subscriptions.asked_since().filter(|_| conversation.listening);
        asked_since.map(|since| later(since, self.shared.config.deadlines.suback))
    }

    /// Does what the clock says.
    fn keep_time(&mut self, conversation: &mut Conversation, now: Instant) -> Result<(), Ended> {
        let config = &self.shared.config;
        if conversation.accepted.is_none() && conversation.connack_deadline <= now {
            let limit = config.deadlines.connack.as_secs_f64();
            let reason = format!("{}: no CONNACK within {limit} s", config.endpoint);
            return Err(Ended::Failed(Error::ConnectionFailed { step: Step::Mqtt, reason }));
        }
        if self.mqtt.deadline().is_some_and(|deadline| deadline <= now) {
            conversation.wire.take_part().into_iter().for_each(|at| self.mqtt.received_part(at));
            self.mqtt.handle_timeout(now).map_err(|dead| self.lost(conversation, why_dead(dead)))?;
        }
        if self.suback_deadline(conversation).is_some_and(|deadline| deadline <= now) {
            let limit = config.deadlines.suback.as_secs_f64();
            return Err(
                self.lost(conversation, format!("the hub did not answer a subscription within {limit} s"))
            );
        }
        if conversation.left_to_the_hub && self.shared.messages.is_empty() {
            return Err(self.lost(conversation, "for the cloud messages that found no room".to_owned()));
        }
        if self.read_again_at.is_some_and(|at| at <= now) {
            self.read_again_at = None;
        }
        if self.subscribe_again_at.is_some_and(|at| at <= now) {
            self.subscribe_again_at = None;
            self.subscriptions.ask_again();
        }
        match &conversation.renewal {
            Renewal::Due(Some(at)) if *at <= now => {
                let purpose = Purpose::Renew { expiry: conversation.expiry };
                conversation.renewal = Renewal::Opening(attempt::open(config, purpose));
            }
            Renewal::Draining(_, until) if *until <= now || self.is_quiet() => {
                let taken = std::mem::replace(&mut conversation.renewal, Renewal::Due(None));
                if let Renewal::Draining(opened, _) = taken {
                    return Err(Ended::Renew(opened));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether nothing is under way on the wire.
    fn is_quiet(&mut self) -> bool {
        self.mqtt.in_flight() == 0
            && self.mqtt.output().is_empty()
            && self.unflushed.is_empty()
            && !self.requests.awaits_answer()
            && self.methods.is_quiet()
    }

    /// Encodes what is ready, up to what the socket can use.
    fn put_out(&mut self, wire: &Wire<Stream>, now: Instant) {
        while let Some(feed) = self.subscriptions.next_to_ask() {
            let filter = feed.filter(&self.shared.config.identity);
            let filters = vec![SubscribeFilter::new(filter, QoS::AtLeastOnce)];
            match self.mqtt.subscribe(filters, now) {
                Some(packet_id) => self.subscriptions.asked(feed, packet_id, now),
                None => break,
            }
        }
        if self.subscriptions.hold_others() {
            return;
        }
        self.publish_requests(now);
        let tick = self.ticks.at(now);
        while self.mqtt.output().len() < OUTPUT_HIGH_WATER {
            let Some((publish, mut ticket)) = self.outbox.pop_front() else { break };
            ticket.sent = tick;
            if publish.qos == QoS::AtMostOnce {
                self.mqtt.publish_qos0(&publish, now);
                let end = wire.written() + self.mqtt.output().len() as u64;
                self.unflushed.push_back((end, publish, ticket));
            } else if let Err(message) = self.mqtt.publish_qos1(publish, ticket, now) {
                self.outbox.push_front(message);
                break;
            }
        }
    }

    /// A hub that owes answers is pinged as early as those who wait for them can do with a new connection.
    fn watch_silence(&mut self, wire: &Wire<Stream>, now: Instant) {
        if self.is_settled() && self.waiting.is_empty() {
            self.patience = None;
        }
        let owes = self.mqtt.in_flight() > 0
            || self.requests.awaits_answer()
            || self.subscriptions.asked_since().is_some();
        let sent = wire.written() + self.mqtt.output().len() as u64;
        self.mqtt.awaits(self.patience.filter(|_| owes), sent, now);
    }

    /// QoS 0 messages and responses are done when their last byte has left.
    fn settle_flushed(&mut self, wire: &Wire<Stream>) {
        self.settle_responses(wire.flushed());
        while self.unflushed.front().is_some_and(|(end, _, _)| *end <= wire.flushed()) {
            if let Some((_, _, ticket)) = self.unflushed.pop_front() {
                self.settle(ticket, Ok(()));
            }
        }
    }

    fn count_bytes(&self, sent: u64, received: usize) {
        let counters = &self.shared.monitor.counters;
        counters.bytes_received.add(received as u64);
        counters.bytes_sent.add(sent);
    }

    fn receive(&mut self, conversation: &mut Conversation, now: Instant) -> Result<(), Ended> {
        let tick = self.ticks.at(now);
        let accepted = conversation.accepted.unwrap_or(now);
        let age = u32::try_from(now.saturating_duration_since(accepted).as_micros()).unwrap_or(u32::MAX);
        // Ticks are cut to whole microseconds, so that their difference may be one more.
        let age = age.saturating_add(1);
        loop {
            let event = match self.mqtt.poll(&mut conversation.wire.input, now) {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(()),
                Err(error) => {
                    let hint = if conversation.wire.input.starts_with(b"HTTP/") {
                        "; it answers in HTTP: is this the port of HTTPS and WebSockets?"
                    } else {
                        ""
                    };
                    let reason = format!("the hub broke the protocol: {error}{hint}");
                    return Err(self.lost(conversation, reason));
                }
            };
            match event {
                Event::Connected { session_present } => self.accepted(conversation, session_present, now),
                Event::Refused(code) => return Err(Ended::Refused(code)),
                Event::Acknowledged(ticket) => {
                    // One that spans a lost connection is none.
                    let span = tick.wrapping_sub(ticket.sent);
                    if span <= age {
                        self.shared.monitor.publish_times.record_micros(u64::from(span));
                    }
                    self.settle(ticket, Ok(()));
                }
                Event::Subscribed { packet_id, return_codes } => {
                    let granted = return_codes.iter().all(|code| *code != SubscribeReasonCode::Failure);
                    self.subscription_answered(packet_id, granted);
                }
                Event::Message(publish) => self.take_in(conversation, publish, now),
                Event::Unsubscribed { .. } | Event::BadTopic => {}
            }
        }
    }

    fn accepted(&mut self, conversation: &mut Conversation, session_present: bool, now: Instant) {
        conversation.accepted = Some(now);
        conversation.renewal = Renewal::Due(conversation.renew_at);
        self.connection += 1;
        self.was_connected = true;
        self.shared.monitor.set_last_error(None);
        if self.seat.as_ref().is_some_and(|seat| !seat.accepted(&self.shared.config)) {
            self.replaced();
        }
        let monitor = &self.shared.monitor;
        monitor.under_way.set(None);
        monitor.counters.connects.add(1);
        match monitor.set_state(State::Connected, None) {
            State::Connected => monitor.watchers.tell(|watched| watched.then_some(watch::Event::Renewed)),
            State::Reconnecting => monitor.counters.reconnects.add(1),
            State::Disconnected | State::Connecting | State::Closed => {}
        }
        if session_present {
            self.shared.monitor.counters.messages_resent.add(self.mqtt.in_flight() as u64);
        } else {
            self.session_lost();
        }
        self.tell_waiting();
    }

    /// A message from the hub. Twin traffic is acknowledged at once, because versions recover what is lost,
    /// and so are calls of methods, whose response is what the caller waits for;
    /// cloud messages when the application has them.
    fn take_in(&mut self, conversation: &mut Conversation, publish: Publish, now: Instant) {
        let packet_id = (publish.qos == QoS::AtLeastOnce).then_some(publish.pkid);
        if let Some(Destination { input, bag }) =
            Destination::of(&publish.topic, &self.shared.config.identity)
        {
            if self.closing.is_some() {
                // Nobody will take it: without an acknowledgement the hub keeps it.
                return;
            }
            if packet_id.is_none() {
                conversation.flooded = true;
            } else if self.shared.messages.is_full(MAX_DELIVERIES) {
                conversation.left_to_the_hub = true;
                return;
            }
            self.shared.monitor.counters.messages_received.add(1);
            let delivery = packet_id.map(|packet_id| Delivery { connection: self.connection, packet_id });
            let (input, bag) = (input.map(str::to_owned), bag.to_owned());
            // As it came, a few bytes would hold on to the whole buffer that they were read into.
            let small = publish.payload.len() < SMALL;
            let payload = if small { Bytes::copy_from_slice(&publish.payload) } else { publish.payload };
            self.shared.messages.push(CloudMessage { input, bag, payload, received: now, delivery });
            return;
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
            Ok(_) | Err(_) => self.answered_badly(&publish.topic),
        }
        if let Some(packet_id) = packet_id {
            self.mqtt.acknowledge(packet_id, now);
        }
    }

    pub(super) fn acknowledge(&mut self, deliveries: &[Delivery]) {
        let now = Instant::now();
        for delivery in deliveries {
            if delivery.connection == self.connection && self.mqtt.is_connected() {
                self.mqtt.acknowledge(delivery.packet_id, now);
            }
        }
    }

    /// DISCONNECT, as far as the socket takes it at once: a peer that does not read cannot hold the end up.
    fn say_goodbye(&mut self, wire: &mut Wire<Stream>) {
        self.mqtt.disconnect();
        let mut cx = Context::from_waker(Waker::noop());
        let written = wire.written();
        let _ = wire.poll_turn(&mut cx, self.mqtt.output(), false);
        self.count_bytes(wire.written() - written, 0);
        self.settle_flushed(wire);
    }

    fn ended_by(&self, conversation: &Conversation, error: &io::Error) -> Ended {
        let endpoint = &self.shared.config.endpoint;
        if conversation.accepted.is_none() && transport::is_tls_refusal(error) {
            let reason = format!("{endpoint}: {}", transport::explain_tls(error, self.clock, endpoint));
            return Ended::Failed(Error::ConnectionFailed { step: Step::Tls, reason });
        }
        let reason = match error.kind() {
            // MQTT has no words for it.
            io::ErrorKind::UnexpectedEof => self.why_closed(conversation.accepted.is_some()),
            _ => transport::explain_tls(error, self.clock, endpoint),
        };
        self.lost(conversation, reason)
    }

    fn lost(&self, conversation: &Conversation, reason: String) -> Ended {
        if let Some(since) = conversation.accepted {
            return Ended::Lost { since, error: Error::ConnectionLost { reason } };
        }
        let config = &self.shared.config;
        let reason = format!("{}: {reason} before its CONNACK", config.endpoint);
        Ended::Failed(Error::ConnectionFailed { step: Step::Mqtt, reason })
    }
}

/// Resolves when the next connection is open; never while none is being opened.
async fn open_next(renewal: &mut Renewal) -> Result<Opened, Error> {
    match renewal {
        Renewal::Opening(opening) => opening.await,
        Renewal::Due(_) | Renewal::Draining(..) => std::future::pending().await,
    }
}
