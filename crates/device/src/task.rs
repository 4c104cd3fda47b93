//! The life of one device's connection: wait until it is wanted, connect, speak, reconnect, close.

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use crate::attempt;
use crate::credentials::{Purpose, Refusals};
use crate::error::Error;
use crate::neighbours::Neighbours;
use crate::session::{End, Session};
use crate::shared::Shared;
use crate::stats::State;
use azmqtt_client::backoff::{Backoff, random};
use azmqtt_client::connection::{Dispatch, sleep_until_some};
use azmqtt_client::watch::Event;
use azmqtt_net::deadlines::later;

/// A session, and the policy of its connections. One task owns it: no locks, no races.
pub(super) struct Task {
    pub(super) shared: Arc<Shared>,
    pub(super) session: Session,
    backoff: Backoff,
    /// Until when the hub is left alone after it refused the credentials.
    rest_until: Option<Instant>,
    /// The hub has accepted this client before: losses are retried from then on.
    was_connected: bool,
}

impl Task {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            session: Session::new(Arc::clone(&shared), random(), Instant::now()),
            backoff: Backoff::new(shared.config.retry),
            rest_until: None,
            was_connected: false,
            shared,
        }
    }

    /// Boxed, so that the future does not hold the task twice: as an argument and as a variable.
    pub(super) async fn run(mut self: Box<Self>, neighbours: Option<&'static Neighbours>) {
        loop {
            let now = Instant::now();
            if self.session.should_close(now) {
                break;
            }
            if self.session.should_leave(now) {
                self.was_connected = false;
                self.session.left();
            } else if self.session.wants_connection() {
                self.session.set_seat(neighbours.map(|neighbours| neighbours.enter(&self.shared)));
                self.stay_connected().await;
                self.session.set_seat(None);
            } else {
                self.attend(pending::<()>(), Session::wants_connection).await;
            }
        }
        self.session.finish(Instant::now());
    }

    /// Connects and reconnects until nobody wants it any more.
    async fn stay_connected(&mut self) {
        let mut refusals = Refusals::default();
        let mut next = None;
        if let Some(until) = self.rest_until.take() {
            // After a refusal, calls that connect by themselves do not knock at their own pace.
            self.attend(sleep_until(until.into()), Session::is_hurried).await;
        }
        while self.goes_on() {
            let opened = if let Some(opened) = next.take() {
                opened
            } else {
                self.set_trying(None);
                let progress = Arc::clone(&self.shared.monitor.connect_progress);
                let opening = progress.watch(attempt::open(&self.shared.config, Purpose::Connect));
                let opened = self.attend(opening, |_| false).await;
                progress.set(None);
                match opened {
                    None => return,
                    Some(Ok(opened)) => Box::new(opened),
                    Some(Err(error)) => {
                        self.retry_later(error).await;
                        continue;
                    }
                }
            };
            let connections = self.session.connections();
            let end;
            (end, next) = self.speak(opened).await;
            if self.session.connections() != connections {
                self.was_connected = true;
                refusals = Refusals::default();
            }
            match end {
                End::Closed | End::Left => return,
                End::Renewed => {}
                End::Lost { since, error } => {
                    self.shared.monitor.counters.connections_lost.add(1);
                    self.backoff.connection_ended(since, Instant::now());
                    self.retry_later(error).await;
                }
                End::Failed(error) => self.retry_later(error).await,
                End::Refused(code) => match self.session.refusal(code) {
                    // A token may have been refused for its time, or a key may have been replaced.
                    Error::AuthenticationFailed { .. }
                        if self.shared.config.credentials.try_next(&mut refusals) =>
                    {
                        let reason = self.session.refusal(code).to_string();
                        self.tell_retry(&reason, Duration::ZERO);
                    }
                    // Whoever listens cannot be told, and counts on a device that was let in before.
                    error @ Error::AuthenticationFailed { .. }
                        if self.was_connected && self.session.any_listening() =>
                    {
                        self.session.fail_all(&error, Instant::now());
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

    /// Whether a connection is wanted, and is not to end.
    fn goes_on(&self) -> bool {
        let now = Instant::now();
        self.session.wants_connection() && !self.session.should_close(now) && !self.session.should_leave(now)
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

    /// Tells everybody who waits. The next call starts over, and fails fast if it fails.
    fn give_up(&mut self, error: &Error) {
        self.was_connected = false;
        self.session.give_up(error, Instant::now());
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
                () = shared.desired.room(), if session.is_holding_back() => {}
                () = sleep_until_some(due) => {}
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
