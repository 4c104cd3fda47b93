#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! | module | subject |
//! |---|---|
//! | [`listener`] | listening on every address of a host; accepting connections, each in its own task |
//! | [`handshake`] | the TLS handshake of one connection, and the report of its failure |
//! | [`certificate_authority`], [`client_certificates`] | the certificate authority for tests and its certificates; the certificates of clients |
//! | [`unauthenticated`] | limits of unauthenticated clients: their number, and how much they may send |
//! | [`connecting`] | the first packet of a client, and the answer to a refused client |
//! | [`transport`] | one byte stream of a client: when it counts as not reading, and its recording |
//! | [`packets`] | the recording of every MQTT packet, for tests |
//! | [`state_dir`] | the state of a service across restarts |
//! | [`journal`] | the same for data that changes with each message: records appended to a file |
//! | [`task`] | tasks of the runtime |
//! | [`temp_dir`] | the temporary directory of a service without a state directory |
//! | [`thread`] | the thread of a service, with its own runtime |
//! | [`files`] | files that only this user can read, replaced as a whole |
//! | [`faults`] | faults on demand: rules, their triggers, and their effect on packets and connections |
//! | [`secrets`] | random bytes, and comparing in constant time |
//! | [`page`] | the page in the browser: its files, one-time links, tokens |
//! | [`http`] | the requests of one connection, peers that stop in the middle, and requests for a WebSocket |
//! | [`watch`] | what a service has recorded, as it happens: JSON lines, Server-Sent Events, metrics |

// Tests may unwrap: a panic there is the report.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod certificate_authority;
pub mod client_certificates;
pub mod connecting;
pub mod faults;
pub mod files;
pub mod handshake;
pub mod http;
pub mod journal;
pub mod listener;
pub mod packets;
pub mod page;
pub mod secrets;
pub mod state_dir;
pub mod task;
pub mod temp_dir;
pub mod thread;
pub mod transport;
pub mod unauthenticated;
mod version1;
pub mod watch;
