//! Which requests come from the page itself: by `Host`, `Origin` (RFC 6454) and `Sec-Fetch-Site` (W3C Fetch Metadata).

use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, HeaderValue};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The port of HTTPS, which browsers leave out.
const HTTPS: u16 = 443;

/// Where the page is: the names of its host, each with the port.
pub(super) struct Place {
    hosts: Vec<String>,
}

impl Place {
    pub(super) fn new(hostname: &str, port: u16) -> Self {
        let names = ["localhost", "127.0.0.1", "[::1]", hostname];
        let spelled = |name: &str| match port {
            HTTPS => name.to_ascii_lowercase(),
            port => format!("{}:{port}", name.to_ascii_lowercase()),
        };
        Self { hosts: names.map(spelled).to_vec() }
    }

    /// The origin by which links name the page.
    pub(super) fn origin(&self) -> String {
        format!("https://{}", self.hosts[0])
    }

    /// Whether a request is for the page, and from the page or a program.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        // A name that somebody has led to this machine (DNS rebinding) is none of these.
        let host = one(headers, &HOST)?.ok_or("the Host header is missing")?;
        if !self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host)) {
            return Err("the Host header does not name this service and its port");
        }
        if let Some(origin) = one(headers, &ORIGIN)?
            && !origin.strip_prefix("https://").is_some_and(|from| from.eq_ignore_ascii_case(host))
        {
            return Err("the request comes from another origin");
        }
        match one(headers, &SEC_FETCH_SITE)? {
            // `none`: the user typed the address.
            None | Some("same-origin" | "none") => Ok(()),
            Some(_) => Err("the request comes from another site"),
        }
    }
}

/// The value of a header that may be there once.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, &'static str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(HeaderValue::to_str);
    match (value, values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value)),
        _ => Err("Host, Origin or Sec-Fetch-Site is there twice or is not text"),
    }
}
