//! The twin as services see it.

use serde_json::{Value, json};

use super::document::Twin;
use crate::time::Timestamp;

/// What the identity registry knows of a device and shows in its twin. Times are absent for "never".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceFacts {
    /// The device's id.
    pub device_id: String,
    /// The module's id, in a module's twin.
    pub module_id: Option<String>,
    /// The registry entry's etag.
    pub device_etag: String,
    /// Whether the device may not connect.
    pub disabled: bool,
    /// Why, in the words of whoever set it.
    pub status_reason: Option<String>,
    /// When that last changed.
    pub status_update_time: Option<Timestamp>,
    /// Whether a session is open.
    pub connected: bool,
    /// When the device last did anything.
    pub last_activity_time: Option<Timestamp>,
    /// Cloud-to-device messages that wait.
    pub cloud_to_device_message_count: u64,
    /// `sas`, `selfSigned`, `certificateAuthority` or `none`.
    pub authentication_type: &'static str,
    /// Thumbprints for `selfSigned`.
    pub primary_thumbprint: Option<String>,
    /// Thumbprints for `selfSigned`.
    pub secondary_thumbprint: Option<String>,
    /// As the device last announced.
    pub model_id: Option<String>,
    /// Whether it is an Edge device.
    pub iot_edge: bool,
    /// An Edge device's own scope, or that of the one it is behind.
    pub device_scope: Option<String>,
    /// The scopes right above it.
    pub parent_scopes: Vec<String>,
    /// The configurations that are applied to it, by their ids.
    pub configurations: Vec<String>,
}

impl Twin {
    /// What a service gets for a twin GET. Tags are left out where there are none, and capabilities of modules.
    pub fn service_view(&self, facts: &DeviceFacts) -> Value {
        let mut view = json!({
            "deviceId": facts.device_id,
            "etag": self.etag(),
            "deviceEtag": facts.device_etag,
            "status": if facts.disabled { "disabled" } else { "enabled" },
            "statusUpdateTime": Timestamp::or_never(facts.status_update_time),
            "connectionState": if facts.connected { "Connected" } else { "Disconnected" },
            "lastActivityTime": Timestamp::or_never(facts.last_activity_time),
            "cloudToDeviceMessageCount": facts.cloud_to_device_message_count,
            "authenticationType": facts.authentication_type,
            "x509Thumbprint": {
                "PrimaryThumbprint": facts.primary_thumbprint,
                "SecondaryThumbprint": facts.secondary_thumbprint,
            },
            "version": self.version(),
        });
        if !self.tags().is_empty() {
            view["tags"] = self.tags().clone().into();
        }
        view["properties"] = json!({
            "desired": self.desired().service_view(),
            "reported": self.reported().service_view(),
        });
        if facts.module_id.is_none() {
            view["capabilities"] = json!({ "iotEdge": facts.iot_edge });
        }
        let optional = [
            ("moduleId", &facts.module_id),
            ("modelId", &facts.model_id),
            ("statusReason", &facts.status_reason),
            ("deviceScope", &facts.device_scope),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                view[name] = value.as_str().into();
            }
        }
        if !facts.parent_scopes.is_empty() {
            view["parentScopes"] = facts.parent_scopes.clone().into();
        }
        if !facts.configurations.is_empty() {
            let status = |id: &String| (id.clone(), json!({ "status": "Applied" }));
            view["configurations"] = Value::Object(facts.configurations.iter().map(status).collect());
        }
        view
    }
}
