//! The server that clients are measured against: it acknowledges as fast as the socket allows.
//!
//! One thread, one `epoll`. Each read of up to 64 KiB is decrypted, scanned and answered with one write, so that
//! the server stays several times faster than any client it serves.

pub mod answer;
pub mod conn;
pub mod flood;
pub mod serve;
