//! The provisioning service's REST API, for holders of its policy (DPS docs, REST: "Individual Enrollment", "Enrollment Group",
//! "Device Registration State").
//!
//! | module | subject |
//! |---|---|
//! | `one` | `/enrollments/{id}` and `/enrollmentGroups/{id}`, and `POST …/attestationmechanism` of both |
//! | `many` | `POST /enrollments` in bulk; `POST …/query` |
//! | `registrations` | `/registrations/{id}` |

mod many;
mod one;
mod registrations;

use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::answer::{Refusal, Spelling, parameter};
use super::route::Routes;
use super::service;
use crate::shared::Shared;
use azmqtt_dialect::service_error::ErrorCode;

/// Of the body of one enrolment, in bytes: two twins' tags and desired properties, or some certificates.
const MAX_BODY: usize = 64 << 10;

/// The versions that have this API in this form, first and last.
const VERSIONS: [&str; 2] = ["2019-03-31", "2021-10-01"];

pub(super) fn routes(routes: Routes, shared: &Arc<Shared>) -> Routes {
    registrations::routes(many::routes(one::routes(routes, shared)))
}

/// A refusal as this service writes it.
struct Refused(Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal.spelled(Spelling::OfProvisioning))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

/// Whether a request comes from a holder of the policy's key, who speaks a version of this API.
pub(super) fn check_owner(shared: &Shared, parts: &Parts) -> Result<(), Refusal> {
    let owner = || {
        let token = parts.headers.get(AUTHORIZATION).and_then(|token| token.to_str().ok());
        let token = token.ok_or("there is no SAS token in the header Authorization".to_owned());
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
    owner().map_err(|refusal| Refused::from(refusal).0)
}

/// The body of a request, which is JSON.
async fn json_of(body: Body, most: usize) -> Result<Value, Refused> {
    Ok(service::request::json_of(body, most).await?)
}
