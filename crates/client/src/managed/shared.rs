//! What the handles of a client and its task both see.

use super::commands::{Command, Commands};
use super::config::Config;
use super::error::Error;
use super::inlets::Inlets;
use super::stats::Monitor;
use crate::budget::Budget;
use crate::lasting;
use crate::limits::RetryPolicy;
use crate::monitor;

/// What the handles of a client and its task both see.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(super) config: Config,
    pub(super) monitor: Monitor,
    pub(super) budget: Budget,
    pub(super) inlets: Inlets,
    pub(super) commands: Commands,
}

impl Shared {
    pub(super) fn new(config: Config) -> Self {
        Self {
            monitor: Monitor::default(),
            budget: Budget::new(config.outbox),
            inlets: Inlets::default(),
            commands: Commands::default(),
            config,
        }
    }
}

impl lasting::Shared for Shared {
    type Command = Command;

    fn commands(&self) -> &Commands {
        &self.commands
    }

    fn monitor(&self) -> &monitor::Monitor {
        &self.monitor
    }

    fn retry(&self) -> RetryPolicy {
        self.config.retry
    }

    fn reject(&self, command: Command) {
        command.reject(self, &Error::Closed);
    }

    fn close_inboxes(&self) {
        self.inlets.close();
    }
}
