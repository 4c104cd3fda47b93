//! A module's connection to the IoT Edge runtime on its machine: the workload API (IoT Edge's `edgelet/api`, workload
//! version 2019-01-30), which signs with the module's key, without ever showing it, and says which roots the gateway's
//! certificate chains to.
//!
//! [`Workload`] knows the two requests that a module needs; `address` says where they go, `http` brings them there.

mod address;
mod http;

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use serde_json::{Value, json};

use self::address::Address;
pub use self::address::AddressError;
use self::http::Request;
use super::credentials::Signer;
use azmqtt_dialect::encoding::encode;
use azmqtt_net::{BoxFuture, RootSource};

/// The workload API of one module.
#[derive(Clone)]
pub struct Workload {
    address: Address,
    module_id: String,
    generation_id: String,
    api_version: String,
    deadlines: Deadlines,
}

/// How long each step of a request may take.
#[derive(Clone, Copy, Debug)]
struct Deadlines {
    /// Until the runtime has taken the connection.
    connect: Duration,
    /// From there to the end of the answer.
    answer: Duration,
}

impl Workload {
    /// What the runtime gives its modules as environment variables: `uri` is `IOTEDGE_WORKLOADURI` (`unix://…` with an
    /// absolute path, or `http://host[:port]`), the others are `IOTEDGE_MODULEID`, `IOTEDGE_MODULEGENERATIONID` and
    /// `IOTEDGE_APIVERSION`. Does no I/O.
    pub fn new(
        uri: &str,
        module_id: &str,
        generation_id: &str,
        api_version: &str,
    ) -> Result<Self, AddressError> {
        Ok(Self {
            address: Address::parse(uri)?,
            module_id: module_id.to_owned(),
            generation_id: generation_id.to_owned(),
            api_version: api_version.to_owned(),
            deadlines: Deadlines { connect: Duration::from_secs(5), answer: Duration::from_secs(14) },
        })
    }

    /// The HMAC-SHA256 of `data` with the module's primary key.
    async fn signature(&self, data: &[u8]) -> Result<Vec<u8>, String> {
        let path = format!("/modules/{}/genid/{}/sign", encode(&self.module_id), encode(&self.generation_id));
        let body = json!({"keyId": "primary", "algo": "HMACSHA256", "data": STANDARD.encode(data)});
        let digest = |answer: &Value| STANDARD.decode(answer.get("digest")?.as_str()?).ok();
        let missing = "its answer has no 'digest' in base64";
        self.request(Method::POST, &path, body.to_string(), digest, missing).await
    }

    /// The roots in PEM.
    async fn trust_bundle(&self) -> Result<String, String> {
        let certificate = |answer: &Value| Some(answer.get("certificate")?.as_str()?.to_owned());
        let missing = "its answer has no text named 'certificate'";
        self.request(Method::GET, "/trust-bundle", String::new(), certificate, missing).await
    }

    /// Asks, and takes what is wanted out of the answer; errors name the request.
    async fn request<T>(
        &self,
        method: Method,
        path: &str,
        body: String,
        wanted: impl FnOnce(&Value) -> Option<T>,
        missing: &str,
    ) -> Result<T, String> {
        let what = format!("{method} {path}");
        let path = format!("{path}?api-version={}", encode(&self.api_version));
        let answer = http::send(&self.address, Request { method, path, body }, self.deadlines).await;
        let wanted = answer.and_then(|answer| wanted(&answer).ok_or_else(|| missing.to_owned()));
        wanted.map_err(|reason| format!("{what}: {reason}"))
    }
}

impl Signer for Workload {
    fn sign<'a>(&'a self, data: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, String>> {
        Box::pin(self.signature(data))
    }

    fn name(&self) -> &str {
        self.address.name()
    }
}

impl RootSource for Workload {
    fn roots(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(self.trust_bundle())
    }

    fn name(&self) -> &str {
        self.address.name()
    }
}

impl fmt::Debug for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workload")
            .field("address", &self.address)
            .field("module_id", &self.module_id)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, unix))]
mod tests;
