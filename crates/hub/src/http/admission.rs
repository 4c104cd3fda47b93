//! Who may ask over HTTPS: devices and modules with a token of their own, as in the password of CONNECT, or with the client
//! certificate of the handshake.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::answer::{Refusal, parameter};
use crate::id::Id;
use crate::registry::device::Device;
use crate::security::authentication::Proof;
use crate::shared::Shared;
use azmqtt_dialect::Identity;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_local::client_certificates::ClientChain;
use azmqtt_local::http::Peer;

/// The header that names the module that calls.
pub(super) const CALLER: &str = "x-ms-edge-moduleid";

/// The device that asks, by a route that is for [`Access::device`](super::access::Access::device).
#[derive(Clone)]
pub(super) struct Admitted {
    pub(super) device: Arc<Device>,
    /// It came with a token of the hub's.
    pub(super) of_hub: bool,
}

impl<S: Sync> FromRequestParts<S> for Admitted {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let nobody = || Refusal::new(ErrorCode::SERVER_ERROR, "the route is not for devices");
        parts.extensions.get::<Self>().cloned().ok_or_else(nobody)
    }
}

/// What a request shows of the device that asks.
pub(super) struct Asker<'a> {
    query: Option<&'a str>,
    headers: &'a HeaderMap,
    chain: ClientChain,
}

impl<'a> Asker<'a> {
    pub(super) fn of(parts: &'a Parts) -> Self {
        let chain = parts.extensions.get::<Peer>().map(|peer| peer.chain.clone()).unwrap_or_default();
        Self { query: parts.uri.query(), headers: &parts.headers, chain }
    }

    /// The device or module that asks, if it shows a token of its own or, without one, its certificate.
    pub(super) fn admit(&self, shared: &Shared, id: Id<'_>) -> Result<Admitted, Refusal> {
        let refuse = |reason: String| Refusal::unauthorized(shared, &reason);
        let device = shared.registry.find(id).ok_or_else(|| refuse("unknown device".to_owned()))?;
        let proof = prove_by(shared, &device, id, self.headers, &self.chain).map_err(refuse)?;
        if !device.may_connect() {
            return Err(Refusal::new(ErrorCode::DEVICE_DISABLED, "the device is disabled"));
        }
        if parameter(self.query, "api-version").is_none() {
            return Err(Refusal::new(ErrorCode::INVALID_PROTOCOL_VERSION, "api-version is missing"));
        }
        Ok(Admitted { device, of_hub: proof.of_hub })
    }
}

/// Whether credentials are those of a device or module, disabled or not.
pub(super) fn is_known(shared: &Shared, id: Id<'_>, headers: &HeaderMap, chain: &ClientChain) -> bool {
    shared.registry.find(id).is_some_and(|device| prove_by(shared, &device, id, headers, chain).is_ok())
}

/// What the credentials of a request are worth, for a device or module; the reason if nothing.
pub(super) fn prove_by(
    shared: &Shared,
    device: &Device,
    id: Id<'_>,
    headers: &HeaderMap,
    chain: &ClientChain,
) -> Result<Proof, String> {
    let identity = Identity::new(&shared.config.hostname, id.device, id.module);
    let identity = identity.map_err(|error| error.to_string())?;
    // A header that is not text is not a certificate either.
    let token = headers.get(AUTHORIZATION).map(|token| token.to_str().unwrap_or("?"));
    shared.judge().prove(device, &identity, token.unwrap_or_default(), chain, SystemTime::now())
}
