//! The life of a client's connection: wait until it is wanted, connect, speak, reconnect, close.

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use super::session::{Beside, End, Lasting, Shared};
use crate::backoff::{Backoff, random};
use crate::cause::Cause;
use crate::connection::{Connection, sleep_until_some};
use crate::reply::Burst;
use crate::watch::{Event, State};
use azmqtt_net::deadlines::later;
use azmqtt_net::{Step, Stream};

/// How long a client at least waits whose place a newer one of the process is about to take: the server's answer to that
/// one, which closes this one, is on its way.
const CLAIMED_WAIT: Duration = Duration::from_secs(1);

/// A session, and the policy of its connections. One task owns it: no locks, no races.
pub struct Task<S: Lasting> {
    shared: Arc<S::Shared>,
    session: S,
    backoff: Backoff,
    /// Until when the server is left alone after it refused the credentials.
    rest_until: Option<Instant>,
    /// The server has accepted this client before: losses are retried from then on.
    was_connected: bool,
}

/// What ended a wait, apart from the stream and the clock.
enum Woken<C, B> {
    Commands(Option<Vec<C>>),
    Beside(B),
}

/// What is sent by the handles of a session.
type CommandOf<S> = <<S as Lasting>::Shared as Shared>::Command;

impl<S: Lasting> Task<S> {
    /// Around a session without a connection.
    pub fn new(session: S) -> Self {
        let shared = Arc::clone(session.shared());
        let backoff = Backoff::new(shared.retry());
        Self { session, backoff, rest_until: None, was_connected: false, shared }
    }

    /// Until the client is closed, or its last handle is gone. Boxed, so that the future does not hold the task twice: as an
    /// argument and as a variable.
    pub async fn run(mut self: Box<Self>) {
        loop {
            let now = Instant::now();
            if self.session.should_close(now) {
                break;
            }
            if self.session.should_leave(now) {
                self.was_connected = false;
                self.session.left();
            } else if self.session.wants_connection() {
                self.session.keeps_connected(true);
                self.stay_connected().await;
                self.session.keeps_connected(false);
            } else {
                self.attend(pending::<()>(), S::wants_connection).await;
            }
        }
        self.session.finish(Instant::now());
    }

    /// Connects and reconnects until nobody wants it any more.
    async fn stay_connected(&mut self) {
        if let Some(until) = self.rest_until.take() {
            // After a refusal, calls that connect by themselves do not knock at their own pace.
            self.attend(sleep_until(until.into()), S::is_hurried).await;
        }
        let mut next = None;
        while self.goes_on() {
            let opened = match next.take() {
                Some(opened) => Ok(opened),
                None => match self.open().await {
                    Some(opened) => opened,
                    None => return,
                },
            };
            let end;
            (end, next) = match opened {
                Ok(opened) => self.speak(opened).await,
                Err(error) => (End::Failed(error), None),
            };
            self.judge(end).await;
        }
    }

    /// Whether a connection is wanted, and is not to end.
    fn goes_on(&self) -> bool {
        let now = Instant::now();
        self.session.wants_connection() && !self.session.should_close(now) && !self.session.should_leave(now)
    }

    /// Makes an attempt to connect; `None` when it is time to stop.
    async fn open(&mut self) -> Option<Result<Box<S::Opened>, S::Error>> {
        self.set_trying(None);
        let progress = Arc::clone(&self.shared.monitor().connect_progress);
        let opening = progress.watch(self.session.open());
        let opened = self.attend(opening, |_| false).await;
        progress.set(None);
        // What was asked meanwhile may be that the place is another client's: CONNECT would take it back.
        take_in(&mut self.session, self.shared.commands().take_now(), Instant::now());
        opened.filter(|_| self.goes_on()).map(|opened| opened.map(Box::new))
    }

    /// Goes on after the end of a connection, or of an attempt at one.
    async fn judge(&mut self, end: End<S::Error>) {
        match end {
            End::Closed | End::Left | End::Again => {}
            End::Lost { since, error } => {
                self.backoff.connection_ended(since, Instant::now());
                self.retry_later(error).await;
            }
            End::Failed(error) => self.retry_later(error).await,
            End::Unwritable(error) => self.give_up(&error),
            End::Refused(error) => self.refused(error).await,
            End::Final(error) => {
                self.was_connected = false;
                self.session.stop(&error, Instant::now());
            }
        }
    }

    /// Goes on after a refusal of the credentials.
    async fn refused(&mut self, error: S::Error) {
        if self.session.has_others() {
            self.tell_retry(&error, Duration::ZERO);
        } else if self.was_connected && self.session.any_listening() {
            // Whoever listens cannot be told, and counts on a client that was let in before.
            self.session.fail_all(&error, Instant::now());
            self.retry_later(error).await;
        } else {
            self.give_up(&error);
            self.rest_until = Some(later(Instant::now(), self.backoff.next(random())));
        }
    }

