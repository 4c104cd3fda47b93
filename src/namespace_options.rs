//! The options of `azmqtt.LocalNamespace`, out of the dict that Python lays them out in.

use std::path::PathBuf;

use pyo3::prelude::*;

use super::core::span;
use super::errors::value_error;
use azmqtt_local::packets::PacketRecording;
use azmqtt_namespace::NamespaceConfig;
use azmqtt_namespace::behaviours::Behaviours;
use azmqtt_namespace::limits::Limits;
use azmqtt_namespace::messages::Recording;

/// By name.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(super) struct NamespaceOptions {
    host: String,
    port: u16,
    https_port: u16,
    hostname: String,
    state_dir: Option<PathBuf>,
    /// Throughput units, and whether the rates of the service hold.
    limits: (u16, bool),
    sessions_per_name: usize,
    session_expiry: u32,
    /// In seconds.
    propagation: f64,
    /// Likewise.
    operation_time: f64,
    allow_remote: bool,
    /// In PEM or DER.
    webhook_roots: Option<Vec<u8>>,
    allowed_origins: Vec<String>,
    keep_messages: usize,
    keep_packets: bool,
    /// Rows of the table, each with its choice.
    behaviours: Vec<(String, String)>,
}

impl NamespaceOptions {
    pub(super) fn into_config(self) -> PyResult<NamespaceConfig> {
        let mut behaviours = Behaviours::default();
        for (name, choice) in &self.behaviours {
            behaviours.set(name, choice).map_err(|error| value_error(&error))?;
        }
        let (units, with_rates) = self.limits;
        let limits = Limits::of_units(units);
        let limits = if with_rates { limits.with_service_rates(units) } else { limits };
        Ok(NamespaceConfig {
            hostname: self.hostname,
            host: self.host,
            port: self.port,
            https_port: self.https_port,
            state_dir: self.state_dir,
            limits: Limits {
                sessions_per_name: self.sessions_per_name,
                session_expiry: self.session_expiry,
                ..limits
            },
            behaviours,
            propagation: span("propagation", self.propagation)?,
            operation_time: span("operation_time", self.operation_time)?,
            allow_remote: self.allow_remote,
            webhook_roots: self.webhook_roots,
            allowed_origins: self.allowed_origins,
            packets: if self.keep_packets { PacketRecording::ON } else { PacketRecording::Off },
            recording: Recording::newest(self.keep_messages),
            ..NamespaceConfig::default()
        })
    }
}
