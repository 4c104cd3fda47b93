//! Faults, over real sockets.

mod connections;
mod requests;
