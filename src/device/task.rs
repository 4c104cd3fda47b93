//! The life of one device's connection: wait until it is wanted, connect, converse, reconnect, close.

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use super::attempt;
use super::backoff::{Backoff, random};
use super::config::later;
use super::converse::Ended;
use super::credentials::{Purpose, Refusals};
use super::desired::DesiredTracker;
use super::error::{Error, Step};
use super::handle::Shared;
use super::histogram::Ticks;
use super::message::Ticket;
use super::methods::Methods;
use super::neighbours::{Neighbours, Seat, replaced_by};
use super::reply::Reply;
use super::requests::Requests;
use super::stats::State;
use super::subscriptions::Subscriptions;
use super::transport::ClockOffset;
pub(super) use super::twin::TwinReply;
use super::waiting::Waiting;
use super::watch::Event;
use azmqtt_mqtt::{Client, ConnectReturnCode, Publish};

/// Everything that belongs to one device, owned by one task: no locks, no races.
pub(super) struct Task {
    pub(super) shared: Arc<Shared>,
    pub(super) mqtt: Client<Ticket>,
    /// Accepted and not yet on the wire, oldest first.
    pub(super) outbox: VecDeque<(Publish, Ticket)>,
    /// QoS 0 messages on their way to the socket: done once that many bytes have left.
    pub(super) unflushed: VecDeque<(u64, Publish, Ticket)>,
    pub(super) requests: Requests<TwinReply>,
    pub(super) subscriptions: Subscriptions,
    pub(super) desired: DesiredTracker,
    pub(super) methods: Methods,
    /// When a failed read for `desired` may be tried again.
    pub(super) read_again_at: Option<Instant>,
    /// When a subscription that was refused after a reconnect may be tried again.
    pub(super) subscribe_again_at: Option<Instant>,
    /// Callers that wait for a state of the connection.
    pub(super) waiting: Vec<Waiting>,
    /// Not later than the earliest deadline of any operation.
    pub(super) earliest: Option<Instant>,
    /// Not longer than the shortest time that any operation had.
    pub(super) patience: Option<Duration>,
    pub(super) backoff: Backoff,
    /// Somebody asked for a connection, and nothing since made it pointless.
    pub(super) wanted: bool,
    /// Until when the hub is left alone after it refused the credentials.
    pub(super) rest_until: Option<Instant>,
    /// Somebody asked for a connection by name: a wait before the next attempt is over.
    pub(super) hurry: bool,
    /// The hub has accepted this client before: losses are retried from then on.
    pub(super) was_connected: bool,
    /// Counts the connections; deliveries of an old one cannot be acknowledged on a new one.
    pub(super) connection: u64,
    /// What the last connection's opening said about this machine's clock.
    pub(super) clock: Option<ClockOffset>,
    /// Somebody asked for the connection to end, for now.
    pub(super) leaving: Option<Leaving>,
    pub(super) closing: Option<Closing>,
    /// For the round trips of messages.
    pub(super) ticks: Ticks,
    /// While it is connected or wants to be, if there may be others.
    pub(super) seat: Option<Seat>,
}

/// A wish to disconnect, once nothing is under way.
pub(super) struct Leaving {
    deadline: Instant,
    replies: Vec<Reply<()>>,
}

/// However a wish to disconnect ends, there was no connection at its end, or somebody wanted one more.
impl Drop for Leaving {
    fn drop(&mut self) {
        for reply in self.replies.drain(..) {
            reply.send(Ok(()));
        }
    }
}

/// The last wishes.
pub(super) struct Closing {
    pub(super) deadline: Instant,
    /// Messages and requests that failed since, for whatever reason.
    pub(super) failed: usize,
    replies: Vec<Reply<usize>>,
}

