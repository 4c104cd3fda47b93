//! The application's side of a client: commands in. Nothing here waits.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio::runtime;

use super::session::{Lasting, Shared};
use super::task::Task;
use azmqtt_net::sync::Mutex;

/// A client, for those who use it. Clones share the client; its connection ends when the last one is dropped.
pub struct Handle<S: Lasting> {
    shared: Arc<S::Shared>,
    start: Arc<Start<S>>,
    /// Whether commands wait for [`Handle::wake`].
    quiet: bool,
    /// Held, not asked.
    lifeline: Arc<Lifeline<S::Shared>>,
}

/// Tells the task when the last handle goes.
struct Lifeline<H: Shared>(Arc<H>);

impl<H: Shared> Drop for Lifeline<H> {
    fn drop(&mut self) {
        self.0.commands().abandon();
    }
}

/// The connection task before the first command: making a client does no I/O and needs no thread.
struct Start<S: Lasting> {
    task: Mutex<Option<Box<Task<S>>>>,
    started: OnceLock<()>,
    runtime: fn() -> runtime::Handle,
}

impl<S: Lasting> Handle<S> {
    /// The first handle of a client, whose task starts with the first command, on the runtime that `runtime` names then.
    pub fn new(session: S, runtime: fn() -> runtime::Handle) -> Self {
        let shared = Arc::clone(session.shared());
        let task = Mutex::new(Some(Box::new(Task::new(session))));
        let start = Arc::new(Start { task, started: OnceLock::new(), runtime });
        Self { lifeline: Arc::new(Lifeline(Arc::clone(&shared))), shared, start, quiet: false }
    }

    /// What the task sees, too.
    pub fn shared(&self) -> &S::Shared {
        &self.shared
    }

    /// Where the client's tasks run.
    pub fn runtime(&self) -> runtime::Handle {
        (self.start.runtime)()
    }

    /// Whether both handles are of one client.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// A handle for bursts: its commands are accepted as ever, and the task is not woken for them until somebody calls
    /// [`Handle::wake`] or uses another handle.
    #[must_use]
    pub fn quiet(&self) -> Self {
        Self { quiet: true, ..self.clone() }
    }

    /// Wakes the task for what quiet handles have accepted.
    pub fn wake(&self) {
        self.shared.commands().wake();
    }

    /// Ends a client that was never used: there is nothing to flush and no task to ask. False if it was used. Whoever has
    /// the task decides, so that a first command from another thread either starts it before or comes too late.
    pub fn end_unused(&self) -> bool {
        let unused = self.start.task.lock().take();
        unused.is_some()
    }

    /// Tells the task, and starts it if this is the first command.
    pub fn command(&self, command: <S::Shared as Shared>::Command) {
        match self.shared.commands().push(command, !self.quiet) {
            // The first command waits for the task, so that the task finds it at once.
            Ok(()) => self.start(),
            Err(command) => self.shared.reject(command),
        }
    }

    /// Tells the task, if there is one.
    pub fn post(&self, command: <S::Shared as Shared>::Command) {
        // Without a task there is nothing to be done about it.
        let _ = self.shared.commands().push(command, !self.quiet);
    }

    fn start(&self) {
        self.start.started.get_or_init(|| {
            if let Some(task) = self.start.task.lock().take() {
                self.runtime().spawn(task.run());
            }
        });
    }
}

impl<S: Lasting> Clone for Handle<S> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            start: Arc::clone(&self.start),
            quiet: self.quiet,
            lifeline: Arc::clone(&self.lifeline),
        }
    }
}

impl<S: Lasting> fmt::Debug for Handle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("state", &self.shared.monitor().state()).finish_non_exhaustive()
    }
}
