//! The options of `azmqtt.LocalHub`, out of the dict that Python lays them out in.

use std::path::PathBuf;

use pyo3::prelude::*;

use super::hub_cloud::CloudOptions;
use crate::hub::{HubConfig, PacketRecording, Recording};

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
    keep_messages: bool,
    keep_packets: bool,
    cloud: CloudOptions,
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
            recording,
            packets: if self.keep_packets { PacketRecording::ON } else { PacketRecording::Off },
            ..HubConfig::default()
        };
        self.cloud.apply(&mut config)?;
        (config.provisioning.host, config.provisioning.port) = self.provisioning;
        Ok(config)
    }
}
