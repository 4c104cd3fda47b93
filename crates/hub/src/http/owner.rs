//! Who may manage enrolments: holders of the provisioning service's policy.

use std::time::SystemTime;

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::answer::{Refusal, Spelling, parameter};
use crate::shared::Shared;
use azmqtt_dialect::service_error::ErrorCode;

/// The versions that have this API in this form, first and last.
const VERSIONS: [&str; 2] = ["2019-03-31", "2021-10-01"];

/// Whether a request comes from a holder of the policy's key, who speaks a version of this API.
pub(super) fn check(shared: &Shared, parts: &Parts) -> Result<(), Refusal> {
    let owner = || {
        let token = parts.headers.get(AUTHORIZATION).and_then(|token| token.to_str().ok());
        let token = token.ok_or("the Authorization header contains no SAS token".to_owned());
        let now = shared.config.sas_time(SystemTime::now());
        let host = shared.config.provisioning_host();
        token
            .and_then(|token| shared.provisioning.owner.check(token, host, now))
            .map_err(|reason| Refusal::unauthorized(shared, &format!("enrolments: {reason}")))?;
        match parameter(parts.uri.query(), "api-version") {
            Some(version) if (VERSIONS[0]..=VERSIONS[1]).contains(&version.as_str()) => Ok(()),
            _ => {
                let message = format!("api-version is not within {} to {}", VERSIONS[0], VERSIONS[1]);
                Err(Refusal::new(ErrorCode::INVALID_PROTOCOL_VERSION, message))
            }
        }
    };
    owner().map_err(|refusal| refusal.spelled(Spelling::OfProvisioning))
}
