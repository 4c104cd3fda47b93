//! Text as people pass it on, for the parts that Python reads by itself.

use pyo3::prelude::*;

use super::errors::value_error;
use azmqtt_dialect::connection_string;
use azmqtt_net::text;

/// The connection string of a device or a service, without what surrounds it.
#[pyfunction]
pub(super) fn bare_connection_string(text: &str) -> PyResult<String> {
    connection_string::bare(text).map(Into::into).map_err(|error| value_error(&error))
}

/// The text of a file: UTF-8 or UTF-16, without its byte order mark.
#[pyfunction]
pub(super) fn decode_text(content: &[u8]) -> PyResult<String> {
    text::decode(content).map(Into::into).map_err(|error| value_error(&error))
}
