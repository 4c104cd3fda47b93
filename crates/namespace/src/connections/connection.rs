//! A connection that was let in, to its end.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop::consume_budget;
use tokio::time::{Sleep, sleep_until, timeout};

use super::authenticating::valid_until;
use super::faults::ConnectionFaults;
use super::renewal::Renewal;
use crate::authentication::Admitted;
use crate::broker::{Connection, End, Farewell, Outlook, Received, Refusal};
use crate::names::AuthenticationName;
use crate::shared::Shared;
use azmqtt_local::connecting::{LINGER, send_last};
use azmqtt_local::task;
use azmqtt_local::transport::Transport;

/// A client that was let in.
pub struct Connected {
    pub connection: Connection,
    /// When what it has shown does not hold any more.
    pub valid_until: Instant,
    pub renewal: Renewal,
    /// The authentication name, for events.
    pub name: AuthenticationName,
    /// For faults.
    pub client_id: Arc<str>,
}

/// What woke the task.
enum Wake {
    /// So many bytes came in, or what came in before can be looked at now.
    Input,
    /// The client's side ends the connection.
    End(End),
    /// The broker has ended it.
    Over,
    /// An AUTH of the client is judged.
    Authenticated(Result<Admitted, Refusal>),
    /// A fault is over, or something that was held back is due.
    Due,
}

/// What became of the last look at the input.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    /// All is taken.
    Taken,
    /// The client should read first.
    Paused,
    /// There is more.
    Left,
    /// A fault has stopped the reading.
    Stopped,
}

struct Task<S> {
    transport: Transport<S>,
    connected: Connected,
    shared: Arc<Shared>,
    /// What the broker gave to be written.
    output: BytesMut,
    /// Whether it may begin in the middle of a packet.
    under_way: bool,
    timer: Pin<Box<Sleep>>,
    input: Input,
    /// Faults that were asked for, if any ever was.
    faults: Option<Box<ConnectionFaults>>,
}

/// Serves a client to the end of its connection, in a task of its own: what the steps before needed is a multiple of what
/// a connection needs.
pub fn spawn<S>(transport: Transport<S>, connected: Connected, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let timer = Box::pin(sleep_until(connected.valid_until.into()));
    // The client need not wait for its CONNACK [MQTT-3.1.4-5].
    let served = Box::new(Task {
        transport,
        connected,
        shared,
        output: BytesMut::new(),
        under_way: false,
        timer,
        input: Input::Paused,
        faults: None,
    });
    task::spawn(served.run());
}

impl<S: AsyncRead + AsyncWrite + Unpin> Task<S> {
    async fn run(mut self: Box<Self>) {
        let end = self.serve().await;
        self.leave(end).await;
    }

    /// Why the client's side ends the connection; `None` if the broker has.
    async fn serve(&mut self) -> Option<End> {
        loop {
            match poll_fn(|cx| self.poll_wake(cx)).await {
                Wake::Over => return None,
                Wake::End(end) => return Some(end),
                Wake::Due => continue,
                Wake::Input => {}
                Wake::Authenticated(Ok(admitted)) => {
                    self.authenticated(admitted);
                    continue;
                }
                Wake::Authenticated(Err(refusal)) => return Some(End::Reauthentication(refusal)),
            }
            loop {
                match self.receive() {
                    Received::Waits => self.input = Input::Stopped,
                    Received::All => self.input = Input::Taken,
                    Received::Paused => self.input = Input::Paused,
                    Received::Over => return None,
                    Received::Authenticate(auth) => {
                        if let Err(refusal) = self.connected.renewal.begin(&auth, &self.shared) {
                            return Some(End::Reauthentication(refusal));
                        }
                        continue;
                    }
                    Received::More => {
                        // A flood from one client does not hold up the others.
                        consume_budget().await;
                        tokio::task::yield_now().await;
                        self.input = Input::Left;
                    }
                }
                break;
            }
        }
    }

    /// The client has authenticated anew.
    fn authenticated(&mut self, admitted: Admitted) {
        self.connected.valid_until = valid_until(&admitted);
        let connection = self.connected.connection;
        self.shared.change(|broker, now| broker.reauthenticated(connection, admitted.identity, now));
    }

    /// Takes what came in.
    fn receive(&mut self) -> Received {
        let (connection, now) = (self.connected.connection, Instant::now());
        let input = self.transport.input();
        let mut broker = self.shared.broker.lock();
        let Some(connection_faults) = &mut self.faults else {
            return broker.receive(connection, input, now);
        };
        if let Some(event) = connection_faults.take_held() {
            broker.take_late(connection, event, now);
        }
        let faults = &self.shared.faults;
        broker.receive_with(connection, input, now, |event| connection_faults.receive(faults, event, now))
    }

