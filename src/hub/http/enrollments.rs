//! The provisioning service's REST API, for holders of its policy: `/enrollments/{id}`, `/enrollmentGroups/{id}`, and
//! `POST …/attestationmechanism` of both (DPS docs, REST: "Individual Enrollment", "Enrollment Group").

use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::header::{AUTHORIZATION, ETAG};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;

use super::super::provisioning::{Shown, Table};
use super::super::shared::Shared;
use super::answer::{JsonBody, Refusal, Spelling, parameter};
use super::service::request::{admitted_json, condition, off_thread, quoted};
use crate::dialect::service_error::ErrorCode;

/// Of the body of one enrolment, in bytes: two twins' tags and desired properties, or some certificates.
const MAX_BODY: usize = 64 << 10;

/// The versions that have this API in this form, first and last.
const VERSIONS: [&str; 2] = ["2019-03-31", "2021-10-01"];

pub(super) fn routes() -> Router<Arc<Shared>> {
    let of = |table: Table, path: &str| {
        let one = get(move |shared, owner, id| read(table, shared, owner, id))
            .put(move |shared, owner, id, headers, body| write(table, shared, owner, id, headers, body))
            .delete(move |shared, owner, id, headers| remove(table, shared, owner, id, headers));
        let attestation = post(move |shared, owner, id| attestation(table, shared, owner, id));
        Router::new()
            .route(&format!("{path}/{{id}}"), one)
            .route(&format!("{path}/{{id}}/attestationmechanism"), attestation)
    };
    of(Table::Enrollments, "/enrollments").merge(of(Table::Groups, "/enrollmentGroups"))
}

/// A holder of the policy's key was let in, and speaks a version of this API.
struct Owner;

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

impl FromRequestParts<Arc<Shared>> for Owner {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refused> {
        let token = parts.headers.get(AUTHORIZATION).and_then(|token| token.to_str().ok());
        let token = token.ok_or("there is no SAS token in the header Authorization".to_owned());
        let now = shared.config.sas_time(SystemTime::now());
        let host = shared.config.provisioning_host();
        token
            .and_then(|token| shared.provisioning.owner.check(token, host, now))
            .map_err(|reason| Refusal::unauthorized(shared, &format!("enrolments: {reason}")))?;
        match parameter(parts.uri.query(), "api-version") {
            Some(version) if (VERSIONS[0]..=VERSIONS[1]).contains(&version.as_str()) => Ok(Self),
            _ => {
                let message = format!("api-version is not within {} to {}", VERSIONS[0], VERSIONS[1]);
                Err(Refusal::new(ErrorCode::INVALID_PROTOCOL_VERSION, message).into())
            }
        }
    }
}

async fn read(
    table: Table,
    State(shared): State<Arc<Shared>>,
    _: Owner,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    Ok(with_etag(off_thread(&shared, move |shared| table.get(shared, &id)).await?))
}

async fn write(
    table: Table,
    State(shared): State<Arc<Shared>>,
    owner: Result<Owner, Refused>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let body = json_of(owner, body, MAX_BODY).await?;
    let condition = condition(&headers)?;
    let put = move |shared: &Shared| table.put(shared, &id, &body, condition.as_ref());
    Ok(with_etag(off_thread(&shared, put).await?))
}

async fn remove(
    table: Table,
    State(shared): State<Arc<Shared>>,
    _: Owner,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refused> {
    let condition = condition(&headers)?;
    off_thread(&shared, move |shared| table.delete(shared, &id, condition.as_ref())).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn attestation(
    table: Table,
    State(shared): State<Arc<Shared>>,
    _: Owner,
    Path(id): Path<String>,
) -> Result<JsonBody, Refused> {
    Ok(JsonBody(off_thread(&shared, move |shared| table.attestation(shared, &id)).await?))
}

/// The body of a request whose caller was let in: no stranger's is read.
async fn json_of(owner: Result<Owner, Refused>, body: Body, most: usize) -> Result<Value, Refused> {
    let admitted = owner.map(|Owner| ()).map_err(|Refused(refusal)| refusal);
    Ok(admitted_json(admitted, body, most).await?)
}

fn with_etag(Shown { body, etag }: Shown) -> Response {
    ([(ETAG, quoted(&etag))], JsonBody(body)).into_response()
}
