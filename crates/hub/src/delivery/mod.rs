//! Cloud-to-device messages on their way.
//!
//! | module | subject |
//! |---|---|
//! | `sending` | how a message gets into a device's queue, and how a queue is emptied |
//! | `deadlines` | locks and lives that end |

pub mod deadlines;
pub mod sending;
