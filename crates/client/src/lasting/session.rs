//! A session that outlives its connections, as the task that keeps it connected sees it.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Instant;

use crate::cause::Cause;
use crate::connection::Dispatch;
use crate::limits::RetryPolicy;
use crate::mailbox::Mailbox;
use crate::monitor::Monitor;
use crate::watch::State;
use azmqtt_mqtt::Properties;
use azmqtt_net::{BoxFuture, Stream};

/// Why a connection is over.
#[derive(Debug)]
pub enum End<E> {
    /// The client is being closed.
    Closed,
    /// The connection was to end for now.
    Left,
    /// The planned end: the next connection follows at once.
    Again,
    /// The server refused the credentials.
    Refused(E),
    /// It ended before the server accepted.
    Failed(E),
    /// It ended afterwards.
    Lost {
        /// When the server had accepted.
        since: Instant,
        /// What ended it.
        error: E,
    },
    /// CONNECT cannot be written, however often it is tried.
    Unwritable(E),
    /// The application is to judge whether to go on.
    Final(E),
}

impl<E: Cause> End<E> {
    /// What ended the connection, to those who lose something with it. `again` says why the next one follows at once.
    pub fn describe(&self, again: &str) -> String {
        match self {
            Self::Lost { error, .. }
            | Self::Failed(error)
            | Self::Refused(error)
            | Self::Unwritable(error)
            | Self::Final(error) => error.cause(),
            Self::Again => again.to_owned(),
            Self::Left => "disconnected on request".to_owned(),
            Self::Closed => "the client is closing".to_owned(),
        }
    }
}

/// What the handles of a client and its task both see.
pub trait Shared: Send + Sync + 'static {
    /// What the handles ask of the task.
    type Command: Send;

    /// Commands on their way.
    fn commands(&self) -> &Mailbox<Self::Command>;

    /// Where the connection stands.
    fn monitor(&self) -> &Monitor;

    /// When to try again after a lost connection.
    fn retry(&self) -> RetryPolicy;

    /// Answers a command that came after the end.
    fn reject(&self, command: Self::Command);

    /// Nothing comes in any more.
    fn close_inboxes(&self);

    /// Resolves when there is room for what the session holds back, with a connection or without. See
    /// [`Lasting::is_holding_back`].
    fn room(&self) -> impl Future<Output = ()> + Send {
        pending()
    }

    /// The task is gone.
    fn end(&self) {
        self.monitor().set_state(State::Closed, None);
        for command in self.commands().close() {
            self.reject(command);
        }
        self.close_inboxes();
    }
}

/// A session without I/O that outlives its connections. What the application wants of it comes in as commands.
pub trait Lasting: Dispatch<End = End<<Self as Lasting>::Error>> + Send + Sized + 'static {
    /// Why an operation did not succeed.
    type Error: Cause;
    /// What the handles see, too.
    type Shared: Shared;
    /// A stream that is open, and what is to be shown on it.
    type Opened: Send;
    /// What goes on beside a connection.
    type Beside: Beside<Self>;

    /// What the handles see, too.
    fn shared(&self) -> &Arc<Self::Shared>;

    /// Takes a command in.
    fn handle(&mut self, command: <Self::Shared as Shared>::Command, now: Instant);

    /// Every handle is gone.
    fn abandoned(&mut self, now: Instant);

    /// Whether a connection is wanted.
    fn wants_connection(&self) -> bool;

    /// Whether somebody has asked for a connection by name since [`Self::begin_wait`].
    fn is_hurried(&self) -> bool;

    /// A wait before the next attempt begins.
    fn begin_wait(&mut self);

    /// Whether the client is being closed and there is nothing to wait for.
    fn should_close(&self, now: Instant) -> bool;

    /// Whether the connection is to end for now, and there is nothing to wait for.
    fn should_leave(&self, _now: Instant) -> bool {
        false
    }

    /// The connection has ended as asked: rests until the next call.
    fn left(&mut self) {}

    /// A connection is to be kept up from now on, or no longer.
    fn keeps_connected(&mut self, _whether: bool) {}

    /// Whether a newer client of the process is about to take the place of this one.
    fn is_claimed(&self) -> bool;

    /// Opens a stream, and has made what is to be shown on it. The future owns what it needs, so that it can run beside the
    /// task. It is boxed, because its handshake takes kilobytes that a connected task should not keep.
    fn open(&self) -> BoxFuture<'static, Result<Self::Opened, Self::Error>>;

    /// Encodes CONNECT for a fresh stream.
    ///
    /// # Errors
    /// [`End::Unwritable`].
    fn begin(
        &mut self,
        opened: Self::Opened,
        now: Instant,
    ) -> Result<(Stream, Self::Beside), End<Self::Error>>;

    /// How many connections the server has accepted.
    fn connections(&self) -> u64;

    /// The properties of the DISCONNECT that tells the server of `end`; `None` if nothing does.
    fn farewell(&self, end: &End<Self::Error>) -> Option<Properties>;

    /// The connection ended: whatever was on its way waits for the next one, or has failed with it.
    fn disconnected(&mut self, end: &End<Self::Error>);

    /// The server refused the credentials: whether there are others, to be tried at once.
    fn has_others(&mut self) -> bool {
        false
    }

    /// Whether the application was promised to be told of what the server sends.
    fn any_listening(&self) -> bool;

    /// The application gets no connection: tells everybody who waits, and rests until the next call.
    fn give_up(&mut self, error: &Self::Error, now: Instant);

    /// The same, and calls end with `error` until somebody asks for a connection by name.
    fn stop(&mut self, error: &Self::Error, now: Instant) {
        self.give_up(error, now);
    }

    /// Ends everything that has no outcome yet with `error`.
    fn fail_all(&mut self, error: &Self::Error, now: Instant);

    /// The end: whatever is left did not make it.
    fn finish(&mut self, now: Instant);

    /// Whether something that came in waits for [`Shared::room`].
    fn is_holding_back(&self) -> bool {
        false
    }

    /// Shows how long the session's own queues are.
    fn show_depths(&self);
}

/// What goes on beside a connection, such as a credential that is being made.
pub trait Beside<S: Lasting>: Send {
    /// What has happened.
    type Woken: Send;

    /// Begins what the session wants by now, before each wait.
    fn prepare(&mut self, session: &mut S);

    /// Resolves when something has happened. Cancelled, it loses nothing.
    fn next(&mut self) -> impl Future<Output = Self::Woken> + Send;

    /// Tells the session.
    ///
    /// # Errors
    /// The connection cannot go on.
    fn woken(&mut self, woken: Self::Woken, session: &mut S, now: Instant) -> Result<(), End<S::Error>>;

    /// The next connection, if it is open already.
    fn into_next(self) -> Option<Box<S::Opened>>
    where
        Self: Sized,
    {
        None
    }
}
