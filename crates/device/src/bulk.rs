//! Many messages by one call.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::error::Error;
use crate::handle::Device;
use crate::message::{Batch, Outgoing};
use azmqtt_client::bulk::TakesMany;

/// The sending of many messages, with flow control.
pub type Bulk = azmqtt_client::Bulk<Device>;

impl TakesMany for Device {
    type Message = Outgoing;
    type Error = Error;

    fn send_batch(&self, messages: &mut Vec<Outgoing>, batch: &Arc<Batch>, timeout: Duration) {
        Self::send_batch(self, messages, batch, timeout);
    }

    fn share(&self) -> usize {
        let config = self.config();
        (config.outbox.messages / 4 * 3).min(2 * usize::from(config.max_in_flight))
    }

    fn outbox_full(&self) -> Error {
        let stats = self.stats();
        Error::OutboxFull { messages: stats.outstanding as usize, bytes: stats.outstanding_bytes as usize }
    }

    fn runtime(&self) -> Handle {
        Self::runtime(self)
    }
}