    /// Writes what there is, and waits for something to do.
    fn poll_wake(&mut self, cx: &mut Context<'_>) -> Poll<Wake> {
        if let Poll::Ready(outcome) = self.connected.renewal.poll(cx) {
            return Poll::Ready(Wake::Authenticated(outcome));
        }
        let connection = self.connected.connection;
        if self.faults.is_none() && self.shared.faults.is_used() {
            self.faults = Some(Box::new(ConnectionFaults::new(self.connected.client_id.clone())));
        }
        let outlook = loop {
            let now = Instant::now();
            if let Some(faults) = &mut self.faults {
                faults.pass_time(now);
            }
            let outlook = {
                let mut broker = self.shared.broker.lock();
                if let Some(faults) = &mut self.faults {
                    broker.take_struck(connection).into_iter().for_each(|fault| faults.strike(fault, now));
                }
                if let Some(at) = self.transport.take_part() {
                    broker.received_part(connection, at);
                }
                broker.output(connection, &mut self.output, cx.waker(), now)
            };
            let Some(outlook) = outlook else { return Poll::Ready(Wake::Over) };
            let Some((had_output, written)) = self.poll_write(cx, now) else { break outlook };
            match written {
                Poll::Ready(Err(_)) => return Poll::Ready(Wake::End(End::Lost)),
                Poll::Ready(Ok(())) if self.faults.as_mut().is_some_and(|faults| faults.wrote_all()) => {
                    return Poll::Ready(Wake::End(End::Dropped { in_order: false }));
                }
                // There is room for more now.
                Poll::Ready(Ok(())) if had_output && (outlook.waits || self.faults.is_some()) => {}
                Poll::Ready(Ok(())) | Poll::Pending => break outlook,
            }
        };
        let is_deaf = self.faults.as_ref().is_some_and(|faults| faults.silence().is_deaf());
        let goes_on = match self.input {
            Input::Taken => false,
            Input::Paused => self.output.is_empty() && !outlook.is_held,
            Input::Left | Input::Stopped => true,
        };
        if goes_on && !is_deaf {
            return Poll::Ready(Wake::Input);
        }
        if let Some(wake) = self.poll_deadlines(cx, &outlook) {
            return Poll::Ready(wake);
        }
        if is_deaf || self.input != Input::Taken {
            return Poll::Pending;
        }
        self.transport.poll_fill(cx).map(|read| match read {
            Ok(_) => Wake::Input,
            Err(_) => Wake::End(End::Lost),
        })
    }

    /// Writes what faults let through: whether there was something, and what became of it. `None` if nothing is written now.
    fn poll_write(&mut self, cx: &mut Context<'_>, now: Instant) -> Option<(bool, Poll<io::Result<()>>)> {
        let Some(faults) = &mut self.faults else {
            let had_output = !self.output.is_empty();
            let written = self.transport.poll_write(cx, &mut self.output, now);
            self.under_way = !self.output.is_empty();
            return Some((had_output, written));
        };
        if faults.silence().is_mute() {
            return None;
        }
        let output = faults.filter(&self.shared.faults, &mut self.output, self.under_way, now);
        let had_output = !output.is_empty();
        let written = self.transport.poll_write(cx, output, now);
        self.under_way = !self.output.is_empty();
        Some((had_output, written))
    }

    fn poll_deadlines(&mut self, cx: &mut Context<'_>, outlook: &Outlook) -> Option<Wake> {
        let write = self.transport.write_deadline(self.shared.config.connections.write_timeout);
        let faults = self.faults.as_ref();
        let excused = faults.and_then(|faults| faults.silence().excused_until);
        let silent_at = excused.map_or(outlook.silent_at, |excused| excused.max(outlook.silent_at));
        let due = faults.and_then(|faults| faults.deadline());
        let due = [due, outlook.sends_at].into_iter().flatten().min();
        let next = self.connected.valid_until.min(silent_at);
        let next = [write, due].into_iter().flatten().fold(next, Instant::min);
        if self.timer.deadline() > next.into() {
            self.timer.as_mut().reset(next.into());
        }
        // A deadline that has moved since the timer was set is looked at again when that fires.
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if write.is_some_and(|write| write <= now) {
                return Some(Wake::End(End::NotReading));
            }
            if self.connected.valid_until <= now {
                return Some(Wake::End(End::Unauthenticated));
            }
            if silent_at <= now {
                return Some(Wake::End(End::KeepAlive));
            }
            if due.is_some_and(|due| due <= now) {
                return Some(Wake::Due);
            }
            self.timer.as_mut().reset(next.into());
        }
        None
    }

    /// Says the last words, and closes.
    async fn leave(&mut self, end: Option<End>) {
        let connection = self.connected.connection;
        let farewell = self.shared.change(|broker, now| {
            if let Some(end) = end {
                broker.end(connection, end, now);
            }
            broker.farewell(connection)
        });
        let Some(Farewell { output, after, end }) = farewell else { return };
        if !self.shared.is_kept(after).await {
            // It would say that something is kept.
            self.output.clear();
            return;
        }
        if let End::Reauthentication(refusal) = &end {
            self.shared.note_refused_client(self.connected.name.as_str(), refusal);
        }
        self.transport.ends(&end);
        match end {
            End::Lost | End::NotReading | End::Dropped { in_order: false } => return,
            End::Dropped { in_order: true } => {
                let closing = poll_fn(|cx| self.transport.poll_shutdown(cx));
                return drop(timeout(LINGER, closing).await);
            }
            _ => {}
        }
        self.output.extend_from_slice(&output);
        let _: Result<(), _> = timeout(LINGER, send_last(&mut self.transport, &mut self.output)).await;
    }
}

/// How long a namespace waits for its connections when it stops.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(2);
