//! Readers of requests, for the fuzz targets of the repository.

use axum::http::header::{HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, Uri};

use super::{message_headers, paths};
use crate::error::HubError;
use crate::if_match::{IfMatch, NotAnEtag};
use azmqtt_dialect::MessageProperties;

/// The address of a request as the routes spell it; `None` if the text is not an address.
pub fn canonical_address(method: &str, address: &str) -> Option<String> {
    let (method, uri) = (Method::from_bytes(method.as_bytes()).ok()?, address.parse::<Uri>().ok()?);
    Some(paths::canonical(&method, uri).to_string())
}

/// The properties that header fields give a message; `None` if they are not header fields.
pub fn message_properties(fields: &[(&[u8], &[u8])]) -> Option<Result<MessageProperties, HubError>> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let (name, value) = (HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?);
        headers.try_append(name, value).ok()?;
    }
    Some(message_headers::read(&headers))
}

/// The properties after they were written into header fields and read again.
pub fn through_headers(properties: &MessageProperties) -> Result<MessageProperties, HubError> {
    let mut headers = HeaderMap::new();
    message_headers::write(properties, &mut headers);
    message_headers::read(&headers)
}

/// The etag of a condition, `*` for any; `None` for no condition.
pub fn condition(text: &str) -> Result<Option<String>, NotAnEtag> {
    Ok(IfMatch::parse(text)?.map(|condition| condition.as_str().to_owned()))
}
