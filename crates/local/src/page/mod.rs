//! The page of a local service: a web application in the browser of the person who runs the service.
//!
//! A browser sends requests for any page that its user looks at, so that nothing here trusts one for where it comes from.
//! A one-time link becomes a token, which the page sends in a header: cookies are shared by all ports of a host and
//! authorise nothing. Requests with a token must name the service itself as their host and, if they name an origin, as
//! their origin: no other page gets through, and no other name that resolves to this machine.
//!
//! | module | subject |
//! |---|---|
//! | `files` | the page's files, in the program, and the headers they are sent with |
//! | `place` | which requests come from the page itself |
//! | `secret` | codes and tokens |
//! | `session` | the answer to a page that sends a link's code |

mod files;
mod place;
mod secret;
mod session;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use azmqtt_net::sync::Mutex;

pub use files::{file, is_file};
use place::Place;
use secret::Secret;
use session::About;
pub use session::{LINK_IS_OVER, MAX_SESSION_REQUEST};

/// How long a link may be used.
const LINK_LIFE: Duration = Duration::from_secs(60);

/// Links that may be used at the same time; the oldest goes.
const MAX_LINKS: usize = 32;

/// Tokens that are good at the same time; the oldest goes.
const MAX_TOKENS: usize = 32;

/// Who may use the page of one service. It dies with the service.
pub struct Page {
    hostname: String,
    about: About,
    place: OnceLock<Place>,
    open: Mutex<Open>,
}

/// What has been given out.
#[derive(Default)]
struct Open {
    /// Each with the time it was made.
    links: VecDeque<(Secret, Instant)>,
    tokens: VecDeque<Secret>,
}

impl Page {
    /// The page of a service with that name, `hub` or `namespace`. It answers no requests before [`Self::listens_on`].
    pub fn new(hostname: &str, kind: &str) -> Self {
        let about = About::new(hostname, kind);
        Self { hostname: hostname.to_owned(), about, place: OnceLock::new(), open: Mutex::default() }
    }

    /// The port, which is known once the service listens. Only the first call counts.
    pub fn listens_on(&self, port: u16) {
        self.place.get_or_init(|| Place::new(&self.hostname, port));
    }

    /// `https://localhost:{port}/#open={code}`, a secret: the first to open it within a minute may do everything. What
    /// stands behind `#` is not sent to a server, and the page takes it out of the address.
    ///
    /// # Errors
    /// The service does not listen yet, or the system provides no random numbers.
    pub fn make_link(&self, now: Instant) -> io::Result<String> {
        let place = self.place.get().ok_or(io::ErrorKind::NotConnected)?;
        let code = Secret::generate()?;
        let url = format!("{}/#open={}", place.origin(), code.to_hex());
        let links = &mut self.open.lock().links;
        keep_newest(links, MAX_LINKS);
        links.push_back((code, now));
        Ok(url)
    }

    /// The token for a link's code, which is used up; `None` for a code that was never given out, was used, or is too old.
    ///
    /// # Errors
    /// The system gives no random numbers.
    fn redeem(&self, code: &str, now: Instant) -> io::Result<Option<String>> {
        let Some(code) = Secret::from_hex(code) else { return Ok(None) };
        let token = Secret::generate()?;
        let mut open = self.open.lock();
        open.links.retain(|(_, made)| now.saturating_duration_since(*made) < LINK_LIFE);
        let Some(at) = open.links.iter().position(|(link, _)| *link == code) else { return Ok(None) };
        open.links.remove(at);
        keep_newest(&mut open.tokens, MAX_TOKENS);
        let text = token.to_hex();
        open.tokens.push_back(token);
        Ok(Some(text))
    }

    /// Whether a request is for this service by its own name, and from no other site.
    ///
    /// # Errors
    /// Why it is not, for people.
    pub fn check_place(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        self.place.get().ok_or("the service does not listen yet")?.check(headers)
    }

    /// Whether a request shows `Authorization: Bearer …`, whatever is in it.
    pub fn shows_token(headers: &HeaderMap) -> bool {
        bearer(headers).is_some()
    }

    /// Whether a text has the form of a token.
    pub fn is_token(text: &str) -> bool {
        Secret::from_hex(text).is_some()
    }

    /// Whether a request comes from the page, with a token that is good.
    ///
    /// # Errors
    /// Why it does not, for people.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        self.check_place(headers)?;
        let token = bearer(headers).ok_or("the Authorization header holds no token of the page")?;
        let token = Secret::from_hex(token).ok_or("the token of the page is malformed")?;
        let known = self.open.lock().tokens.iter().any(|known| *known == token);
        if known { Ok(()) } else { Err("the token of the page is unknown: open the page by a new link") }
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("hostname", &self.hostname).finish_non_exhaustive()
    }
}

/// The token of the header, which must be there once. The scheme has no case (RFC 9110 §11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    (values.next().is_none() && scheme.eq_ignore_ascii_case("Bearer")).then(|| token.trim())
}

/// Makes room for one more.
fn keep_newest<T>(kept: &mut VecDeque<T>, most: usize) {
    while kept.len() >= most {
        kept.pop_front();
    }
}
