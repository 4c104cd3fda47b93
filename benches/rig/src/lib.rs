//! Parts shared by the programs of the benchmark rig.
//!
//! `sink` is the server that every client is measured against; `bare` is the client that does the same tasks
//! with nothing between the pre-encoded bytes and the socket but TLS. `fleet` is devices of a hub under test, `pubsub` clients of a
//! broker. All are for loopback only.

pub mod args;
pub mod bare;
pub mod error;
pub mod fleet;
pub mod link;
pub mod measure;
pub mod pubsub;
pub mod sink;
pub mod tls;
pub mod wire;
