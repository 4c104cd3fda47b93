//! The recording of every MQTT packet, for tests that want to see what was on the wire.
//!
//! A [`Tap`] sits on a connection's byte stream ([`crate::transport`]), decodes what goes by with a decoder of its own, and
//! puts it into the service's [`PacketLog`]. It sees what was sent, not what was meant: a packet that was cut off is
//! recorded as cut off. Without recording there is no tap, and a connection pays one comparison for each read and write.
//!
//! | file | subject |
//! |---|---|
//! | `record` | what is kept of a packet: everything but passwords |
//! | `properties` | what is kept of the properties of MQTT 5: everything but authentication data |
//! | `log` | the ring, and waiting for what comes |
//! | `feed` | records as readers of streams see them |
//! | `tap` | bytes to records |
//! | `foreign` | who sent a CONNECT of a version of MQTT that is not known, or one that is malformed |

mod feed;
mod foreign;
mod log;
mod properties;
mod record;
mod tap;

pub use feed::properties_as_json;
pub use log::{PacketLog, PacketRecording};
pub use properties::{RecordedProperty, RecordedValue};
pub use record::{ClientName, Content, Direction, PacketRecord, Will};
pub use tap::Tap;
