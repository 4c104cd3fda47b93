//! What comes before every request: faults that were asked for, and what the hub's tier allows at the rate of its route.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue, RETRY_AFTER};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::sleep;

use super::admission::{CALLER, is_known};
use super::answer::Refusal;
use super::caller::Caller;
use super::paths::identity;
use super::rate::Rate;
use crate::faults::RequestFault;
use crate::id::Id;
use crate::shared::Shared;
use crate::throttle::{Operation, Shaping};
use crate::unix_time::unix_now;
use azmqtt_dialect::ServiceError;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_local::http::{Abort, Peer};
use azmqtt_local::page;

/// What is this hub's own: where faults are set and taken away, and where it is watched. Neither faults nor limits are in the way
/// of that.
const OWN: [&str; 3] = ["/azmqtt/", "/health", "/metrics"];

/// Lets a request through, as far as it is allowed.
pub(super) async fn before(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if request.method() == Method::HEAD {
        // It has no effects by its definition, and answers to GET may lock a message for whoever asks.
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = request.uri().path();
    if OWN.iter().any(|own| path.starts_with(own)) || page::is_file(path) {
        return next.run(request).await;
    }
    let mut lost = false;
    if shared.faults.is_armed() {
        let names = identity(path);
        let id = names.as_ref().map(|(device, module)| Id::from((device.as_str(), module.as_deref())));
        match shared.faults.at_request(id, request.method().as_str(), path, Instant::now()) {
            None => {}
            Some(RequestFault::Drop) => return aborted(),
            Some(RequestFault::Lose) => lost = true,
            Some(RequestFault::Delay(time)) => sleep(time).await,
            Some(RequestFault::Answer(answer)) => return refused(answer.to_error()),
        }
    }
    let answer = next.run(request).await;
    if lost { aborted() } else { answer }
}

/// Has `handle` answer a request, when the rate that it counts against allows it.
pub(super) async fn throttle<F: Future<Output = Response>>(
    shared: &Shared,
    rate: Rate,
    request: Request,
    handle: impl FnOnce(Request) -> F,
) -> Response {
    let size = request.headers().get(CONTENT_LENGTH).and_then(|size| size.to_str().ok()?.parse().ok());
    let size: usize = size.unwrap_or(0);
    let Some(operation) = rate.operation(size) else {
        return handle(request).await;
    };
    if !counts(shared, &request, operation) {
        // A stranger, who is about to be refused: nobody uses up what belongs to others, not even for a while.
        return handle(request).await;
    }
    match shared.throttle.take_over_https(operation, Instant::now()) {
        Ok(Shaping::CarryOut(time)) => {
            if !time.is_zero() {
                sleep(time).await;
            }
        }
        Ok(Shaping::GiveUp(time)) => {
            sleep(time).await;
            let refusal = Shaping::refusal(operation, request.method() == Method::GET, time);
            let mut answer = refused(refusal);
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            return answer;
        }
        Err(error) => return refused(error),
    }
    if operation == Operation::DeviceToCloud && !shared.throttle.take_message(size, unix_now()) {
        let message = "The total number of messages on the hub exceeded the allocated quota.";
        return refused(ServiceError::new(ErrorCode::QUOTA_EXCEEDED, message));
    }
    let answer = handle(request).await;
    if answer.status() == StatusCode::UNAUTHORIZED {
        // By somebody whose policy lacks the right for it.
        shared.throttle.give_back(operation);
        if operation == Operation::DeviceToCloud {
            shared.throttle.give_back_message(size);
        }
    }
    answer
}

/// Whether a request shows credentials of those whom limits are for.
fn counts(shared: &Shared, request: &Request, operation: Operation) -> bool {
    let headers = request.headers();
    let of_device = || {
        let path = identity(request.uri().path());
        let path = path.as_ref().map(|(device, module)| Id::from((device.as_str(), module.as_deref())));
        let module =
            headers.get(CALLER).and_then(|caller| caller.to_str().ok()?.split_once('/')).map(Id::from);
        let chain = request.extensions().get::<Peer>().map(|peer| peer.chain.clone()).unwrap_or_default();
        [path, module].into_iter().flatten().any(|id| is_known(shared, id, headers, &chain))
    };
    // Only devices send, so that a service's token is not good for it.
    (operation != Operation::DeviceToCloud && Caller::is_known(shared, headers)) || of_device()
}

fn refused(error: ServiceError) -> Response {
    let retry_after = error.retry_after;
    let mut answer = Refusal::from(Box::new(error)).into_response();
    if let Some(seconds) = retry_after {
        answer.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    answer
}

fn aborted() -> Response {
    let mut answer = StatusCode::SERVICE_UNAVAILABLE.into_response();
    answer.extensions_mut().insert(Abort);
    answer
}
