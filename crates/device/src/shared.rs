//! What the handles of a device and its task both see.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::commands::{Command, Commands};
use crate::config::{DeviceConfig, RetryPolicy};
use crate::error::Error;
use crate::inbox::{CloudMessage, Inbox};
use crate::incoming::streams::Streams;
use crate::neighbours::Neighbours;
use crate::session::desired::DesiredPatch;
use crate::session::methods::MethodRequest;
use crate::stats::Monitor;
use azmqtt_client::budget::Budget;
use azmqtt_client::lasting;

/// What the handles of a device and its task both see.
#[derive(Debug)]
pub(crate) struct Shared {
    pub config: DeviceConfig,
    pub monitor: Monitor,
    pub budget: Budget,
    pub desired: Inbox<DesiredPatch>,
    pub messages: Inbox<CloudMessage>,
    pub methods: Inbox<MethodRequest>,
    /// What was taken out of them for receivers, in batches.
    pub streams: Streams,
    pub commands: Commands,
    /// Other clients of the process.
    pub neighbours: Option<fn() -> &'static Neighbours>,
    /// Another client of the process has its place.
    pub replaced: AtomicBool,
}

impl Shared {
    pub(super) fn new(config: DeviceConfig) -> Self {
        Self {
            monitor: Monitor::default(),
            budget: Budget::new(config.outbox),
            desired: Inbox::default(),
            messages: Inbox::weighing(CloudMessage::size),
            methods: Inbox::default(),
            streams: Streams::default(),
            commands: Commands::default(),
            neighbours: None,
            replaced: AtomicBool::new(false),
            config,
        }
    }

    /// Why nothing can be asked of it any more.
    pub(super) fn closed(&self) -> Error {
        if self.replaced.load(Ordering::Relaxed) {
            Error::Replaced { client_id: self.config.identity.client_id() }
        } else {
            Error::ClientClosed
        }
    }
}

impl lasting::Shared for Shared {
    type Command = Command;

    fn commands(&self) -> &Commands {
        &self.commands
    }

    fn monitor(&self) -> &azmqtt_client::Monitor {
        &self.monitor
    }

    fn retry(&self) -> RetryPolicy {
        self.config.retry
    }

    fn reject(&self, command: Command) {
        command.reject(self);
    }

    fn close_inboxes(&self) {
        self.desired.close();
        self.messages.close();
        self.methods.close();
        // Nobody can be answered any more.
        drop(self.methods.take(usize::MAX));
    }

    /// Changes of the desired properties are held back until the application has taken some.
    fn room(&self) -> impl Future<Output = ()> + Send {
        self.desired.room()
    }
}
