//! What a device publishes.

use std::fmt;

use super::error::TopicError;
use super::query::{Query, number};
use crate::property_bag::PropertyBag;

/// A topic that a device or module publishes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceTopic<'a> {
    /// `devices/{d}[/modules/{m}]/messages/events/{bag}`
    Telemetry {
        /// The device in the topic; the hub checks that it is the session's.
        device_id: &'a str,
        /// The module in the topic.
        module_id: Option<&'a str>,
        /// The message's properties.
        properties: PropertyBag,
    },
    /// `$iothub/twin/GET/?$rid={rid}`
    TwinGet {
        /// Chosen by the device, opaque to the hub.
        request_id: &'a str,
    },
    /// `$iothub/twin/PATCH/properties/reported/?$rid={rid}[&$version={v}]`
    ReportedPatch {
        /// Chosen by the device, opaque to the hub.
        request_id: &'a str,
        /// Refuse the patch (412) unless the reported section is at this version.
        if_version: Option<u64>,
    },
    /// `$iothub/methods/res/{status}/?$rid={rid}`
    MethodResponse {
        /// The device's own status, any integer.
        status: i32,
        /// The request's id, returned.
        request_id: &'a str,
    },
}

const TWIN_GET: &str = "$iothub/twin/GET/?";
const REPORTED_PATCH: &str = "$iothub/twin/PATCH/properties/reported/?";
const METHOD_RESPONSE: &str = "$iothub/methods/res/";

impl<'a> DeviceTopic<'a> {
    /// Parses a topic that a device published.
    pub fn parse(topic: &'a str) -> Result<Self, TopicError> {
        if let Some(rest) = topic.strip_prefix("devices/") {
            return parse_telemetry(rest);
        }
        if let Some(query) = topic.strip_prefix(REPORTED_PATCH) {
            let query = Query::parse(query);
            return Ok(Self::ReportedPatch { request_id: query.request_id()?, if_version: query.version()? });
        }
        if let Some(query) = topic.strip_prefix(TWIN_GET) {
            return Ok(Self::TwinGet { request_id: Query::parse(query).request_id()? });
        }
        let rest = topic.strip_prefix(METHOD_RESPONSE).ok_or(TopicError::Unknown)?;
        let (status, query) = rest.split_once("/?").ok_or(TopicError::Unknown)?;
        Ok(Self::MethodResponse {
            status: number(status, "status")?,
            request_id: Query::parse(query).request_id()?,
        })
    }
}

fn parse_telemetry(rest: &str) -> Result<DeviceTopic<'_>, TopicError> {
    let (device_id, rest) = rest.split_once('/').ok_or(TopicError::Unknown)?;
    let (module_id, rest) = match rest.strip_prefix("modules/") {
        None => (None, rest),
        Some(rest) => {
            let (module_id, rest) = rest.split_once('/').ok_or(TopicError::Unknown)?;
            (Some(module_id), rest)
        }
    };
    let bag = match rest.strip_prefix("messages/events").ok_or(TopicError::Unknown)? {
        "" => "",
        rest => rest.strip_prefix('/').ok_or(TopicError::Unknown)?,
    };
    if device_id.is_empty() || module_id == Some("") {
        return Err(TopicError::Unknown);
    }
    // The clients for C# and Node write a slash behind the properties, where a value's own would be encoded, and others a
    // question mark before them. IoT Edge's gateway takes both.
    let bag = bag.strip_prefix('?').unwrap_or(bag);
    let bag = bag.strip_suffix('/').unwrap_or(bag);
    let properties = PropertyBag::parse_from_device(bag).map_err(TopicError::Properties)?;
    Ok(DeviceTopic::Telemetry { device_id, module_id, properties })
}

impl fmt::Display for DeviceTopic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Telemetry { device_id, module_id: None, properties } => {
                write!(f, "devices/{device_id}/messages/events/{properties}")
            }
            Self::Telemetry { device_id, module_id: Some(module_id), properties } => {
                write!(f, "devices/{device_id}/modules/{module_id}/messages/events/{properties}")
            }
            Self::TwinGet { request_id } => write!(f, "{TWIN_GET}$rid={request_id}"),
            Self::ReportedPatch { request_id, if_version } => {
                write!(f, "{REPORTED_PATCH}$rid={request_id}")?;
                if_version.map_or(Ok(()), |version| write!(f, "&$version={version}"))
            }
            Self::MethodResponse { status, request_id } => {
                write!(f, "{METHOD_RESPONSE}{status}/?$rid={request_id}")
            }
        }
    }
}
