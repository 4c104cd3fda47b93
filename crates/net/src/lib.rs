#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! | module | subject |
//! |---|---|
//! | [`connect`] | from a host name to a stream: DNS, TCP, proxy, TLS, WebSocket, each with a deadline |
//! | [`endpoint`], [`deadlines`], [`proxy`] | the options of a connection |
//! | [`error`], [`connect_step`] | the failed step with its reason; the current step |
//! | [`tls`] | roots, the verifier of server certificates, TLS options |
//! | [`certificate`] | PEM and DER, client certificates with their keys, the fields of a certificate |
//! | [`stream`] | a byte stream over any transport |
//! | [`framed`] | buffered reading and batched writing on one stream, for both sides |
//! | [`websocket`] | a byte stream in the frames of a WebSocket, for both sides |
//! | [`http`] | HTTP/1 requests over the same streams, bounded |
//! | [`meter`] | bytes that a socket has received and TLS has not delivered yet |
//! | [`clock`] | the error of this machine's clock, by the date of an HTTP answer |
//! | [`sync`] | `Mutex` and `Condvar` without poisoning |
//! | [`text`] | text in files: byte order marks, UTF-16 |
//! | [`excerpt`] | excerpts of external text in errors |

// Tests may unwrap: a panic there is the report.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod blocking;
pub mod buffers;
pub mod certificate;
pub mod clock;
pub mod connect;
pub mod connect_step;
pub mod deadlines;
pub mod endpoint;
pub mod error;
pub mod excerpt;
pub mod framed;
pub mod http;
pub mod meter;
pub mod proxy;
pub mod stream;
pub mod sync;
pub mod text;
pub mod tls;
pub mod websocket;

pub use self::certificate::{CertificateError, ClientCertificate};
pub use self::clock::ClockOffset;
pub use self::connect_step::{ConnectProgress, Step};
pub use self::deadlines::ConnectDeadlines;
pub use self::endpoint::Endpoint;
pub use self::error::ConnectError;
pub use self::framed::Framed;
pub use self::proxy::{EnvironmentProxies, Proxy, ProxyChoice, ProxyError};
pub use self::stream::{ByteStream, Stream};
pub use self::tls::{BoxFuture, RootSource, Trust};
