//! What the handles of a client and its task both see.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::commands::{Command, Commands};
use super::config::Config;
use super::error::Error;
use super::inlets::Inlets;
use super::neighbours::Neighbours;
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
    /// Other clients of the process.
    pub(super) neighbours: Option<fn() -> &'static Neighbours>,
    /// The client identifier that the broker has assigned.
    pub(super) assigned: OnceLock<String>,
    /// Another client of the process has its place.
    pub(super) replaced: AtomicBool,
}

impl Shared {
    pub(super) fn new(config: Config) -> Self {
        Self {
            monitor: Monitor::default(),
            budget: Budget::new(config.outbox),
            inlets: Inlets::default(),
            commands: Commands::default(),
            neighbours: None,
            assigned: OnceLock::new(),
            replaced: AtomicBool::new(false),
            config,
        }
    }

    /// Why nothing can be asked of it any more.
    pub(super) fn closed(&self) -> Error {
        if self.replaced.load(Ordering::Relaxed) {
            Error::Replaced { client_id: self.config.client_id.clone() }
        } else {
            Error::Closed
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
        command.reject(self, &self.closed());
    }

    fn close_inboxes(&self) {
        self.inlets.close();
    }
}
