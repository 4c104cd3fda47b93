//! From which web pages a WebSocket may be opened (RFC 6455 §10.2): any page that the user looks at could otherwise.

use std::net::IpAddr;

use axum::http::Uri;
use axum::http::header::{HeaderMap, ORIGIN};

/// Who may open a WebSocket: programs, web pages of this machine, and what is named here.
#[derive(Clone, Copy, Debug)]
pub struct Origins<'a> {
    /// Names of the service itself. Clients that are no web pages send the host that they connect to.
    pub hosts: &'a [&'a str],
    /// Further origins, such as `https://example.com`.
    pub allowed: &'a [String],
}

impl Origins<'_> {
    /// Whether a request with these headers may open a WebSocket. One without an origin comes from a program.
    pub(super) fn may_connect(&self, headers: &HeaderMap) -> bool {
        headers.get_all(ORIGIN).iter().all(|origin| {
            let Ok(origin) = origin.to_str() else { return false };
            self.allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
                || host_of(origin).is_some_and(|host| self.is_here(&host))
        })
    }

    fn is_here(&self, host: &str) -> bool {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost"
            || self.hosts.iter().any(|name| name.eq_ignore_ascii_case(host))
            || address.is_ok_and(|address| address.is_loopback())
    }
}

/// The host of an origin, `https://host:port`, in lower case.
fn host_of(origin: &str) -> Option<String> {
    origin.parse::<Uri>().ok()?.host().map(str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_of_this_machine_and_those_that_are_allowed_may_connect() {
        let allowed = ["https://example.com".to_owned()];
        let origins = Origins { hosts: &["my.namespace"], allowed: &allowed };
        let may = |origin: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ORIGIN, origin.parse().unwrap());
            origins.may_connect(&headers)
        };
        for origin in [
            "http://localhost:3000",
            "https://127.0.0.1",
            "http://[::1]:80",
            "https://my.namespace:443",
            "https://example.com",
        ] {
            assert!(may(origin), "{origin}");
        }
        for origin in
            ["https://evil.example", "null", "https://localhost.evil.example", "https://example.com:81"]
        {
            assert!(!may(origin), "{origin}");
        }
        assert!(origins.may_connect(&HeaderMap::new()));
    }
}