impl Task {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            mqtt: Client::new(shared.config.max_in_flight, Instant::now()),
            outbox: VecDeque::new(),
            unflushed: VecDeque::new(),
            requests: Requests::new(random()),
            subscriptions: Subscriptions::new(),
            desired: DesiredTracker::default(),
            methods: Methods::default(),
            read_again_at: None,
            subscribe_again_at: None,
            waiting: Vec::new(),
            earliest: None,
            patience: None,
            backoff: Backoff::new(shared.config.retry),
            wanted: false,
            rest_until: None,
            hurry: false,
            was_connected: false,
            connection: 0,
            clock: None,
            leaving: None,
            closing: None,
            ticks: Ticks::new(Instant::now()),
            seat: None,
            shared,
        }
    }

    /// Boxed, so that the future does not hold the task twice: as an argument and as a variable.
    pub(super) async fn run(mut self: Box<Self>, neighbours: Option<&'static Neighbours>) {
        while !self.should_stop() {
            if self.should_leave() {
                self.left();
            } else if self.wanted {
                self.seat = neighbours.map(|neighbours| neighbours.enter(&self.shared));
                self.stay_connected().await;
                self.seat = None;
            } else {
                self.attend(pending::<()>(), |task| task.wanted).await;
            }
        }
        self.finish();
    }

    /// Connects and reconnects until nobody wants it any more.
    async fn stay_connected(&mut self) {
        let mut refusals = Refusals::default();
        let mut next = None;
        if let Some(until) = self.rest_until.take() {
            // After a refusal, calls that connect by themselves do not knock at their own pace.
            self.attend(sleep_until(until.into()), |task| task.hurry).await;
        }
        while self.wanted && !self.should_stop() && !self.should_leave() {
            let opened = if let Some(opened) = next.take() {
                opened
            } else {
                self.set_trying(None);
                let under_way = Arc::clone(&self.shared.monitor.under_way);
                let opening = under_way.watch(attempt::open(&self.shared.config, Purpose::Connect));
                let opened = self.attend(opening, |_| false).await;
                under_way.set(None);
                match opened {
                    None => return,
                    Some(Ok(opened)) => opened,
                    Some(Err(error)) => {
                        self.retry_later(error).await;
                        continue;
                    }
                }
            };
            let connection = self.connection;
            let ended = self.converse(opened).await;
            if self.connection != connection {
                refusals = Refusals::default();
            }
            match ended {
                Ended::Stop | Ended::Left => return,
                Ended::Renew(opened) => next = Some(opened),
                Ended::Lost { since, error } => {
                    self.shared.monitor.counters.connections_lost.add(1);
                    self.backoff.connection_ended(since, Instant::now());
                    self.retry_later(error).await;
                }
                Ended::Failed(error) => self.retry_later(error).await,
                Ended::Refused(code) => match self.refusal(code) {
                    // A token may have been refused for its time, or a key may have been replaced.
                    Error::AuthenticationFailed { .. }
                        if self.shared.config.credentials.try_next(&mut refusals) =>
                    {
                        let reason = self.refusal(code).to_string();
                        self.tell_retry(&reason, Duration::ZERO);
                    }
                    // Whoever listens cannot be told, and counts on a device that was let in before.
                    error @ Error::AuthenticationFailed { .. }
                        if self.was_connected && self.subscriptions.any_listening() =>
                    {
                        self.fail_all(&error);
                        refusals = Refusals::default();
                        self.retry_later(error).await;
                    }
                    error @ Error::AuthenticationFailed { .. } => {
                        self.give_up(&error);
                        self.rest_until = Some(later(Instant::now(), self.backoff.next(random())));
                    }
                    error => self.retry_later(error).await,
                },
            }
        }
    }

    fn set_trying(&self, reason: Option<&str>) {
        let state = if self.was_connected { State::Reconnecting } else { State::Connecting };
        self.shared.monitor.set_state(state, reason);
    }

    /// Tells those who watch that there will be another attempt.
    fn tell_retry(&self, reason: &str, after: Duration) {
        let event = || Event::Retry { reason: reason.to_owned(), after };
        self.shared.monitor.watchers.tell(|watched| watched.then(event));
    }

    /// What a refused CONNECT means (MQTT 3.1.1 §3.2.2.3, and IoT Hub's use of it).
    fn refusal(&self, code: ConnectReturnCode) -> Error {
        let config = &self.shared.config;
        let id = config.identity.client_id();
        match code {
            ConnectReturnCode::NotAuthorized
            | ConnectReturnCode::BadUserNamePassword
            | ConnectReturnCode::BadClientId => Error::AuthenticationFailed {
                reason: format!(
                    "{} refused {id} (CONNACK {}): {}{}",
                    config.endpoint.host,
                    code as u8,
                    config.credentials.explain_refusal(),
                    self.clock
                        .filter(|clock| clock.is_notable())
                        .map(|clock| format!("; {}", clock.in_words()))
                        .unwrap_or_default(),
                ),
            },
            ConnectReturnCode::RefusedProtocolVersion => Error::ConnectionFailed {
                step: Step::Mqtt,
                reason: format!("{} does not take MQTT 3.1.1 (CONNACK 1)", config.endpoint.host),
            },
            ConnectReturnCode::ServiceUnavailable | ConnectReturnCode::Success => Error::ConnectionFailed {
                step: Step::Mqtt,
                reason: format!(
                    "{} does not serve {id} now (CONNACK 3): the device is disabled there, or the hub is unavailable",
                    config.endpoint.host
                ),
            },
        }
    }

    /// Waits for the next attempt, or gives up if this was the first.
    async fn retry_later(&mut self, error: Error) {
        if !self.was_connected && !self.shared.config.retry.first_connect {
            return self.give_up(&error);
        }
        let reason = error.to_string();
        self.shared.monitor.set_last_error(Some(reason.clone()));
        self.set_trying(Some(&reason));
        let wait = self.backoff.next(random());
        self.tell_retry(&reason, wait);
        let wait = tokio::time::sleep(wait);
        self.hurry = false;
        self.attend(wait, |task| task.hurry).await;
    }

    /// Tells everybody who waits, and rests until the next call.
    fn give_up(&mut self, error: &Error) {
        self.wanted = false;
        // The next call starts over, and fails fast if it fails.
        self.was_connected = false;
        self.hurry = false;
        let reason = error.to_string();
        self.shared.monitor.set_last_error(Some(reason.clone()));
        self.shared.monitor.set_state(State::Disconnected, Some(&reason));
        self.fail_all(error);
    }

    /// Serves commands and deadlines while `future` runs. `None` when `enough` is true or it is time to stop.
    async fn attend<F: Future>(&mut self, future: F, enough: fn(&Self) -> bool) -> Option<F::Output> {
        let mut future = pin!(future);
        loop {
            if self.should_stop() || self.should_leave() || enough(self) {
                return None;
            }
            self.release_changes();
            self.show_depths();
            let wake = self.next_deadline();
            tokio::select! {
                biased;
                output = &mut future => return Some(output),
                commands = self.shared.commands.take() => self.obey(commands),
                () = self.shared.desired.room(), if self.desired.is_holding_back() => {}
                () = sleep_until_some(wake) => {}
            }
            self.expire(Instant::now());
        }
    }

    /// Shows how long the task's own queues are.
    pub(super) fn show_depths(&self) {
        let depths = &self.shared.monitor.depths;
        depths.outbox.set((self.outbox.len() + self.unflushed.len()) as u64);
        depths.in_flight.set(self.mqtt.in_flight() as u64);
        depths.methods_open.set(self.methods.open() as u64);
    }

    /// The next moment at which an operation or the whole client runs out of time.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let closing = self.closing.as_ref().map(|closing| closing.deadline);
        let leaving = self.leaving.as_ref().map(|leaving| leaving.deadline);
        [self.earliest, leaving, closing].into_iter().flatten().min()
    }

    /// Whether the client is being closed and there is nothing to wait for.
    pub(super) fn should_stop(&self) -> bool {
        // What a disconnect left behind goes nowhere while nobody wants a connection.
        let in_vain = !self.wanted;
        let over = |closing: &Closing| self.is_settled() || in_vain || closing.deadline <= Instant::now();
        self.closing.as_ref().is_some_and(over)
    }

    /// Whether the connection is to end for now, and there is nothing to wait for.
    pub(super) fn should_leave(&self) -> bool {
        self.leaving.as_ref().is_some_and(|leaving| self.is_settled() || leaving.deadline <= Instant::now())
    }

    pub(super) fn leave(&mut self, deadline: Instant, reply: Reply<()>) {
        if !self.wanted {
            return reply.send(Ok(()));
        }
        let leaving = self.leaving.get_or_insert(Leaving { deadline, replies: Vec::new() });
        leaving.deadline = leaving.deadline.min(deadline);
        leaving.replies.push(reply);
    }

    /// Disconnected as asked: rests until the next call.
    fn left(&mut self) {
        self.wanted = false;
        self.was_connected = false;
        self.hurry = false;
        self.shared.monitor.set_last_error(None);
        self.shared.monitor.set_state(State::Disconnected, Some("disconnected on request"));
        for waiting in self.waiting.drain(..) {
            let reason = "disconnected on request".to_owned();
            waiting.reply.send(Err(Error::ConnectionLost { reason }));
        }
        self.leaving = None;
    }

    pub(super) fn close(&mut self, deadline: Instant, reply: Option<Reply<usize>>) {
        let closing = self.closing.get_or_insert(Closing { deadline, failed: 0, replies: Vec::new() });
        closing.deadline = closing.deadline.min(deadline);
        closing.replies.extend(reply);
        if let Some(leaving) = &mut self.leaving {
            // The connection is needed up to the end.
            leaving.deadline = closing.deadline;
        }
        // Nobody will ask for changes any more.
        self.requests.forget(|reply| !reply.is_asked());
        // What an earlier disconnect left behind was accepted, too.
        self.wanted |= self.shared.config.auto_connect && !self.is_settled();
    }

    /// Another client of the process has connected as this one's identity, and the hub keeps one.
    pub(super) fn replaced(&mut self) {
        self.shared.replaced.store(true, Ordering::Relaxed);
        self.close(Instant::now(), None);
    }

    /// The end: whatever is left did not make it.
    fn finish(mut self: Box<Self>) {
        let error = self.shared.closed();
        let reason = match &error {
            Error::Replaced { client_id } => Some(replaced_by(client_id)),
            _ => None,
        };
        self.shared.monitor.set_state(State::Closed, reason.as_deref());
        self.fail_all(&error);
        self.show_depths();
        self.shared.end();
        if let Some(closing) = self.closing.take() {
            for reply in closing.replies {
                reply.send(Ok(closing.failed));
            }
        }
    }
}

/// However the task ends, by a panic or with its runtime too, nobody is left waiting for what will not come.
impl Drop for Task {
    fn drop(&mut self) {
        self.shared.end();
    }
}

/// Resolves at `at`, or never.
pub(super) async fn sleep_until_some(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => pending().await,
    }
}

/// Seconds of Unix time.
pub(super) fn unix_now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
