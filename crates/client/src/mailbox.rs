//! The way from the handles of a client to its task: a queue that is taken whole.

use tokio::sync::Notify;

use azmqtt_net::sync::{Mutex, MutexGuard};

/// Commands `C` on their way. Pushing never waits; the task takes everything at once.
#[derive(Debug)]
pub struct Mailbox<C> {
    queue: Mutex<Queue<C>>,
    arrived: Notify,
}

#[derive(Debug)]
struct Queue<C> {
    commands: Vec<C>,
    /// The task knows that there are commands.
    told: bool,
    /// Every handle is gone.
    abandoned: bool,
    /// The task is gone.
    closed: bool,
}

impl<C> Queue<C> {
    fn take(&mut self) -> Vec<C> {
        self.told = false;
        std::mem::take(&mut self.commands)
    }
}

impl<C> Default for Mailbox<C> {
    fn default() -> Self {
        let queue = Queue { commands: Vec::new(), told: false, abandoned: false, closed: false };
        Self { queue: Mutex::new(queue), arrived: Notify::new() }
    }
}

impl<C> Mailbox<C> {
    /// Adds a command, with `wake` for now, otherwise for when the task looks; it comes back when there is no
    /// task any more.
    pub fn push(&self, command: C, wake: bool) -> Result<(), C> {
        let mut queue = self.queue.lock();
        if queue.closed {
            return Err(command);
        }
        queue.commands.push(command);
        if wake {
            self.tell(queue);
        }
        Ok(())
    }

    /// Tells the task of what was pushed without waking it.
    pub fn wake(&self) {
        let queue = self.queue.lock();
        if !queue.commands.is_empty() {
            self.tell(queue);
        }
    }

    fn tell(&self, mut queue: MutexGuard<'_, Queue<C>>) {
        let told = std::mem::replace(&mut queue.told, true);
        drop(queue);
        if !told {
            self.arrived.notify_one();
        }
    }

    /// Nobody will push any more.
    pub fn abandon(&self) {
        self.queue.lock().abandoned = true;
        self.arrived.notify_one();
    }

    /// Waits for commands and takes them all; `None` when every handle is gone. Cancelled, it has taken none.
    pub async fn take(&self) -> Option<Vec<C>> {
        loop {
            match self.take_now() {
                Some(commands) if commands.is_empty() => self.arrived.notified().await,
                commands => return commands,
            }
        }
    }

    /// Takes what is there; `None` when every handle is gone and there is nothing.
    pub fn take_now(&self) -> Option<Vec<C>> {
        let mut queue = self.queue.lock();
        if queue.commands.is_empty() && queue.abandoned { None } else { Some(queue.take()) }
    }

    /// Takes what is there, and refuses everything from now on.
    pub fn close(&self) -> Vec<C> {
        let mut queue = self.queue.lock();
        queue.closed = true;
        queue.take()
    }
}
