//! Many identities in one request: `POST /devices` (IoT Hub docs, "Bulk Registry - Update Registry", and "Import and export
//! IoT Hub device identities in bulk": import modes).

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::identity_json::{self, text};
use crate::error::HubError;
use crate::http::access::Access;
use crate::http::answer::{JsonBody, Refusal};
use crate::http::request::{json_of, off_thread};
use crate::http::route::{Rate, Routes};
use crate::id::Id;
use crate::if_match::IfMatch;
use crate::registry::identities;
use crate::security::policies::Right;
use crate::shared::Shared;
use crate::throttle::Operation;
use crate::twins::writes::{self, Write};
use azmqtt_dialect::Twin;
use azmqtt_dialect::encoding::excerpt;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_dialect::time::Timestamp;
use azmqtt_local::http::Authenticated;

/// Of a request's body: each entry may have a whole twin.
const MAX_BODY: usize = 8 << 20;

/// How many entries one request may have.
const MOST: usize = 100;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.post("/devices", Access::policy(Right::RegistryWrite), Rate::Of(Operation::Identity), run)
}

/// Each entry is done by itself: those that can be are, whatever becomes of the others.
async fn run(State(shared): State<Arc<Shared>>, body: Body) -> Result<Response, Refusal> {
    let body = json_of(body, MAX_BODY).await?;
    let Value::Array(entries) = body else {
        return Err(Refusal::new(ErrorCode::ARGUMENT_INVALID, "the body must be a list of identities"));
    };
    if entries.len() > MOST {
        let message = format!("a request may have {MOST} identities, not {}", entries.len());
        return Err(Refusal::new(ErrorCode::TOO_MANY_DEVICES, message));
    }
    let errors = off_thread(&shared, move |shared| {
        Ok(entries.iter().filter_map(|entry| apply(shared, entry).err()).collect::<Vec<_>>())
    });
    let errors = errors.await?;
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let result = json!({ "isSuccessful": errors.is_empty(), "errors": errors, "warnings": [] });
    // The connection of somebody who was let in is kept.
    Ok((status, Extension(Authenticated), JsonBody(result)).into_response())
}

/// What an entry asks for.
#[derive(Clone, Copy)]
enum Mode {
    Create,
    Update,
    CreateOrUpdate,
    Delete,
    UpdateTwin,
}

impl Mode {
    /// With whether the etag of the entry has to be the identity's, or the twin's.
    fn parse(name: &str) -> Option<(Self, bool)> {
        let name = name.to_ascii_lowercase();
        let (name, conditional) =
            name.strip_suffix("ifmatchetag").map_or((name.as_str(), false), |name| (name, true));
        let mode = match name {
            "create" if !conditional => Self::Create,
            "update" => Self::Update,
            "createorupdate" => Self::CreateOrUpdate,
            "delete" => Self::Delete,
            "updatetwin" => Self::UpdateTwin,
            _ => return None,
        };
        Some((mode, conditional))
    }
}

/// Does what an entry asks for; the error as the answer lists it.
fn apply(shared: &Shared, entry: &Value) -> Result<(), Value> {
    let name = |name: &str| entry.get(name).and_then(Value::as_str);
    let (device_id, module_id) = (name("id").or(name("deviceId")), name("moduleId"));
    let done = match device_id {
        Some(device_id) => apply_to(shared, (device_id, module_id).into(), entry),
        None => Err(HubError::Argument("id is missing or not text".to_owned())),
    };
    done.map_err(|error| {
        let refusal = Refusal::from(error);
        let code = refusal.code().and_then(ErrorCode::name);
        json!({
            "deviceId": device_id,
            "moduleId": module_id,
            "errorCode": code.unwrap_or("InvalidErrorCode"),
            "errorStatus": refusal.message(),
            "operation": name("importMode").unwrap_or(DEFAULT_MODE),
        })
    })
}

/// Without a mode, as in an import.
const DEFAULT_MODE: &str = "createOrUpdate";

fn apply_to(shared: &Shared, id: Id<'_>, entry: &Value) -> Result<(), HubError> {
    check_members(entry)?;
    let mode = text(entry, "importMode")?.unwrap_or(DEFAULT_MODE);
    let unknown = || HubError::Argument("unknown importMode".to_owned());
    let (mode, conditional) = Mode::parse(mode).ok_or_else(unknown)?;
    // An entry without an etag is as one with `*`, whatever its mode.
    let etag = |name: &str| {
        let etag = text(entry, name)?.filter(|_| conditional).unwrap_or_default();
        let etag = IfMatch::parse(etag).map_err(|_| HubError::Argument(format!("{name} is not an etag")))?;
        Ok::<_, HubError>(etag.unwrap_or(IfMatch::Any))
    };
    if matches!(mode, Mode::CreateOrUpdate) && shared.registry.find(id).is_none() {
        match create(shared, id, entry) {
            // By somebody else, meanwhile.
            Err(HubError::DeviceExists(_) | HubError::ModuleExists(_)) => {}
            done => return done,
        }
    }
    match mode {
        Mode::Create => create(shared, id, entry),
        Mode::Update | Mode::CreateOrUpdate => update(shared, id, entry, &etag("eTag")?),
        Mode::Delete => identities::remove(&shared.registry, &shared.feedback, id, &etag("eTag")?),
        Mode::UpdateTwin => {
            let body = writes::parts(entry).unwrap_or_else(|| json!({}));
            writes::write(&shared.registry, id, Write::Patch, &body, Some(etag("twinETag")?.as_str()))
        }
    }
}

fn create(shared: &Shared, id: Id<'_>, entry: &Value) -> Result<(), HubError> {
    let draft = identity_json::read(id.into(), entry)?;
    let twin = writes::parts(entry).map(|body| Twin::with(&body, Timestamp::now())).transpose();
    identities::create(&shared.registry, id, draft, twin.map_err(HubError::Twin)?).map(drop)
}

fn update(shared: &Shared, id: Id<'_>, entry: &Value, if_match: &IfMatch) -> Result<(), HubError> {
    let draft = identity_json::read(id.into(), entry)?;
    identities::update(&shared.registry, id, draft, if_match)?;
    // The condition was on the identity; its twin may be at any etag.
    writes::parts(entry).map_or(Ok(()), |body| writes::write(&shared.registry, id, Write::Patch, &body, None))
}

/// What an entry may have: of an identity, of its twin, and of the request.
const MEMBERS: [&str; 23] = [
    "authentication",
    "capabilities",
    "cloudToDeviceMessageCount",
    "connectionState",
    "connectionStateUpdatedTime",
    "deviceId",
    "deviceScope",
    "eTag",
    "etag",
    "generationId",
    "id",
    "importMode",
    "lastActivityTime",
    "managedBy",
    "moduleId",
    "parentScopes",
    "properties",
    "status",
    "statusReason",
    "statusUpdatedTime",
    "tags",
    "twinETag",
    "x509Thumbprint",
];

/// Refuses a name in the wrong place, such as `desired` outside of `properties`: it would be passed over.
fn check_members(entry: &Value) -> Result<(), HubError> {
    let mut names = entry.as_object().into_iter().flatten().map(|(name, _)| name);
    match names.find(|name| !MEMBERS.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(HubError::Argument(format!("{} is not part of an identity", excerpt(name, 64)))),
    }
}
