//! The page's files. They are built from `page/` at the top of the repository (`nox -s page`), and checked in.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Page;

/// Path, type and content of each.
const FILES: [(&str, &str, &[u8]); 3] = [
    ("/", "text/html; charset=utf-8", include_bytes!("../../page/index.html")),
    ("/assets/app.js", "text/javascript; charset=utf-8", include_bytes!("../../page/app.js")),
    ("/assets/app.css", "text/css; charset=utf-8", include_bytes!("../../page/app.css")),
];

/// Nothing but the page's own files and requests: no inline script, no frame around it, no form to anywhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-cache"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Whether a path is one of the page's files, or would be.
pub fn is_file(path: &str) -> bool {
    path == "/" || path.starts_with("/assets/")
}

/// A file of the page, by its path. It needs no token, because it holds nothing; it has the headers that keep other
/// pages out.
pub fn file(page: &Page, path: &str, headers: &HeaderMap) -> Response {
    // A link on another site may lead here, so that only the host counts.
    let mut host_alone = HeaderMap::new();
    host_alone.extend(headers.get_all(header::HOST).iter().map(|host| (header::HOST, host.clone())));
    if let Err(reason) = page.check_place(&host_alone) {
        return (StatusCode::MISDIRECTED_REQUEST, format!("{reason}\n")).into_response();
    }
    let Some((_, kind, content)) = FILES.iter().find(|(known, ..)| *known == path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut answer = ([(header::CONTENT_TYPE, *kind)], *content).into_response();
    let all = HEADERS.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value)));
    answer.headers_mut().extend(all);
    answer
}
