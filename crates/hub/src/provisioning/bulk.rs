//! Many individual enrolments at once (DPS docs, REST: "Run Bulk Operation"): each by itself, one after the other.

use serde_json::{Value, json};

use super::management::Table;
use super::registry::Registry;
use crate::error::HubError;
use crate::error::refused::Refused;
use crate::if_match::IfMatch;
use azmqtt_dialect::service_error::ErrorCode;

/// Enrolments of one request (DPS docs, "Quotas and limits").
pub(crate) const MAX_BULK: usize = 10;

#[derive(Clone, Copy)]
enum Mode {
    Create,
    Update,
    UpdateIfMatch,
    Delete,
}

/// Does what the body asks for; `BulkEnrollmentOperationResult`.
pub(crate) fn bulk(registry: &Registry, body: &Value) -> Result<Value, HubError> {
    let mode = body.get("mode").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let mode = match mode.as_str() {
        "create" => Mode::Create,
        "update" => Mode::Update,
        // Clients write "Etag" and "ETag".
        "updateifmatchetag" => Mode::UpdateIfMatch,
        "delete" => Mode::Delete,
        _ => return Err(invalid("mode is not one of create, update, updateIfMatchETag, delete")),
    };
    let enrollments = body.get("enrollments").and_then(Value::as_array);
    let enrollments = enrollments.filter(|list| (1..=MAX_BULK).contains(&list.len()));
    let enrollments =
        enrollments.ok_or_else(|| invalid(&format!("enrollments is not a list of 1 to {MAX_BULK}")))?;
    let id = |enrollment: &Value| enrollment.get("registrationId").and_then(Value::as_str).map(str::to_owned);
    let ids: Option<Vec<_>> = enrollments.iter().map(id).collect();
    let ids = ids.ok_or_else(|| invalid("an enrolment has no registrationId"))?;
    let done = ids.iter().zip(enrollments).map(|(id, enrollment)| (id, one(registry, mode, id, enrollment)));
    let errors: Vec<Value> = done
        .filter_map(|(id, done)| {
            let (code, status) = match done.err()? {
                HubError::Service(error) => (error.error_code, error.message),
                other => (None, other.to_string()),
            };
            let code = code.unwrap_or(ErrorCode::SERVER_ERROR);
            Some(json!({ "registrationId": id, "errorCode": code, "errorStatus": status }))
        })
        .collect();
    Ok(json!({ "isSuccessful": errors.is_empty(), "errors": errors }))
}

fn one(registry: &Registry, mode: Mode, id: &str, enrollment: &Value) -> Result<(), HubError> {
    let etag = || {
        let etag = enrollment.get("etag").and_then(Value::as_str).unwrap_or_default();
        IfMatch::parse(etag).map_err(|_| invalid("etag is not an etag"))
    };
    let condition = match mode {
        Mode::Create => None,
        Mode::Update => Some(IfMatch::Any),
        Mode::UpdateIfMatch => Some(etag()?.ok_or_else(|| invalid("etag is missing"))?),
        Mode::Delete => return Table::Enrollments.delete(registry, id, etag()?.as_ref()),
    };
    Table::Enrollments.put(registry, id, enrollment, condition.as_ref()).map(drop)
}

fn invalid(message: &str) -> HubError {
    Refused::new(ErrorCode::ARGUMENT_INVALID, message).into()
}
