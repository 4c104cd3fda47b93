//! Bodies of HTTP answers, from whoever may send them.

use std::future::poll_fn;
use std::pin::pin;

use hyper::body::{Body, Incoming};

/// Why there is no whole body.
pub enum BodyError {
    /// It ended early, or was not HTTP any more.
    Broken(hyper::Error),
    /// There is more of it than there may be.
    TooLong,
}

/// Reads at most `limit` bytes; `note` is called for each part that comes.
pub async fn collect(body: Incoming, limit: usize, note: impl Fn()) -> Result<Vec<u8>, BodyError> {
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        // Anything else than data is a trailer.
        let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() else { continue };
        note();
        if bytes.len() + data.len() > limit {
            return Err(BodyError::TooLong);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}
