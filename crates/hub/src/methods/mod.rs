//! Direct methods (IoT Hub docs, "Understand and invoke direct methods from IoT Hub").
//!
//! A call has two phases (`pending`): until the device listens, and until it has answered. The connection's task numbers the
//! calls and matches the answers (`open_calls`).

pub mod open_calls;
pub mod pending;
