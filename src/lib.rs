//! Unofficial Azure IoT Hub device client and local hub.
//!
//! The crate is layered, and arrows point down only:
//!
//! ```text
//! python  ──►  device, hub, plain  ──►  mqtt, dialect, websocket
//! ```
//!
//! * [`dialect`]: the language of IoT Hub (connection strings, SAS tokens, topics, property bags, twin
//!   documents, error bodies). Pure: no I/O, no clock, no runtime. Both sides of the wire speak it.
//! * [`mqtt`]: MQTT 3.1.1 on a byte stream, without I/O: bytes and `now` go in, bytes and events come out.
//! * [`device`]: one device's connection, on tokio.
//! * [`hub`]: the local IoT Hub, on tokio. It never imports [`device`]; the two meet only across a socket.
//! * [`plain`]: a client of any MQTT 3.1.1 broker, on tokio; its streams are those of [`device`].
//! * [`websocket`]: a byte stream in the frames of a WebSocket, for both of them.
//! * `meter`: tells of bytes that a socket brought in and of which nothing came out yet, for both of them.
//! * `python`: conversion and hand-over to Python, behind the feature of that name.

// Tests may unwrap: a panic there is the report.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod device;
pub mod dialect;
pub mod hub;
mod meter;
pub mod mqtt;
pub mod plain;
#[cfg(feature = "python")]
mod python;
pub mod websocket;
