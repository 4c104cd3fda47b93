//! The recording of every MQTT packet, for tests that want to see what was on the wire.
//!
//! A [`Tap`] sits on a connection's byte stream ([`crate::transport`]), decodes what goes by with a decoder of its own, and
//! puts it into the service's [`PacketLog`]. It sees what was sent, not what was meant: a packet that was cut off is
//! recorded as cut off. Without recording there is no tap, and a connection pays one comparison for each read and write.
//!
//! | file | subject |
//! |---|---|
//! | `record` | what is kept of a packet: everything but passwords |
//! | `log` | the ring, and waiting for what comes |
//! | `tap` | bytes to records |
//! | `foreign` | who sent a CONNECT of another version of MQTT |

mod foreign;
mod log;
mod record;
mod tap;

pub use log::{PacketLog, PacketRecording};
pub use record::{ClientName, Content, Direction, PacketRecord, Will};
pub use tap::Tap;
