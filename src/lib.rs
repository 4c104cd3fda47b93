//! Unofficial Azure IoT Hub device client and local hub.
//!
//! Crates and modules are layered, and arrows point down only:
//!
//! ```text
//! python  ──►  device, azmqtt-client, azmqtt-hub  ──►  azmqtt-mqtt, azmqtt-dialect, azmqtt-net
//! ```
//!
//! * [`device`]: one device's connection, on tokio.
//! * `python`: conversion and hand-over to Python, behind the feature of that name.
//!
//! The other layers are crates of their own:
//!
//! * [`azmqtt_dialect`]: the language of IoT Hub (connection strings, SAS tokens, topics, property bags, twin
//!   documents, error bodies). Pure: no I/O, no clock, no runtime. Both sides of the wire speak it.
//! * [`azmqtt_mqtt`]: MQTT 3.1.1 on a byte stream, without I/O: bytes and `now` go in, bytes and events come out.
//! * [`azmqtt_hub`]: the local IoT Hub, on tokio. It never imports [`device`]; the two meet only across a socket.
//! * [`azmqtt_client`]: a client of any MQTT 3.1.1 broker, on tokio, and the driver of a connection, which [`device`] uses too.
//! * [`azmqtt_net`]: byte streams, for all of them.

// Tests may unwrap: a panic there is the report.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod device;
#[cfg(feature = "python")]
mod python;
