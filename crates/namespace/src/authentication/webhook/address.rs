//! Where a webhook is.

use std::fmt;
use std::net::IpAddr;

use azmqtt_net::tls::TrustError;
use hyper::Uri;

/// The longest address, in bytes.
const MAX_ADDRESS: usize = 2048;

/// Why there cannot be such a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidWebhook {
    /// It is no address of HTTP or HTTPS, or a long one.
    Address,
    /// It has a user name or password in it.
    Credentials,
    /// It is not of this machine, and no others are allowed.
    Remote,
    /// The roots of its certificate cannot be read.
    Roots(TrustError),
}

impl fmt::Display for InvalidWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Roots(error) => return write!(f, "the roots of the webhook's certificate: {error}"),
            Self::Address => "the webhook's address must be http://… or https://… of at most 2048 bytes",
            Self::Credentials => "the webhook's address must not have a user name or password in it",
            Self::Remote => {
                "the webhook is not on this machine (localhost, 127.0.0.1, ::1); allow remote ones to use it"
            }
        })
    }
}

impl std::error::Error for InvalidWebhook {}

/// An address of HTTP or HTTPS. `Debug` leaves the query out: keys of functions stand there.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// As it was written.
    text: String,
    pub is_encrypted: bool,
    pub host: String,
    pub port: u16,
    /// Path and query.
    pub target: String,
}

impl Address {
    pub fn parse(text: &str) -> Result<Self, InvalidWebhook> {
        if text.len() > MAX_ADDRESS {
            return Err(InvalidWebhook::Address);
        }
        let uri: Uri = text.parse().map_err(|_| InvalidWebhook::Address)?;
        let is_encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(InvalidWebhook::Address),
        };
        let authority = uri.authority().ok_or(InvalidWebhook::Address)?;
        if authority.as_str().contains('@') {
            return Err(InvalidWebhook::Credentials);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(InvalidWebhook::Address);
        }
        let port = match authority.port_u16() {
            Some(port) => port,
            None if authority.as_str() != authority.host() => return Err(InvalidWebhook::Address),
            None if is_encrypted => 443,
            None => 80,
        };
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        Ok(Self {
            text: text.to_owned(),
            is_encrypted,
            host: host.to_owned(),
            port,
            target: target.to_owned(),
        })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is of this machine.
    pub fn is_loopback(&self) -> bool {
        let is_address = self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        is_address || self.host.eq_ignore_ascii_case("localhost")
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.split('?').next().unwrap_or_default())
    }
}
