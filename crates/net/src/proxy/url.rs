//! The URL of a proxy, as people write it. What is wrong with one is said without showing any of it: a part that is in
//! the wrong place may be the password.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use percent_encoding::percent_decode_str;

use super::{Login, Proxy, ProxyKind};

/// Why a proxy's URL cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyError {
    /// There is nothing in it.
    Empty,
    /// TLS to the proxy itself.
    Https,
    /// Neither `http`, `socks5` nor `socks5h`.
    Scheme,
    /// The host is missing or no host name.
    Host,
    /// The port is not a number from 1 to 65,535.
    Port,
    /// Something follows the port.
    Path,
    /// User name or password cannot be decoded, are too long, or hold what the protocol has no place for.
    Login(&'static str),
    /// A variable of the environment is to blame, and why.
    Variable(&'static str, Box<ProxyError>),
    /// A variable of the environment is not a string.
    NotText(&'static str),
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty; expected http://host:port"),
            Self::Https => f.write_str(
                "TLS to the proxy itself (https://) is not supported; the connection through an http:// proxy is \
                 encrypted from end to end",
            ),
            Self::Scheme => f.write_str("it must begin with http://, socks5:// or socks5h://"),
            Self::Host => f.write_str(
                "its host name is missing or malformed; http://user:password@host:port is expected, with \
                 special characters of user name and password percent-encoded",
            ),
            Self::Port => f.write_str("the port must be a number from 1 to 65535"),
            Self::Path => f.write_str("nothing may follow the port"),
            Self::Login(reason) => f.write_str(reason),
            Self::Variable(name, error) => write!(f, "the environment's {name}: {error}"),
            Self::NotText(name) => write!(f, "the environment's {name} is not a string"),
        }
    }
}

impl std::error::Error for ProxyError {}

impl Proxy {
    /// Parses `scheme://user:password@host:port`; the scheme is `http` if there is none, and so is the port, 80 or 1080,
    /// by the scheme. User name and password may be percent-encoded.
    pub fn parse(url: &str) -> Result<Self, ProxyError> {
        let url = url.trim();
        if url.is_empty() {
            return Err(ProxyError::Empty);
        }
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let (kind, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (ProxyKind::Http, 80),
            // Names are always looked up by the proxy, which curl and others call socks5h.
            "socks5" | "socks5h" => (ProxyKind::Socks5, 1080),
            "https" => return Err(ProxyError::Https),
            _ => return Err(ProxyError::Scheme),
        };
        let (login, address) = match rest.rsplit_once('@') {
            Some((login, address)) => (Some(parse_login(login, kind)?), address),
            None => (None, rest),
        };
        let (host, port) = parse_address(address.strip_suffix('/').unwrap_or(address))?;
        Ok(Self { kind, host, port: port.unwrap_or(default_port), login })
    }
}

fn parse_address(address: &str) -> Result<(String, Option<u16>), ProxyError> {
    let (host, port) = if let Some(bracketed) = address.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']').ok_or(ProxyError::Host)?;
        host.parse::<Ipv6Addr>().map_err(|_| ProxyError::Host)?;
        match rest.strip_prefix(':') {
            None if rest.is_empty() => (host, None),
            None => return Err(ProxyError::Path),
            port => (host, port),
        }
    } else {
        if address.contains(['/', '?', '#']) {
            return Err(ProxyError::Path);
        }
        let (host, port) = match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        };
        if host.parse::<Ipv4Addr>().is_err() && !is_host_name(host) {
            return Err(ProxyError::Host);
        }
        (host, port)
    };
    let port = port.map(|port| match port.parse() {
        Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
        _ => Err(ProxyError::Port),
    });
    Ok((host.to_owned(), port.transpose()?))
}

/// Whether a text is labels of 1 to 63 characters joined by dots, at most 253 in all; `_` is in use, too.
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(allowed)
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

fn parse_login(login: &str, kind: ProxyKind) -> Result<Login, ProxyError> {
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let decode = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded.map(String::from).map_err(|_| ProxyError::Login("user name or password is not UTF-8"))
    };
    let (user, password) = (decode(user)?, decode(password)?);
    if user.chars().chain(password.chars()).any(char::is_control) {
        return Err(ProxyError::Login("user name and password must not contain control characters"));
    }
    match kind {
        // RFC 7617 §2: what comes before the first colon is the user name.
        ProxyKind::Http if user.contains(':') => {
            return Err(ProxyError::Login("the user name must not contain a colon"));
        }
        // RFC 1929 §2: a byte counts each.
        ProxyKind::Socks5 if !(1..=255).contains(&user.len()) || !(1..=255).contains(&password.len()) => {
            return Err(ProxyError::Login(
                "for SOCKS5, user name and password must have 1 to 255 bytes each",
            ));
        }
        _ if user.len() + password.len() > 4096 => {
            return Err(ProxyError::Login("user name and password are too long"));
        }
        _ => {}
    }
    Ok(Login { user, password })
}
