//! Calls of direct methods by a module, through its IoT Edge gateway (IoT Edge docs, `edgehub-api`: "direct methods";
//! IoT Hub docs, "direct methods": `POST /twins/{id}/methods`).

use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use serde_json::{Value, json};

use crate::config::DeviceConfig;
use crate::credentials::Refusals;
use crate::error::Error;
use azmqtt_dialect::encoding::encode;
use azmqtt_dialect::{API_VERSION, MAX_METHOD_BODY, ServiceError};
use azmqtt_net::Endpoint;
use azmqtt_net::http::{Https, Request};

/// A method of a device or module, to be called.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodInvocation {
    /// Whose method.
    pub device_id: String,
    /// The device's module, if the method is the module's.
    pub module_id: Option<String>,
    /// Its name, which the caller has checked.
    pub name: String,
    /// At most [`MAX_METHOD_BODY`] bytes as text.
    pub payload: Value,
    /// How long the method may take, 5 to 300 s; whole seconds count.
    pub response_timeout: Duration,
    /// How long it may take to be connected and subscribed, 0 to 300 s; whole seconds count.
    pub connect_timeout: Duration,
}

/// What a method answered.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodAnswer {
    /// The method's own status, any integer.
    pub status: i32,
    /// Null for none.
    pub payload: Value,
}

/// Names the module that calls: `{device}/{module}`.
const CALLER: HeaderName = HeaderName::from_static("x-ms-edge-moduleid");

/// Of the answer: the largest payload, and what is around it.
const MAX_ANSWER: usize = MAX_METHOD_BODY + (64 << 10);

/// How much longer than the method's time a gateway may be silent.
const MARGIN: Duration = Duration::from_secs(15);

const WHAT: &str = "POST methods";

/// Calls the method. Nothing is sent again, but for credentials that are refused and can be made anew: a gateway that
/// does not answer may have called it.
pub(super) async fn invoke(config: &DeviceConfig, call: MethodInvocation) -> Result<MethodAnswer, Error> {
    let endpoint = Endpoint { port: config.https_port, ..config.endpoint.clone() };
    let idle_timeout = call.response_timeout.saturating_add(call.connect_timeout).saturating_add(MARGIN);
    let mut gateway = Https::new(endpoint, config.deadlines.stream, idle_timeout);
    let mut refusals = Refusals::default();
    loop {
        let response = gateway.send(WHAT, request(config, &call).await?).await?;
        if response.status == StatusCode::OK {
            return read(&response.body);
        }
        let status = response.status.as_u16();
        let error = ServiceError::parse(status, &response.body);
        if response.status != StatusCode::UNAUTHORIZED {
            return Err(Error::RequestFailed { status, error: Box::new(error) });
        }
        if !config.credentials.try_next(&mut refusals) {
            let hint = config.credentials.explain_refusal();
            let reason = format!("{WHAT}: the gateway answered 401: {}; {hint}", error.message);
            return Err(Error::AuthenticationFailed { reason });
        }
    }
}

async fn request(config: &DeviceConfig, call: &MethodInvocation) -> Result<Request, Error> {
    let module = call.module_id.as_ref().map(|id| format!("/modules/{}", encode(id))).unwrap_or_default();
    let body = json!({
        "methodName": call.name,
        "payload": call.payload,
        "responseTimeoutInSeconds": call.response_timeout.as_secs(),
        "connectTimeoutInSeconds": call.connect_timeout.as_secs(),
    });
    let resource = config.identity.sas_resource();
    let (ttl, limit) = (config.sas_ttl, config.deadlines.credentials);
    let token = config.credentials.sign_resource(&resource, ttl, None, limit).await?;
    let mut headers = vec![
        (CONTENT_TYPE, "application/json; charset=utf-8".to_owned()),
        (CALLER, config.identity.client_id()),
    ];
    headers.extend(token.map(|token| (AUTHORIZATION, token.to_token())));
    Ok(Request {
        method: Method::POST,
        target: format!("/twins/{}{module}/methods?api-version={API_VERSION}", encode(&call.device_id)),
        headers,
        body: Bytes::from(body.to_string()),
        max_answer: MAX_ANSWER,
    })
}

fn read(body: &[u8]) -> Result<MethodAnswer, Error> {
    let answer = serde_json::from_slice::<Value>(body).ok().and_then(|mut answer| {
        let status = i32::try_from(answer.get("status")?.as_i64()?).ok()?;
        let payload = answer.get_mut("payload").map(Value::take).unwrap_or_default();
        Some(MethodAnswer { status, payload })
    });
    answer.ok_or_else(|| Error::BadAnswer {
        reason: format!("{WHAT}: the answer is not a method's status and payload"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_rubbish_is_refused() {
        let answer = read(br#"{"status": -5, "payload": {"a": [1]}}"#).unwrap();
        assert_eq!(answer, MethodAnswer { status: -5, payload: json!({"a": [1]}) });
        assert_eq!(read(br#"{"status": 200}"#).unwrap().payload, Value::Null);
        for bad in ["", "rubbish", "{}", "[]", r#"{"status": "200"}"#, r#"{"status": 99999999999}"#] {
            assert!(matches!(read(bad.as_bytes()), Err(Error::BadAnswer { .. })), "{bad}");
        }
    }
}
