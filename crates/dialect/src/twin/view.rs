//! The twin as services see it.

use serde_core::ser::{Serialize, SerializeMap, Serializer};
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

/// The members of a twin, in the order in which services see them.
pub(crate) const MEMBERS: [&str; 20] = [
    "deviceId",
    "etag",
    "deviceEtag",
    "status",
    "statusUpdateTime",
    "connectionState",
    "lastActivityTime",
    "cloudToDeviceMessageCount",
    "authenticationType",
    "x509Thumbprint",
    "version",
    "tags",
    "properties",
    "capabilities",
    "moduleId",
    "modelId",
    "statusReason",
    "deviceScope",
    "parentScopes",
    "configurations",
];

impl Twin {
    /// What a service gets for a twin GET. Tags are left out where there are none, and capabilities of modules.
    pub fn service_view(&self, facts: &DeviceFacts) -> Value {
        to_value(ServiceView { twin: self, facts })
    }

    /// The [service's view](Self::service_view) as text, made without an intermediate [`Value`].
    pub fn service_text(&self, facts: &DeviceFacts) -> String {
        // Its keys are texts, and nothing else can fail.
        serde_json::to_string(&ServiceView { twin: self, facts }).unwrap_or_default()
    }

    /// One member of the [service's view](Self::service_view), if the view has it.
    pub fn service_member(&self, name: &str, facts: &DeviceFacts) -> Option<Value> {
        let optional = |text: &Option<String>| text.as_deref().map(Value::from);
        Some(match name {
            "deviceId" => facts.device_id.as_str().into(),
            "etag" => self.etag().into(),
            "deviceEtag" => facts.device_etag.as_str().into(),
            "status" => if facts.disabled { "disabled" } else { "enabled" }.into(),
            "statusUpdateTime" => Timestamp::or_never(facts.status_update_time).into(),
            "connectionState" => if facts.connected { "Connected" } else { "Disconnected" }.into(),
            "lastActivityTime" => Timestamp::or_never(facts.last_activity_time).into(),
            "cloudToDeviceMessageCount" => facts.cloud_to_device_message_count.into(),
            "authenticationType" => facts.authentication_type.into(),
            "x509Thumbprint" => json!({
                "PrimaryThumbprint": facts.primary_thumbprint,
                "SecondaryThumbprint": facts.secondary_thumbprint,
            }),
            "version" => self.version().into(),
            "tags" if !self.tags().is_empty() => self.tags().clone().into(),
            "properties" => to_value(Sections(self)),
            "capabilities" if facts.module_id.is_none() => json!({ "iotEdge": facts.iot_edge }),
            "moduleId" => return optional(&facts.module_id),
            "modelId" => return optional(&facts.model_id),
            "statusReason" => return optional(&facts.status_reason),
            "deviceScope" => return optional(&facts.device_scope),
            "parentScopes" if !facts.parent_scopes.is_empty() => facts.parent_scopes.clone().into(),
            "configurations" if !facts.configurations.is_empty() => {
                let status = |id: &String| (id.clone(), json!({ "status": "Applied" }));
                Value::Object(facts.configurations.iter().map(status).collect())
            }
            _ => return None,
        })
    }
}

fn to_value(view: impl Serialize) -> Value {
    // Its keys are texts, and nothing else can fail.
    serde_json::to_value(view).unwrap_or_default()
}

struct ServiceView<'a> {
    twin: &'a Twin,
    facts: &'a DeviceFacts,
}

impl Serialize for ServiceView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { twin, facts } = self;
        let mut view = serializer.serialize_map(None)?;
        for name in MEMBERS {
            match name {
                // Members that may be large are not copied.
                "tags" if !twin.tags().is_empty() => view.serialize_entry(name, twin.tags())?,
                "properties" => view.serialize_entry(name, &Sections(twin))?,
                _ => {
                    if let Some(member) = twin.service_member(name, facts) {
                        view.serialize_entry(name, &member)?;
                    }
                }
            }
        }
        view.end()
    }
}

/// The properties of a twin.
struct Sections<'a>(&'a Twin);

impl Serialize for Sections<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("desired", self.0.desired()), ("reported", self.0.reported())])
    }
}
