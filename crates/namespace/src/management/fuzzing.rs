//! Readers of requests, for the fuzz targets of the repository.

use axum::http::{Method, Uri};

use super::address;
use super::filter::Filter;

/// Whether the `$filter` of a list wants this name; `None` if it is no filter.
pub fn list_filter(text: &str, name: &str) -> Option<bool> {
    Some(Filter::parse(text).ok()?.wants(name))
}

/// The address of a request as the routes spell it; `None` if the text is no address.
pub fn canonical_address(address: &str) -> Option<String> {
    Some(address::canonical(&Method::GET, address.parse::<Uri>().ok()?).to_string())
}
