//! Byte streams, on tokio.
//!
//! * [`websocket`]: a byte stream in the frames of a WebSocket.
//! * [`meter`]: tells of bytes that a socket brought in and of which nothing came out yet.

// Tests may unwrap: a panic there is the report.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod meter;
pub mod websocket;
