//! Where the workload API listens.

use std::fmt;
#[cfg(unix)]
use std::path::PathBuf;

use hyper::Uri;

/// A socket on this machine.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) place: Place,
    /// What errors call it.
    name: String,
}

#[derive(Clone, Debug)]
pub(super) enum Place {
    #[cfg(unix)]
    Socket(PathBuf),
    Port {
        host: String,
        port: u16,
    },
}

impl Address {
    /// Reads `unix:///path/of/socket` or `http://host[:port]`, either with a slash more at the end.
    pub(super) fn parse(uri: &str) -> Result<Self, AddressError> {
        let place = if let Some(path) = uri.strip_prefix("unix://") {
            socket(path)?
        } else if uri.starts_with("http://") {
            port(uri)?
        } else {
            return Err(AddressError::Scheme);
        };
        Ok(Self { place, name: format!("the IoT Edge workload API at {uri}") })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The value of the header `Host`.
    pub(super) fn host(&self) -> String {
        match &self.place {
            #[cfg(unix)]
            Place::Socket(_) => "localhost".to_owned(),
            Place::Port { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Place::Port { host, port } => format!("{host}:{port}"),
        }
    }
}

#[cfg(unix)]
fn socket(path: &str) -> Result<Place, AddressError> {
    /// The longest path that every system takes for a socket, in bytes (`sun_path` of macOS, less its NUL).
    const LONGEST: usize = 103;

    let path = path.trim_end_matches('/');
    if !path.starts_with('/') || path.len() > LONGEST || path.contains('\0') {
        return Err(AddressError::Path);
    }
    Ok(Place::Socket(PathBuf::from(path)))
}

#[cfg(not(unix))]
fn socket(_path: &str) -> Result<Place, AddressError> {
    Err(AddressError::NoSockets)
}

fn port(uri: &str) -> Result<Place, AddressError> {
    let uri: Uri = uri.parse().map_err(|_| AddressError::Host)?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or(AddressError::Host)?;
    // A user name, and a port out of range, are in the authority alone.
    let authority = uri.port_u16().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let bare = uri.path_and_query().is_none_or(|rest| rest.as_str() == "/");
    if !bare || uri.authority().is_none_or(|given| given.as_str() != authority) {
        return Err(AddressError::Host);
    }
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok(Place::Port { host, port: uri.port_u16().unwrap_or(80) })
}

/// Why a workload URI cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// Neither `unix://` nor `http://`.
    Scheme,
    /// Not a path that a socket can have.
    Path,
    /// Not a bare host and port.
    Host,
    /// This system has no Unix domain sockets.
    NoSockets,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "must begin with unix:// or http://",
            Self::Path => "must be unix:// and the absolute path of a socket, of at most 103 bytes",
            Self::Host => "must be http://host or http://host:port, with nothing after it",
            Self::NoSockets => "names a Unix domain socket, which this system does not have",
        })
    }
}

impl std::error::Error for AddressError {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn read(uri: &str) -> Result<String, AddressError> {
        let address = Address::parse(uri)?;
        Ok(match &address.place {
            Place::Socket(path) => path.display().to_string(),
            Place::Port { .. } => address.host(),
        })
    }

    #[test]
    fn both_spellings_are_read() {
        assert_eq!(read("unix:///var/run/iotedge/workload.sock").unwrap(), "/var/run/iotedge/workload.sock");
        assert_eq!(read("unix:///run/w.sock/").unwrap(), "/run/w.sock");
        assert_eq!(read("http://172.18.0.1:15581").unwrap(), "172.18.0.1:15581");
        assert_eq!(read("http://edge/").unwrap(), "edge:80");
        assert_eq!(read("http://[::1]:15581/").unwrap(), "[::1]:15581");
    }

    #[test]
    fn others_are_refused_by_their_rule() {
        let long = format!("unix:///{}", "x".repeat(103));
        for (uri, error) in [
            ("", AddressError::Scheme),
            ("https://edge", AddressError::Scheme),
            ("/var/run/w.sock", AddressError::Scheme),
            ("unix://", AddressError::Path),
            ("unix:///", AddressError::Path),
            ("unix://run/w.sock", AddressError::Path),
            (long.as_str(), AddressError::Path),
            ("http://", AddressError::Host),
            ("http://edge:99999", AddressError::Host),
            ("http://edge/path", AddressError::Host),
            ("http://edge/?q=1", AddressError::Host),
            ("http://me:secret@edge", AddressError::Host),
        ] {
            assert_eq!(read(uri), Err(error), "{uri}");
        }
    }
}
