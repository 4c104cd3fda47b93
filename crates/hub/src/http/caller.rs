//! Who may ask as a service: holders of a policy's key, by a token for the hub (IoT Hub docs, "Control access to IoT Hub by
//! using shared access signatures"), and devices in their own matters.

use std::sync::Arc;
use std::time::SystemTime;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::admission::prove_by;
use super::answer::{Refusal, parameter};
use super::paths::identity;
use crate::id::Id;
use crate::security::authentication::host_as_in;
use crate::security::policies::{Policy, Right};
use crate::shared::Shared;
use azmqtt_dialect::SasToken;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_local::http::Peer;
use azmqtt_local::page::Page;

/// Somebody who was let in, before it is known whether they have the right that the request takes.
pub(super) struct Caller {
    who: Who,
    shared: Arc<Shared>,
}

enum Who {
    /// The holder of a policy's key.
    Policy(Policy),
    /// The page in the browser, which may do what the hub's owner may.
    Page,
    /// A device with credentials of its own: it reads itself and manages its modules, as the IoT Edge daemon does.
    Device(String),
}

impl Caller {
    /// The holder of a policy's key, or the page. Judges the token first: only somebody with a key learns what else is wrong.
    pub(super) fn of(
        shared: &Arc<Shared>,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Self, Refusal> {
        let caller = Self::of_any_version(shared, headers)?;
        Self::admit(shared, caller.who, query)
    }

    /// [`Self::of`] of a request that need not name a version of the API.
    pub(super) fn of_any_version(shared: &Arc<Shared>, headers: &HeaderMap) -> Result<Self, Refusal> {
        let who = if Page::shows_token(headers) {
            shared.page.check(headers).map(|()| Who::Page).map_err(str::to_owned)
        } else {
            judge(shared, headers).map(Who::Policy)
        };
        let who = who.map_err(|reason| Refusal::unauthorized(shared, &reason))?;
        Ok(Self { who, shared: shared.clone() })
    }

    /// The device of the path, or the holder of a policy's key.
    pub(super) fn from_parts(parts: &Parts, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        match own_device(parts, shared) {
            Some(device_id) => Self::admit(shared, Who::Device(device_id), parts.uri.query()),
            None => Self::of(shared, parts.uri.query(), &parts.headers),
        }
    }

    fn admit(shared: &Arc<Shared>, who: Who, query: Option<&str>) -> Result<Self, Refusal> {
        if parameter(query, "api-version").is_none_or(|version| version.is_empty()) {
            return Err(Refusal::new(ErrorCode::INVALID_PROTOCOL_VERSION, "api-version is missing"));
        }
        Ok(Self { who, shared: shared.clone() })
    }

    /// Refuses a caller whose policy lacks the right.
    pub(super) fn require(&self, right: Right) -> Result<(), Refusal> {
        let reason = match &self.who {
            Who::Page => return Ok(()),
            Who::Policy(policy) if policy.may(right) => return Ok(()),
            Who::Policy(policy) => format!("the policy {} lacks the permission {right:?}", policy.name),
            Who::Device(id) => format!("the device {id} lacks the permission {right:?}"),
        };
        Err(Refusal::unauthorized(&self.shared, &reason))
    }

    /// Refuses everybody but the hub's owner.
    pub(super) fn require_owner(&self) -> Result<(), Refusal> {
        let reason = match &self.who {
            Who::Page => return Ok(()),
            Who::Policy(policy) if policy.is_of_the_owner() => return Ok(()),
            Who::Policy(policy) => {
                format!("the policy {} lacks a permission that the owner has", policy.name)
            }
            Who::Device(id) => format!("the device {id} is not the owner"),
        };
        Err(Refusal::unauthorized(&self.shared, &reason))
    }

    /// [`Self::require`] of what the device `device_id` may do itself.
    pub(super) fn require_or_be(&self, right: Right, device_id: &str) -> Result<(), Refusal> {
        match &self.who {
            Who::Device(id) if id == device_id => Ok(()),
            _ => self.require(right),
        }
    }

    /// Whether it is somebody with a policy's key, whatever else is wrong. The page is not: what it asks for counts against
    /// no rate, so that looking at a hub changes nothing for its devices.
    pub(super) fn is_known(shared: &Shared, headers: &HeaderMap) -> bool {
        judge(shared, headers).is_ok()
    }
}

/// The device of the path, if the request shows that device's own credentials.
fn own_device(parts: &Parts, shared: &Shared) -> Option<String> {
    let (device_id, _) = identity(parts.uri.path())?;
    let device = shared.registry.find(&*device_id).filter(|device| device.may_connect())?;
    let chain = parts.extensions.get::<Peer>().map(|peer| peer.chain.clone()).unwrap_or_default();
    let proof = prove_by(shared, &device, Id::from(&device_id), &parts.headers, &chain).ok()?;
    (!proof.of_hub).then_some(device_id)
}

/// The policy whose key signed the token, for this hub as a whole.
fn judge(shared: &Shared, headers: &HeaderMap) -> Result<Policy, String> {
    let token = headers.get(AUTHORIZATION).and_then(|token| token.to_str().ok());
    let token = token.ok_or("the Authorization header contains no SAS token")?;
    let token = SasToken::parse(token).map_err(|error| error.to_string())?;
    let name = token.policy().ok_or("the SAS token names no policy (skn)")?;
    let policy = shared.policies.find(name).ok_or("unknown policy")?.clone();
    let audience = host_as_in(&token, &shared.config.hostname);
    token
        .verify(&audience, &policy.keys.each_ref(), shared.config.sas_time(SystemTime::now()))
        .map_err(|error| error.to_string())?;
    Ok(policy)
}
