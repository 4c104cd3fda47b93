//! The one error type of the rig.

use std::fmt;

/// Why a program of the rig stopped, or why the sink dropped a connection.
#[derive(Debug)]
pub enum Error {
    /// A command line that cannot be understood.
    Usage(String),
    /// The socket or a file failed.
    Io(std::io::Error),
    /// The TLS layer refused something.
    Tls(String),
    /// The peer sent what MQTT does not allow, or what this rig does not expect.
    Protocol(&'static str),
}

/// Short for results of the rig.
pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) => write!(f, "usage: {what}"),
            Self::Io(e) => write!(f, "i/o: {e}"),
            Self::Tls(e) => write!(f, "tls: {e}"),
            Self::Protocol(what) => write!(f, "protocol: {what}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Self {
        Self::Io(e)
    }
}

impl From<rustls::Error> for Error {
    fn from(e: rustls::Error) -> Self {
        Self::Tls(e.to_string())
    }
}

impl From<rcgen::Error> for Error {
    fn from(e: rcgen::Error) -> Self {
        Self::Tls(e.to_string())
    }
}

impl From<rustls::pki_types::pem::Error> for Error {
    fn from(e: rustls::pki_types::pem::Error) -> Self {
        Self::Tls(e.to_string())
    }
}
