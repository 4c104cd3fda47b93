//! A client's options. Python has checked their types and ranges; what only the core can judge is refused
//! here.

use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::access::Access;
use super::core::span;
use azmqtt_device::{DeviceConfig, Endpoint, LostSession, OutboxLimits, ProxyChoice, RetryPolicy, Trust};
use azmqtt_dialect::identity::check_host_name;
use azmqtt_net::tls::Hints;

/// The options as `azmqtt._options` passes them: by name, every one of them.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
#[expect(clippy::struct_excessive_bools, reason = "as many as Python has options that are true or false")]
pub(super) struct Options {
    port: u16,
    websocket: bool,
    /// A URL, or `environment`.
    proxy: Option<String>,
    gateway_hostname: Option<String>,
    https_port: u16,
    /// Whether a command names the options, and not a program.
    command: bool,
    /// PEM text in place of the roots that go with the access.
    trust: Option<Vec<u8>>,
    keep_alive: u16,
    sas_ttl: f64,
    retry_base: f64,
    retry_max: f64,
    retry_first_connect: bool,
    outbox_messages: usize,
    outbox_bytes: usize,
    resend: bool,
    max_in_flight: u16,
    model_id: Option<String>,
    product_info: Option<String>,
    timeout: f64,
    /// For what is not JSON; the client takes it.
    pub(super) json_default: Option<Py<PyAny>>,
    auto_connect: bool,
    exclusive: bool,
}

impl Options {
    /// The configuration, and the timeout of calls that name none.
    pub(super) fn build(self, access: &Access) -> PyResult<(DeviceConfig, Duration)> {
        let trust = match self.trust {
            None => access.trust.clone(),
            Some(pem) => {
                Trust::from_pem(&pem).map_err(|error| PyValueError::new_err(format!("trust: {error}")))?
            }
        };
        let (roots, websocket) =
            if self.command { ("--trust", "--websocket") } else { ("trust", "websocket=True") };
        let trust = trust.with_hints(Hints { roots, websocket, ..Hints::default() });
        let named = |field, error: &dyn std::error::Error| PyValueError::new_err(format!("{field}: {error}"));
        let proxy = self.proxy.as_deref().map(ProxyChoice::parse).transpose();
        let gateway = self.gateway_hostname.as_deref().map_or(Ok(()), check_host_name);
        gateway.map_err(|error| named("gateway_hostname", &error))?;
        let base = DeviceConfig::new(access.identity.clone(), access.credentials.clone());
        let config = DeviceConfig {
            endpoint: Endpoint {
                host: self
                    .gateway_hostname
                    .or_else(|| access.gateway.clone())
                    .unwrap_or_else(|| base.endpoint.host.clone()),
                port: self.port,
                trust,
                proxy: proxy.map_err(|error| named("proxy", &error))?.unwrap_or_default(),
                websocket: self.websocket,
                ..base.endpoint.clone()
            },
            https_port: self.https_port,
            keep_alive: self.keep_alive,
            sas_ttl: span("sas_ttl", self.sas_ttl)?,
            retry: RetryPolicy {
                base: span("retry.base", self.retry_base)?,
                max: span("retry.max", self.retry_max)?,
                first_connect: self.retry_first_connect,
            },
            outbox: OutboxLimits { messages: self.outbox_messages, bytes: self.outbox_bytes },
            lost_session: if self.resend { LostSession::Resend } else { LostSession::Fail },
            max_in_flight: self.max_in_flight,
            model_id: self.model_id,
            product_info: self.product_info,
            auto_connect: self.auto_connect,
            exclusive: self.exclusive,
            ..base
        };
        Ok((config, span("timeout", self.timeout)?))
    }
}
