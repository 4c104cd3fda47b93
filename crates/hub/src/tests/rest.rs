//! Requests to the service's REST API.

use serde_json::Value;

use super::uploads::ask;
use crate::Hub;
use crate::messages::telemetry::unix_now;
use crate::security::policies::OWNER;
use azmqtt_dialect::SasToken;

/// An answer of the REST API.
pub struct RestAnswer {
    pub status: u16,
    head: String,
    /// Null if there is none.
    pub json: Value,
}

impl RestAnswer {
    /// A header's value; names in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.split("\r\n").filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    /// The status and the error's name.
    pub fn refusal(&self) -> (u16, &str) {
        (self.status, self.header("iothub-errorcode").unwrap_or_default())
    }
}

/// Asks in the name of a policy. `path` may have parameters; the api-version is added.
pub async fn ask_as(hub: &Hub, policy: &str, request: &str, headers: &str, body: &Value) -> RestAnswer {
    let key = hub.shared.policies.find(policy).unwrap().keys[0].clone();
    let token = SasToken::sign(hub.hostname(), &key, unix_now() + 60, Some(policy)).to_token();
    let headers = format!("Authorization: {token}\r\n{headers}");
    let (method, path) = request.split_once(' ').unwrap();
    let separator = if path.contains('?') { '&' } else { '?' };
    let target = format!("{path}{separator}api-version=2021-04-12");
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let answer = ask(hub, method, &target, &headers, &body).await;
    let json = serde_json::from_slice(&answer.body).unwrap_or_default();
    RestAnswer { status: answer.status, head: answer.head, json }
}

/// [`ask_as`] by the policy that may do everything.
pub async fn ask_rest(hub: &Hub, request: &str, body: &Value) -> RestAnswer {
    ask_as(hub, OWNER, request, "", body).await
}
