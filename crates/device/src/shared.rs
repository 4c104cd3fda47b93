//! What the handles of a device and its task both see.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::commands::Commands;
use crate::config::DeviceConfig;
use crate::error::Error;
use crate::inbox::{CloudMessage, Inbox};
use crate::incoming::streams::Streams;
use crate::session::desired::DesiredPatch;
use crate::session::methods::MethodRequest;
use crate::stats::{Monitor, State};
use azmqtt_client::budget::Budget;

/// What the handles of a device and its task both see.
#[derive(Debug)]
pub(super) struct Shared {
    pub config: DeviceConfig,
    pub monitor: Monitor,
    pub budget: Budget,
    pub desired: Inbox<DesiredPatch>,
    pub messages: Inbox<CloudMessage>,
    pub methods: Inbox<MethodRequest>,
    /// What was taken out of them for receivers, in batches.
    pub streams: Streams,
    pub commands: Commands,
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

    /// The task is gone: nothing comes in any more.
    pub(super) fn end(&self) {
        self.monitor.set_state(State::Closed, None);
        for command in self.commands.close() {
            command.reject(self);
        }
        self.desired.close();
        self.messages.close();
        self.methods.close();
        // Nobody can be answered any more.
        drop(self.methods.take(usize::MAX));
    }
}