    /// Speaks on a fresh stream until its connection is over. Yields the next one, too, if it is open.
    async fn speak(&mut self, opened: Box<S::Opened>) -> (End<S::Error>, Option<Box<S::Opened>>) {
        let monitor = self.shared.monitor();
        if monitor.state() != State::Connected {
            monitor.connect_progress.set(Some(Step::Mqtt));
        }
        let connections = self.session.connections();
        let (stream, mut beside) = match self.session.begin(*opened, Instant::now()) {
            Ok(begun) => begun,
            Err(end) => return (end, None),
        };
        let mut connection = Connection::new(stream);
        let end = loop {
            if let Err(end) = self.advance(&mut connection, Instant::now()) {
                break end;
            }
            if let Err(end) = self.wait(&mut connection, &mut beside).await {
                break end;
            }
        };
        let farewell = self.session.farewell(&end);
        let is_planned = farewell.is_some();
        if let Some(properties) = farewell {
            connection.send_disconnect(&mut self.session, properties);
        }
        self.session.disconnected(&end);
        if is_planned {
            tokio::spawn(connection.shut_down());
        }
        self.was_connected |= self.session.connections() != connections;
        (end, beside.into_next())
    }

    /// Takes in what came and puts out what is ready, without waiting.
    fn advance(&mut self, connection: &mut Connection<Stream>, now: Instant) -> Result<(), End<S::Error>> {
        // However many outcomes this brings, whoever waits for them is woken once.
        let _burst = Burst::begin();
        connection.receive(&mut self.session, now)?;
        // A server that sends without a pause must not keep the application from being heard.
        take_in(&mut self.session, self.shared.commands().take_now(), now);
        connection.advance(&mut self.session, now)
    }

    /// Waits for whatever moves next.
    async fn wait(
        &mut self,
        connection: &mut Connection<Stream>,
        beside: &mut S::Beside,
    ) -> Result<(), End<S::Error>> {
        let Self { shared, session, .. } = self;
        session.show_depths();
        beside.prepare(session);
        let woken = {
            let wake = pin!(async {
                tokio::select! {
                    biased;
                    commands = shared.commands().take() => Woken::Commands(commands),
                    woken = beside.next() => Woken::Beside(woken),
                }
            });
            connection.wait(session, wake).await
        };
        match woken {
            Some(Woken::Commands(commands)) => take_in(session, commands, Instant::now()),
            Some(Woken::Beside(woken)) => return beside.woken(woken, session, Instant::now()),
            None => {}
        }
        Ok(())
    }

    fn set_trying(&self, reason: Option<&str>) {
        let state = if self.was_connected { State::Reconnecting } else { State::Connecting };
        self.shared.monitor().set_state(state, reason);
    }

    /// Tells those who watch that there will be another attempt.
    fn tell_retry(&self, error: &S::Error, after: Duration) {
        let event = || Event::Retry { reason: error.to_string(), step: error.step(), after };
        self.shared.monitor().watchers.tell(|watched| watched.then(event));
    }

    /// Waits for the next attempt, or gives up if this was the first.
    async fn retry_later(&mut self, error: S::Error) {
        if !self.was_connected && !self.shared.retry().first_connect {
            return self.give_up(&error);
        }
        let reason = error.to_string();
        self.shared.monitor().set_last_error(Some(reason.clone()));
        self.set_trying(Some(&reason));
        let mut wait = self.backoff.next(random());
        if self.session.is_claimed() {
            wait = wait.max(CLAIMED_WAIT);
        }
        self.tell_retry(&error, wait);
        let wait = tokio::time::sleep(wait);
        self.session.begin_wait();
        self.attend(wait, S::is_hurried).await;
    }

    /// Tells everybody who waits. The next call starts over, and fails fast if it fails.
    fn give_up(&mut self, error: &S::Error) {
        self.was_connected = false;
        self.session.give_up(error, Instant::now());
    }

    /// Serves commands and deadlines while `future` runs. `None` when `enough` is true or it is time to stop.
    async fn attend<F: Future>(&mut self, future: F, enough: fn(&S) -> bool) -> Option<F::Output> {
        let mut future = pin!(future);
        let Self { shared, session, .. } = self;
        loop {
            if session.poll(Instant::now()).is_err() || enough(session) {
                return None;
            }
            session.show_depths();
            let due = session.deadline();
            tokio::select! {
                biased;
                output = &mut future => return Some(output),
                commands = shared.commands().take() => take_in(session, commands, Instant::now()),
                () = shared.room(), if session.is_holding_back() => {}
                () = sleep_until_some(due) => {}
            }
        }
    }
}

/// Hands commands to the session; `None` means that every handle is gone.
fn take_in<S: Lasting>(session: &mut S, commands: Option<Vec<CommandOf<S>>>, now: Instant) {
    match commands {
        None => session.abandoned(now),
        Some(commands) => commands.into_iter().for_each(|command| session.handle(command, now)),
    }
}

/// However the task ends, by a panic or with its runtime too, nobody is left waiting for what will not come.
impl<S: Lasting> Drop for Task<S> {
    fn drop(&mut self) {
        self.shared.end();
    }
}
