#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! | module | subject |
//! |---|---|
//! | [`listener`] | listening on every address of a host; connections from a socket, each in a task of its own |
//! | [`handshake`] | the TLS handshake of one connection, and what is said when it fails |
//! | [`certificate_authority`], [`client_certificates`] | the authority of tests and what it signs; what clients show |
//! | [`unauthenticated`] | clients that have not shown who they are: how many, and how much they may send |
//! | [`connecting`] | the first packet of a client, and the answer to one that is refused |
//! | [`transport`] | one byte stream of a client: when it counts as not reading, and its recording |
//! | [`packets`] | the recording of every MQTT packet, for tests |
//! | [`state_dir`] | what a service keeps across restarts |
//! | [`journal`] | the same, for what changes with each message: records that are appended to a file |
//! | [`task`] | tasks of the runtime |
//! | [`temp_dir`] | the directory of a service that keeps nothing |
//! | [`thread`] | the thread of a service, with a runtime of its own |
//! | [`files`] | files that only this user can read, replaced as a whole |
//! | [`faults`] | faults on demand: rules, when they fire, what they do to packets and connections |
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
pub mod state_dir;
pub mod task;
pub mod temp_dir;
pub mod thread;
pub mod transport;
pub mod unauthenticated;
mod version1;
pub mod watch;
