//! Proxies: which one stands between a device and a host, if any.

mod environment;
mod no_proxy;
mod url;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

pub use self::environment::EnvironmentProxies;
pub use self::url::ProxyError;

/// How hosts are reached. Clones are cheap.
#[derive(Debug, Clone, Default)]
pub enum ProxyChoice {
    /// Directly.
    #[default]
    Direct,
    /// Through this one, whatever the host.
    Fixed(Arc<Proxy>),
    /// As the process's environment said when it was read.
    Environment(Arc<EnvironmentProxies>),
}

impl ProxyChoice {
    /// From an option: a proxy's URL, or `environment` for what the process's environment says now.
    pub fn parse(text: &str) -> Result<Self, ProxyError> {
        if text == "environment" {
            return EnvironmentProxies::read(std::env::var_os)
                .map(|proxies| Self::Environment(Arc::new(proxies)));
        }
        Proxy::parse(text).map(|proxy| Self::Fixed(Arc::new(proxy)))
    }

    /// The proxy for connections to `host`, a name or an address.
    pub fn for_host(&self, host: &str, port: u16) -> Option<&Proxy> {
        match self {
            Self::Direct => None,
            Self::Fixed(proxy) => Some(proxy),
            Self::Environment(proxies) => proxies.for_host(host, port),
        }
    }
}

/// A proxy that connects to a host and then passes bytes on, so that TLS runs from end to end.
///
/// Names are looked up by the proxy, never here. `Debug` and `Display` show neither user name nor password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    pub(crate) kind: ProxyKind,
    /// A name, or an address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) login: Option<Login>,
}

/// What a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProxyKind {
    /// HTTP/1.1 CONNECT (RFC 9110 §9.3.6).
    Http,
    /// SOCKS version 5 (RFC 1928).
    Socks5,
}

/// Who the proxy's user is. No `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// `scheme://host:port`, as errors show it.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            ProxyKind::Http => "http",
            ProxyKind::Socks5 => "socks5",
        };
        write!(f, "{scheme}://{}", HostPort(&self.host, self.port))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// `host:port` as it stands in URLs: an IPv6 address gets its brackets (RFC 3986 §3.2.2).
pub(crate) struct HostPort<'a>(pub(crate) &'a str, pub(crate) u16);

impl fmt::Display for HostPort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(host, port) = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}
