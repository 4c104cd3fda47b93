//! Jobs: `PUT` and `GET /jobs/v2/{id}`, `POST /jobs/v2/{id}/cancel`, `GET /jobs/v2/query` (IoT Hub docs, "Schedule jobs on
//! multiple devices"). Jobs that import or export identities need a storage account and are refused.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;

use super::query::{CONTINUATION, page_size, paged};
use crate::error::HubError;
use crate::http::access::Access;
use crate::http::answer::{JsonBody, Refusal, parameter};
use crate::http::request::{json_of, off_thread};
use crate::http::route::{Rate, Routes};
use crate::jobs::{Job, JobRequest, JobStatus, JobType};
use crate::query::page_of;
use crate::security::policies::Right;
use crate::shared::Shared;
use crate::throttle::Operation;
use azmqtt_dialect::service_error::ErrorCode;

/// Of a request's body: the largest payload of a method, or the largest twin, and what is around it.
const MAX_BODY: usize = 512 << 10;

pub(super) fn routes(routes: Routes) -> Routes {
    let services = Access::policy(Right::ServiceConnect);
    let (reads, writes) = (Access::policy(Right::RegistryRead), Access::policy(Right::RegistryWrite));
    let rate = Rate::Of(Operation::Job);
    routes
        .get("/jobs/v2/query", services, rate, query)
        .get("/jobs/v2/{id}", services, rate, read)
        .put("/jobs/v2/{id}", services, rate, create)
        .post("/jobs/v2/{id}/cancel", services, rate, cancel)
        .post("/jobs/create", writes, rate, transfer)
        .get("/jobs", reads, rate, transfers)
        .get("/jobs/{id}", reads, rate, no_transfer)
        .delete("/jobs/{id}", reads, rate, no_transfer)
}

async fn create(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Body,
) -> Result<JsonBody, Refusal> {
    let body = json_of(body, MAX_BODY).await?;
    let create = move |shared: &Shared| {
        let request = JobRequest::read(&id, &body).map_err(HubError::from)?;
        shared.jobs.create(request, shared.throttle.active_jobs()).map_err(HubError::from)
    };
    off_thread(&shared, create).await.map(JsonBody)
}

async fn read(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Result<JsonBody, Refusal> {
    off_thread(&shared, move |shared| Ok(shared.jobs.get(&id))).await.map(JsonBody)
}

async fn cancel(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Result<JsonBody, Refusal> {
    let cancel = move |shared: &Shared| shared.jobs.cancel(&id).map_err(HubError::from);
    off_thread(&shared, cancel).await.map(JsonBody)
}

async fn query(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let parameter = |name| parameter(query.as_deref(), name).filter(|value| !value.is_empty());
    // Clients say these in headers or in the path.
    let either = |name, header| {
        let header = headers.get(header).map(|value| value.to_str().unwrap_or("?").to_owned());
        parameter(name).or(header).filter(|value| !value.is_empty())
    };
    let kind = parameter("jobType");
    let wanted =
        kind.as_deref().map(|kind| JobType::parse(kind).ok_or_else(|| invalid("jobType is unknown")));
    let kind = wanted.transpose()?.map(JobType::name);
    let status = parameter("jobStatus");
    let wanted = status
        .as_deref()
        .map(|status| JobStatus::parse(status).ok_or_else(|| invalid("jobStatus is unknown")));
    let status = wanted.transpose()?;
    let size = page_size(either("pageSize", "x-ms-max-item-count").as_deref())?;
    let token = either("continuationToken", CONTINUATION);
    let page = move |shared: &Shared| {
        let fits = |job: &Job| {
            kind.is_none_or(|kind| job.type_name() == kind)
                && status.is_none_or(|status| job.status == status)
        };
        let jobs = shared.jobs.list(fits);
        let of = format!("jobs {kind:?} {status:?}");
        page_of("jobResponse", jobs, &of, size, token.as_deref())
    };
    off_thread(&shared, page).await.map(paged)
}

async fn transfer() -> Result<JsonBody, Refusal> {
    let message = "this hub has no jobs that import or export identities: they need a storage account";
    Err(Refusal::new(ErrorCode::NOT_AVAILABLE_IN_TIER, message))
}

async fn transfers() -> Result<JsonBody, Refusal> {
    Ok(JsonBody(Value::Array(Vec::new())))
}

async fn no_transfer(Path(id): Path<String>) -> Result<JsonBody, Refusal> {
    Err(Refusal::new(ErrorCode::JOB_NOT_FOUND, format!("the job {id} does not exist")))
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(ErrorCode::ARGUMENT_INVALID, message)
}
