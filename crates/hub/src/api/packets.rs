//! The recording of every MQTT packet, for tests that want to see what was on the wire: what applications ask of it.

use std::sync::Arc;
use std::time::Duration;

use super::Hub;
use crate::id::Whose;

pub use azmqtt_local::packets::{
    ClientName, Content, Direction, PacketRecord, RecordedProperty, RecordedValue, Will,
};

impl Whose<'_> {
    /// The client id that is asked for; `None` for all.
    fn client_id(self) -> Option<String> {
        match self {
            Self::Everybody => None,
            Self::One(id) => Some(id.to_string()),
        }
    }
}

impl Hub {
    /// The recorded packets of one device or module, or of all, with a higher sequence number than `after`, oldest
    /// first; `None` if packets are not recorded. They are found by the client id that the client gave, whether the hub
    /// let it in or not.
    pub fn packets<'a>(&self, whose: impl Into<Whose<'a>>, after: u64) -> Option<Vec<Arc<PacketRecord>>> {
        let client_id = whose.into().client_id();
        self.shared.packets.as_ref().map(|log| log.records(client_id.as_deref(), after))
    }

    /// Blocks until there is one of [`Self::packets`]; false when the time ran out, or if packets are not recorded.
    pub fn wait_for_packet<'a>(&self, whose: impl Into<Whose<'a>>, after: u64, timeout: Duration) -> bool {
        let client_id = whose.into().client_id();
        self.shared.packets.as_ref().is_some_and(|log| log.wait(client_id.as_deref(), after, timeout))
    }
}
