//! Messages in both directions, and the recording of packets.

mod cloud_messages;
mod packets;
mod telemetry;
