//! What applications ask of the recording.

use std::sync::Arc;
use std::time::Duration;

use super::record::PacketRecord;
use crate::Hub;
use crate::id::Whose;

impl Hub {
    /// The recorded packets of one device or module, or of all, with a higher sequence number than `after`, oldest
    /// first; `None` if packets are not recorded. They are found by the client id that the client gave, whether the hub
    /// let it in or not.
    pub fn packets<'a>(&self, whose: impl Into<Whose<'a>>, after: u64) -> Option<Vec<Arc<PacketRecord>>> {
        self.shared.packets.as_ref().map(|log| log.records(whose, after))
    }

    /// Blocks until there is one of [`Self::packets`]; false when the time ran out, or if packets are not recorded.
    pub fn wait_for_packet<'a>(&self, whose: impl Into<Whose<'a>>, after: u64, timeout: Duration) -> bool {
        self.shared.packets.as_ref().is_some_and(|log| log.wait(whose, after, timeout))
    }
}
