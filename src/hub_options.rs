//! The options of `azmqtt.LocalHub`, out of the dict that Python lays them out in.

use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::core::span;
use super::hub_cloud::CloudOptions;
use azmqtt_hub::throttle::Throttling;
use azmqtt_hub::{DisabledAnswer, HubConfig, PacketRecording, Recording};

/// By name; each group of options is a dict of its own.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(super) struct HubOptions {
    host: String,
    port: u16,
    websocket_port: u16,
    service_port: u16,
    hostname: String,
    state_dir: Option<PathBuf>,
    allowed_origins: Vec<String>,
    keep_messages: bool,
    keep_packets: bool,
    cloud: CloudOptions,
    /// Tier, units, whether it holds, burst and patience in seconds.
    throttling: (String, u32, bool, f64, f64),
    disabled_is_not_authorized: bool,
    /// Host and port.
    provisioning: (Option<String>, u16),
}

impl HubOptions {
    pub(super) fn into_config(self) -> PyResult<HubConfig> {
        let recording = if self.keep_messages { Recording::default() } else { Recording::CountOnly };
        let mut config = HubConfig {
            host: self.host,
            port: self.port,
            https_port: self.websocket_port,
            service_port: self.service_port,
            hostname: self.hostname,
            state_dir: self.state_dir,
            allowed_origins: self.allowed_origins,
            recording,
            packets: if self.keep_packets { PacketRecording::ON } else { PacketRecording::Off },
            ..HubConfig::default()
        };
        self.cloud.apply(&mut config)?;
        let (tier, units, enabled, burst, patience) = self.throttling;
        let unknown = |()| PyValueError::new_err("tier must be F1, B1, B2, B3, S1, S2 or S3");
        config.throttling = Throttling {
            tier: tier.parse().map_err(unknown)?,
            units,
            enabled,
            burst: span("throttle_burst", burst)?,
            patience: span("throttle_patience", patience)?,
        };
        if self.disabled_is_not_authorized {
            config.disabled_answer = DisabledAnswer::NotAuthorized;
        }
        (config.provisioning.host, config.provisioning.port) = self.provisioning;
        Ok(config)
    }
}
