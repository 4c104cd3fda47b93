//! The life of a client's connection: wait until it is wanted, connect, speak, reconnect, close.

use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use super::attempt::{self, Answer, Asked, Opened};
use super::commands::Command;
use super::error::Error;
use super::session::{End, Session};
use super::shared::Shared;
use crate::backoff::{Backoff, random};
use crate::connection::{Connection, Dispatch, sleep_until_some};
use crate::reply::Burst;
use crate::watch::{Event, State};
use azmqtt_net::deadlines::later;
use azmqtt_net::{Step, Stream};

/// A session, and the policy of its connections. One task owns it: no locks, no races.
pub(super) struct Task {
    shared: Arc<Shared>,
    session: Session,
    backoff: Backoff,
    /// Until when the broker is left alone after it refused the credentials.
    rest_until: Option<Instant>,
    /// The broker has accepted this client before: losses are retried from then on.
    was_connected: bool,
}

/// What the authenticator does beside a connection.
struct Beside {
    asked: Option<Asked>,
    changed: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

/// What ended a wait, apart from the stream and the clock.
enum Woken {
    Commands(Option<Vec<Command>>),
    Answered(Answer),
    /// The authenticator has something new.
    Changed,
}

impl Task {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            session: Session::new(Arc::clone(&shared), Instant::now()),
            backoff: Backoff::new(shared.config.retry),
            rest_until: None,
            was_connected: false,
            shared,
        }
    }

    /// Boxed, so that the future does not hold the task twice: as an argument and as a variable.
    pub(super) async fn run(mut self: Box<Self>) {
        loop {
            if self.session.should_close(Instant::now()) {
                break;
            }
            if self.session.wants_connection() {
                self.stay_connected().await;
            } else {
                self.attend(pending::<()>(), Session::wants_connection).await;
            }
        }
        self.session.finish();
    }

    /// Connects and reconnects until nobody wants it any more.
    async fn stay_connected(&mut self) {
        if let Some(until) = self.rest_until.take() {
            // After a refusal, calls that connect by themselves do not knock at their own pace.
            self.attend(sleep_until(until.into()), Session::is_hurried).await;
        }
        while self.session.wants_connection() && !self.session.should_close(Instant::now()) {
            self.set_trying(None);
            let progress = Arc::clone(&self.shared.monitor.connect_progress);
            let opening = progress.watch(attempt::open(&self.shared.config));
            let opened = self.attend(opening, |_| false).await;
            progress.set(None);
            let end = match opened {
                None => return,
                Some(Ok(opened)) => {
                    let connections = self.session.connections();
                    let end = self.speak(Box::new(opened)).await;
                    self.was_connected |= self.session.connections() != connections;
                    end
                }
                Some(Err(error)) => End::Failed(error),
            };
            self.judge(end).await;
        }
    }

    /// Goes on after the end of a connection, or an attempt at one.
    async fn judge(&mut self, end: End) {
        match end {
            End::Closed | End::Again => {}
            End::Lost { since, error } => {
                self.shared.monitor.counters.connections_lost.add(1);
                self.backoff.connection_ended(since, Instant::now());
                self.retry_later(error).await;
            }
            End::Failed(error @ (Error::Invalid { .. } | Error::NotSupported { .. })) => self.give_up(&error),
            End::Failed(error) => self.retry_later(error).await,
            // Whoever listens cannot be told, and counts on a client that was let in before.
            End::Refused(error) if self.was_connected && self.session.any_listening() => {
                self.session.fail_all(&error);
                self.retry_later(error).await;
            }
            End::Refused(error) => {
                self.give_up(&error);
                self.rest_until = Some(later(Instant::now(), self.backoff.next(random())));
            }
            End::Final(error) => {
                self.was_connected = false;
                self.session.end(&error);
            }
        }
    }

    /// Speaks on a fresh stream until its connection is over.
    async fn speak(&mut self, opened: Box<Opened>) -> End {
        let Opened { link, credential } = *opened;
        self.shared.monitor.connect_progress.set(Some(Step::Mqtt));
        if let Err(error) = self.session.connect(credential.as_ref(), link.clock, Instant::now()) {
            return End::Failed(error);
        }
        let mut connection = Connection::new(link.stream);
        let mut beside = Beside { asked: None, changed: None };
        let end = loop {
            if let Err(end) = self.advance(&mut connection, Instant::now()) {
                break end;
            }
            if let Err(end) = self.wait(&mut connection, &mut beside).await {
                break end;
            }
        };
        let is_planned = end.is_planned();
        if is_planned {
            let ends_session = matches!(end, End::Closed) && self.session.ends_session();
            self.session.send_disconnect(ends_session);
            connection.send_output(&mut self.session);
        }
        self.session.disconnected(&end);
        if is_planned {
            tokio::spawn(connection.shut_down());
        }
        end
    }

    /// Takes in what came and puts out what is ready, without waiting.
    fn advance(&mut self, connection: &mut Connection<Stream>, now: Instant) -> Result<(), End> {
        // However many outcomes this brings, whoever waits for them is woken once.
        let _burst = Burst::begin();
        connection.receive(&mut self.session, now)?;
        // A broker that sends without a pause must not keep the application from being heard.
        self.session.handle_all(self.shared.commands.take_now(), now);
        connection.advance(&mut self.session, now)
    }

    /// Waits for whatever moves next.
    async fn wait(&mut self, connection: &mut Connection<Stream>, beside: &mut Beside) -> Result<(), End> {
        let Self { shared, session, .. } = self;
        session.show_depths();
        let mut listens = false;
        if let Some(authenticator) = &shared.config.authenticator {
            if let Some(question) = session.question() {
                beside.asked = Some(attempt::ask(&shared.config, authenticator, question));
            }
            listens = session.listens_to_changes();
            if listens && beside.changed.is_none() {
                let authenticator = Arc::clone(authenticator);
                beside.changed = Some(Box::pin(async move { authenticator.changed().await }));
            }
        }
        let Beside { asked, changed } = beside;
        let woken = {
            let wake = pin!(async {
                tokio::select! {
                    biased;
                    commands = shared.commands.take() => Woken::Commands(commands),
                    answer = resolve(asked) => Woken::Answered(answer),
                    () = resolve(changed), if listens => Woken::Changed,
                }
            });
            connection.wait(session, wake).await
        };
        let now = Instant::now();
        match woken {
            Some(Woken::Commands(commands)) => session.handle_all(commands, now),
            Some(Woken::Answered(answer)) => {
                beside.asked = None;
                return match answer {
                    Answer::Credential(made) => session.credential_made(made, now),
                    Answer::Challenge(answer) => session.challenge_answered(answer, now),
                };
            }
            Some(Woken::Changed) => {
                beside.changed = None;
                session.renew_now(now);
            }
            None => {}
        }
        Ok(())
    }

    fn set_trying(&self, reason: Option<&str>) {
        let state = if self.was_connected { State::Reconnecting } else { State::Connecting };
        self.shared.monitor.set_state(state, reason);
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
        self.session.begin_wait();
        self.attend(wait, Session::is_hurried).await;
    }

    /// Tells those who watch that there will be another attempt.
    fn tell_retry(&self, reason: &str, after: Duration) {
        let event = || Event::Retry { reason: reason.to_owned(), after };
        self.shared.monitor.watchers.tell(|watched| watched.then(event));
    }

    /// Tells everybody who waits. The next call starts over, and fails fast if it fails.
    fn give_up(&mut self, error: &Error) {
        self.was_connected = false;
        self.session.give_up(error);
    }

    /// Serves commands and deadlines while `future` runs. `None` when `enough` is true or it is time to stop.
    async fn attend<F: Future>(&mut self, future: F, enough: fn(&Session) -> bool) -> Option<F::Output> {
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
                commands = shared.commands.take() => session.handle_all(commands, Instant::now()),
                () = sleep_until_some(due) => {}
            }
        }
    }
}

/// Resolves with what is under way; never while there is nothing.
async fn resolve<T>(future: &mut Option<Pin<Box<dyn Future<Output = T> + Send>>>) -> T {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

/// However the task ends, by a panic or with its runtime too, nobody is left waiting for what will not come.
impl Drop for Task {
    fn drop(&mut self) {
        self.shared.end();
    }
}
