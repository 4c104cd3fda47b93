//! What requests of the service's REST API have in common.

use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::IF_MATCH;
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::answer::{Refusal, parameter, read_body};
use crate::error::HubError;
use crate::if_match::IfMatch;
use crate::shared::Shared;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_local::task;

/// What is read at once, in bytes.
const BRIEF: usize = 64 << 10;

/// The body of a request, which is JSON.
pub(super) async fn json_of(body: Body, most: usize) -> Result<Value, Refusal> {
    let body = read_body(body, most).await?;
    let length = body.len();
    let read = move || serde_json::from_slice(&body);
    // A large one takes its time, which is not that of other connections.
    let json = if length > BRIEF {
        spawn_blocking(read).await.map_err(|error| HubError::System(std::io::Error::other(error)))?
    } else {
        read()
    };
    json.map_err(|error| Refusal::new(ErrorCode::FORMAT_ERROR, format!("the body is not JSON: {error}")))
}

/// How many entries of a list a request wants at most, by `?top=`: whatever is not within 1 and `most` counts as `most` (IoT Hub
/// docs, REST: "Devices - Get Devices", "Configuration - Get Configurations").
pub(super) fn top(query: Option<&str>, most: usize) -> Result<usize, Refusal> {
    let Some(top) = parameter(query, "top") else { return Ok(most) };
    let number: i64 =
        top.parse().map_err(|_| Refusal::new(ErrorCode::ARGUMENT_INVALID, "top is not a number"))?;
    Ok(usize::try_from(number).ok().filter(|top| (1..=most).contains(top)).unwrap_or(most))
}

/// The condition of a request, if it has one: an empty etag is none, as .NET's client sends it to create.
pub(super) fn condition(headers: &HeaderMap) -> Result<Option<IfMatch>, Refusal> {
    let Some(header) = headers.get(IF_MATCH) else { return Ok(None) };
    let wrong = || Refusal::new(ErrorCode::ARGUMENT_INVALID, "If-Match must be an etag in quotes, or *");
    header.to_str().ok().and_then(|text| IfMatch::parse(text).ok()).ok_or_else(wrong)
}

/// The condition of a request that must have one, as to remove an identity must.
pub(super) fn required_condition(headers: &HeaderMap) -> Result<IfMatch, Refusal> {
    condition(headers)?.ok_or_else(|| HubError::EtagMissing.into())
}

/// An etag as a header has it.
pub(super) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

/// Does what may wait for the disk, or for connections to end, where nobody is held up. Once begun, it is done to its end
/// though the caller may go. A few are done at a time: the threads are those that write down what devices do, too.
pub(super) async fn off_thread<T: Send + 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Shared) -> Result<T, HubError> + Send + 'static,
) -> Result<T, Refusal> {
    let shared = shared.clone();
    // The semaphore is never closed.
    let room = shared.service_work.clone().acquire_owned().await.ok();
    let done = task::blocking(move || {
        let _room = room;
        work(&shared)
    });
    done.await.map_err(HubError::System)?.map_err(Refusal::from)
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::{Hub, HubConfig};

    /// Writes of what devices do go by the same threads.
    #[tokio::test]
    async fn requests_leave_threads_for_others() {
        let hub = Hub::start(HubConfig::default()).unwrap();
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let mut requests = Vec::new();
        for _ in 0..600 {
            let (gate, shared) = (gate.clone(), hub.shared.clone());
            requests.push(tokio::spawn(async move {
                let wait = move |_: &Shared| {
                    let _open = gate.1.wait_while(gate.0.lock().unwrap(), |open| !*open).unwrap();
                    Ok(())
                };
                off_thread(&shared, wait).await.map_err(|refusal| refusal.message().to_owned())
            }));
        }
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        let other = timeout(Duration::from_secs(5), spawn_blocking(|| ())).await;
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
        for request in requests {
            request.await.unwrap().unwrap();
        }
        other.expect("a thread in time").unwrap();
    }
}
