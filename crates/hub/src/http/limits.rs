//! What comes before every request: faults that were asked for, and what the hub's tier allows.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue, RETRY_AFTER};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use tokio::time::sleep;

use super::admission::is_known;
use super::answer::Refusal;
use super::methods::CALLER;
use super::service::Caller;
use crate::faults::{Answer, RequestFault, refusal};
use crate::id::Id;
use crate::messages::telemetry::unix_now;
use crate::shared::Shared;
use crate::throttle::{Operation, Shaping};
use azmqtt_dialect::ServiceError;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_local::http::{Abort, Peer};

/// Where faults are set and taken away: neither faults nor limits are in the way of that.
const FAULTS: &str = "/azmqtt/faults";

/// What stands before the other routes that are this hub's own. They count as the service's of the same name.
const OWN: &str = "/azmqtt";

/// Lets a request through, as far as it is allowed.
pub(super) async fn admit(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if request.method() == Method::HEAD {
        // It has no effects by its definition, and answers to GET may lock a message for whoever asks.
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = request.uri().path();
    if path.starts_with(FAULTS) {
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
            Some(RequestFault::Answer(Answer { status, retry_after })) => {
                return refused(refusal(status, retry_after));
            }
        }
    }
    let answer = if shared.throttle.is_on() {
        throttle(&shared, request, next).await
    } else {
        next.run(request).await
    };
    if lost { aborted() } else { answer }
}

async fn throttle(shared: &Shared, request: Request, next: Next) -> Response {
    let size = request.headers().get(CONTENT_LENGTH).and_then(|size| size.to_str().ok()?.parse().ok());
    let size: usize = size.unwrap_or(0);
    let Some(operation) = classify(request.method(), request.uri().path(), size) else {
        return next.run(request).await;
    };
    if !counts(shared, &request, operation) {
        // A stranger, who is about to be refused: nobody uses up what belongs to others, not even for a while.
        return next.run(request).await;
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
    let answer = next.run(request).await;
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
    // Only devices send, so that a service's token is no good for it.
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

/// Which rate a request counts against, by the table of the service's REST API; `None` for what has none, such as blobs
/// and WebSockets. A route that is added to the table needs no more than its path to be counted.
fn classify(method: &Method, path: &str, size: usize) -> Option<Operation> {
    let path = path.strip_prefix(OWN).unwrap_or(path);
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let is = |name: &str, part: Option<&&str>| part.is_some_and(|part| part.eq_ignore_ascii_case(name));
    let last = parts.last();
    match *parts.first()? {
        "devices" if is("query", last) && parts.len() == 2 && *method == Method::POST => {
            Some(Operation::Query)
        }
        "devices" if parts.len() == 3 && is("files", last) => Some(Operation::FileUpload),
        "devices" if is("files", parts.get(2)) => None,
        "devices" if is("events", last) && is("messages", parts.get(parts.len() - 2)) => {
            Some(Operation::DeviceToCloud)
        }
        "devices" if is("messages", parts.get(2)) => {
            match *method {
                Method::GET => Some(Operation::CloudReceive),
                // A route of this hub's own: the service takes messages over AMQP alone.
                Method::POST if parts.len() == 4 => Some(Operation::CloudToDevice),
                // Completing and abandoning a message is part of receiving it.
                _ => None,
            }
        }
        "devices" if parts.len() == 3 && is("commands", last) => Some(Operation::CloudToDevice),
        "configurations" => Some(Operation::Configuration),
        "devices" if is("applyConfigurationContent", last) && parts.len() == 3 => {
            Some(Operation::Configuration)
        }
        "devices" | "statistics" => Some(Operation::Identity),
        "digitaltwins" if *method == Method::POST => Some(Operation::Method(size)),
        "twins" if is("methods", last) && parts.len() > 2 => Some(Operation::Method(size)),
        "twins" | "digitaltwins" if *method == Method::GET => Some(Operation::TwinRead),
        "twins" | "digitaltwins" => Some(Operation::TwinUpdate),
        "messages" => Some(Operation::CloudReceive),
        "jobs" => Some(Operation::Job),
        _ => None,
    }
}

/// Whom a request is about: `/devices/{device}[/modules/{module}]…`, and the same of twins.
pub(super) fn identity(path: &str) -> Option<(String, Option<String>)> {
    let path = path.strip_prefix(OWN).unwrap_or(path);
    let mut parts = path.trim_matches('/').split('/');
    if !matches!(parts.next(), Some("devices" | "twins" | "digitaltwins")) {
        return None;
    }
    let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let device = decoded(parts.next()?);
    let module = (parts.next() == Some("modules")).then(|| parts.next().map(decoded)).flatten();
    Some((device, module))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_count_against_their_rates() {
        for (method, path, operation) in [
            (Method::GET, "/devices/d", Some(Operation::Identity)),
            (Method::GET, "/devices", Some(Operation::Identity)),
            (Method::PUT, "/devices/d/modules/m", Some(Operation::Identity)),
            (Method::POST, "/devices/query", Some(Operation::Query)),
            (Method::POST, "/devices/d/files", Some(Operation::FileUpload)),
            (Method::POST, "/devices/d/files/notifications", None),
            (Method::POST, "/devices/d/messages/events", Some(Operation::DeviceToCloud)),
            (Method::GET, "/devices/d/messages/deviceBound", Some(Operation::CloudReceive)),
            (Method::DELETE, "/devices/d/messages/deviceBound/1", None),
            (Method::POST, "/devices/d/messages/deviceBound/1/abandon", None),
            (Method::POST, "/azmqtt/devices/d/messages/deviceBound", Some(Operation::CloudToDevice)),
            (Method::GET, "/messages/serviceBound/feedback", Some(Operation::CloudReceive)),
            (Method::GET, "/devices/", Some(Operation::Identity)),
            (Method::GET, "/jobs/v2/query", Some(Operation::Job)),
            (Method::PUT, "/configurations/c", Some(Operation::Configuration)),
            (Method::POST, "/devices/d/applyConfigurationContent", Some(Operation::Configuration)),
            (Method::GET, "/twins/d", Some(Operation::TwinRead)),
            (Method::PATCH, "/twins/d/modules/m", Some(Operation::TwinUpdate)),
            (Method::POST, "/twins/d/methods", Some(Operation::Method(9))),
            (Method::POST, "/twins/d/modules/m/methods", Some(Operation::Method(9))),
            (Method::GET, "/digitaltwins/d", Some(Operation::TwinRead)),
            (Method::PATCH, "/digitaltwins/d", Some(Operation::TwinUpdate)),
            (Method::POST, "/digitaltwins/d/commands/c", Some(Operation::Method(9))),
            (Method::GET, "/$iothub/websocket", None),
            (Method::GET, "/", None),
            (Method::PUT, "/container/blob", None),
        ] {
            assert_eq!(classify(&method, path, 9), operation, "{method} {path}");
        }
    }

    #[test]
    fn whom_a_request_is_about() {
        let text = |device: &str, module: Option<&str>| Some((device.to_owned(), module.map(str::to_owned)));
        assert_eq!(identity("/twins/a%20b/modules/m/methods"), text("a b", Some("m")));
        assert_eq!(identity("/devices/d/files"), text("d", None));
        assert_eq!(identity("/azmqtt/devices/d/messages/deviceBound"), text("d", None));
        assert_eq!(identity("/statistics/devices"), None);
        assert_eq!(identity("/devices"), None);
    }
}
