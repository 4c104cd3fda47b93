//! What the handles of a client and its task both see.

use super::commands::Commands;
use super::config::Config;
use super::error::Error;
use super::inlets::Inlets;
use super::stats::Monitor;
use crate::budget::Budget;
use crate::watch::State;

/// What the handles of a client and its task both see.
#[derive(Debug)]
pub(super) struct Shared {
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

    /// The task is gone: nothing comes in any more.
    pub(super) fn end(&self) {
        self.monitor.set_state(State::Closed, None);
        for command in self.commands.close() {
            command.reject(self, &Error::Closed);
        }
        self.inlets.close();
    }
}
