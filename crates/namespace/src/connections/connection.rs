//! A connection that was let in, to its end.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop::consume_budget;
use tokio::time::{Sleep, sleep_until, timeout};

use super::authenticating::valid_until;
use super::renewal::Renewal;
use crate::authentication::Admitted;
use crate::broker::{Connection, End, Farewell, Received, Refusal};
use crate::shared::Shared;
use azmqtt_local::connecting::{LINGER, send_last};
use azmqtt_local::transport::Transport;

/// A client that was let in.
pub struct Connected {
    pub connection: Connection,
    /// When what it has shown does not hold any more.
    pub valid_until: Instant,
    pub renewal: Renewal,
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
}

/// What became of the last look at the input.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    /// All is taken.
    Taken,
    /// The client should read first.
    Paused,
}

struct Task<S> {
    transport: Transport<S>,
    connected: Connected,
    shared: Arc<Shared>,
    /// What the broker gave to be written.
    output: BytesMut,
    timer: Pin<Box<Sleep>>,
    input: Input,
}

/// Serves a client to the end of its connection.
pub async fn run<S>(transport: Transport<S>, connected: Connected, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let timer = Box::pin(sleep_until(connected.valid_until.into()));
    // The client need not wait for its CONNACK [MQTT-3.1.4-5].
    let mut task =
        Task { transport, connected, shared, output: BytesMut::new(), timer, input: Input::Paused };
    let end = task.serve().await;
    task.leave(end).await;
}

impl<S: AsyncRead + AsyncWrite + Unpin> Task<S> {
    /// Why the client's side ends the connection; `None` if the broker has.
    async fn serve(&mut self) -> Option<End> {
        loop {
            match poll_fn(|cx| self.poll_wake(cx)).await {
                Wake::Over => return None,
                Wake::End(end) => return Some(end),
                Wake::Input => {}
                Wake::Authenticated(Ok(admitted)) => {
                    self.authenticated(admitted);
                    continue;
                }
                Wake::Authenticated(Err(refusal)) => return Some(End::Reauthentication(refusal)),
            }
            loop {
                let input = self.transport.input();
                let received =
                    self.shared.broker.lock().receive(self.connected.connection, input, Instant::now());
                match received {
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
                        continue;
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

    /// Writes what there is, and waits for something to do.
    fn poll_wake(&mut self, cx: &mut Context<'_>) -> Poll<Wake> {
        if let Poll::Ready(outcome) = self.connected.renewal.poll(cx) {
            return Poll::Ready(Wake::Authenticated(outcome));
        }
        let connection = self.connected.connection;
        let silent_at = loop {
            let now = Instant::now();
            let silent_at = {
                let mut broker = self.shared.broker.lock();
                if !broker.output(connection, &mut self.output, cx.waker(), now) {
                    return Poll::Ready(Wake::Over);
                }
                if let Some(at) = self.transport.take_part() {
                    broker.received_part(connection, at);
                }
                broker.silent_at(connection)
            };
            let Some(silent_at) = silent_at else { return Poll::Ready(Wake::Over) };
            let had_output = !self.output.is_empty();
            match self.transport.poll_write(cx, &mut self.output, now) {
                Poll::Ready(Err(_)) => return Poll::Ready(Wake::End(End::Lost)),
                // There may be more, now that there is room for it.
                Poll::Ready(Ok(())) if had_output => {}
                Poll::Ready(Ok(())) | Poll::Pending => break silent_at,
            }
        };
        if self.input == Input::Paused && self.output.is_empty() {
            return Poll::Ready(Wake::Input);
        }
        if let Some(end) = self.poll_deadlines(cx, silent_at) {
            return Poll::Ready(Wake::End(end));
        }
        if self.input == Input::Paused {
            return Poll::Pending;
        }
        self.transport.poll_read(cx).map(|read| match read {
            Ok(1..) => Wake::Input,
            Ok(0) | Err(_) => Wake::End(End::Lost),
        })
    }

    fn poll_deadlines(&mut self, cx: &mut Context<'_>, silent_at: Instant) -> Option<End> {
        let write = self.transport.write_deadline(self.shared.config.connections.write_timeout);
        let next = self.connected.valid_until.min(silent_at);
        let next = write.map_or(next, |write| write.min(next));
        if self.timer.deadline() > next.into() {
            self.timer.as_mut().reset(next.into());
        }
        // A deadline that has moved since the timer was set is looked at again when that fires.
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if write.is_some_and(|write| write <= now) {
                return Some(End::NotReading);
            }
            if self.connected.valid_until <= now {
                return Some(End::Unauthenticated);
            }
            if silent_at <= now {
                return Some(End::KeepAlive);
            }
            self.timer.as_mut().reset(next.into());
        }
        None
    }

    /// Says the last words, and closes.
    async fn leave(mut self, end: Option<End>) {
        let connection = self.connected.connection;
        let farewell = self.shared.change(|broker, now| {
            if let Some(end) = end {
                broker.end(connection, end, now);
            }
            broker.farewell(connection)
        });
        let Some(Farewell { output, end }) = farewell else { return };
        if let End::Reauthentication(refusal) = &end {
            self.shared.note_refusal(refusal.reason.clone());
        }
        self.transport.ends(&end);
        if matches!(end, End::Lost | End::NotReading) {
            return;
        }
        self.output.extend_from_slice(&output);
        let _: Result<(), _> = timeout(LINGER, send_last(&mut self.transport, &mut self.output)).await;
    }
}

/// How long a namespace waits for its connections when it stops.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(2);
