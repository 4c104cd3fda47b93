//! Who may ask as a service: holders of a policy's key, by a token for the hub (IoT Hub docs, "Control access to IoT Hub by
//! using shared access signatures").

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::super::super::authentication::host_as_in;
use super::super::super::policies::{Policy, Right};
use super::super::super::shared::Shared;
use super::super::answer::{Refusal, parameter};
use crate::dialect::SasToken;
use crate::dialect::service_error::ErrorCode;

/// Somebody with a policy's key, before it is known whether the policy has the right that the request takes.
pub(in super::super) struct Caller(Policy);

impl Caller {
    /// Refuses a caller whose policy lacks the right.
    pub(in super::super) fn require(&self, right: Right) -> Result<(), Refusal> {
        if self.0.may(right) {
            return Ok(());
        }
        let message = format!("the policy {} lacks the permission {right:?}", self.0.name);
        Err(Refusal::new(ErrorCode::UNAUTHORIZED_ACCESS, message))
    }
}

impl Caller {
    /// Judges the token first: only somebody with a key learns what else is wrong.
    pub(in super::super) fn of(
        shared: &Shared,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Self, Refusal> {
        let policy = judge(shared, headers).map_err(|reason| {
            shared.note_refusal(format!("HTTPS: {reason}"));
            Refusal::new(ErrorCode::UNAUTHORIZED, reason)
        })?;
        if parameter(query, "api-version").is_none_or(|version| version.is_empty()) {
            return Err(Refusal::new(ErrorCode::INVALID_PROTOCOL_VERSION, "there is no api-version"));
        }
        Ok(Self(policy))
    }

    /// Whether it is somebody with a policy's key, whatever else is wrong.
    pub(in super::super) fn is_known(shared: &Shared, headers: &HeaderMap) -> bool {
        judge(shared, headers).is_ok()
    }
}

impl FromRequestParts<Arc<Shared>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        Self::of(shared, parts.uri.query(), &parts.headers)
    }
}

/// The policy whose key signed the token, for this hub as a whole.
fn judge(shared: &Shared, headers: &HeaderMap) -> Result<Policy, String> {
    let token = headers.get(AUTHORIZATION).and_then(|token| token.to_str().ok());
    let token = token.ok_or("there is no SAS token in the header Authorization")?;
    let token = SasToken::parse(token).map_err(|error| error.to_string())?;
    let name = token.policy().ok_or("the SAS token names no policy (skn)")?;
    let policy = shared.policies.find(name).ok_or("there is no such policy")?.clone();
    let audience = host_as_in(&token, &shared.config.hostname);
    token
        .verify(&audience, &policy.keys.each_ref(), shared.config.sas_time(SystemTime::now()))
        .map_err(|error| error.to_string())?;
    Ok(policy)
}
