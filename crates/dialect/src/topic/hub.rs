//! What a hub publishes.

use std::fmt;

use super::error::TopicError;
use super::query::{Query, number};
use crate::property_bag::PropertyBag;

/// A topic that a hub publishes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HubTopic<'a> {
    /// `$iothub/twin/res/{status}/?$rid={rid}[&$version={v}]`
    TwinResponse {
        /// HTTP-like: 200, 204, 4xx, 5xx.
        status: u16,
        /// The request's id, returned.
        request_id: &'a str,
        /// The reported section's version after an accepted patch.
        version: Option<u64>,
    },
    /// `$iothub/twin/PATCH/properties/desired/?$version={v}`
    DesiredPatch {
        /// The desired section's version after the change.
        version: u64,
    },
    /// `$iothub/methods/POST/{name}/?$rid={rid}`
    MethodRequest {
        /// The method's name.
        name: &'a str,
        /// Chosen by the hub, opaque to the device.
        request_id: &'a str,
    },
    /// `devices/{d}/messages/devicebound/{bag}`
    CloudToDevice {
        /// The device in the topic.
        device_id: &'a str,
        /// The message's properties.
        properties: PropertyBag,
    },
    /// `devices/{d}/modules/{m}/inputs/{input}/{bag}`
    ModuleInput {
        /// The device in the topic.
        device_id: &'a str,
        /// The module in the topic.
        module_id: &'a str,
        /// The input's name.
        input: &'a str,
        /// The message's properties.
        properties: PropertyBag,
    },
}

const TWIN_RESPONSE: &str = "$iothub/twin/res/";
const DESIRED_PATCH: &str = "$iothub/twin/PATCH/properties/desired/?";
const METHOD_REQUEST: &str = "$iothub/methods/POST/";

impl<'a> HubTopic<'a> {
    /// The request that an answer is for which [`Self::parse`] refuses, because its status or version is none.
    pub fn request_of_bad_answer(topic: &'a str) -> Option<&'a str> {
        let (_, query) = topic.strip_prefix(TWIN_RESPONSE)?.split_once('?')?;
        Query::parse(query).request_id().ok()
    }

    /// Parses a topic that a hub published. Allocates for property bags only.
    pub fn parse(topic: &'a str) -> Result<Self, TopicError> {
        if let Some(rest) = topic.strip_prefix(TWIN_RESPONSE) {
            let (status, query) = rest.split_once("/?").ok_or(TopicError::Unknown)?;
            let query = Query::parse(query);
            return Ok(Self::TwinResponse {
                status: number(status, "status")?,
                request_id: query.request_id()?,
                version: query.version()?,
            });
        }
        if let Some(query) = topic.strip_prefix(DESIRED_PATCH) {
            let version = Query::parse(query).version()?.ok_or(TopicError::MissingVersion)?;
            return Ok(Self::DesiredPatch { version });
        }
        if let Some(rest) = topic.strip_prefix(METHOD_REQUEST) {
            let (name, query) = rest.split_once("/?").ok_or(TopicError::Unknown)?;
            if name.is_empty() || name.contains('/') {
                return Err(TopicError::Unknown);
            }
            return Ok(Self::MethodRequest { name, request_id: Query::parse(query).request_id()? });
        }
        parse_message(topic.strip_prefix("devices/").ok_or(TopicError::Unknown)?)
    }
}

fn parse_message(rest: &str) -> Result<HubTopic<'_>, TopicError> {
    let (device_id, rest) = segment(rest)?;
    if let Some(bag) = rest.strip_prefix("messages/devicebound/") {
        return Ok(HubTopic::CloudToDevice { device_id, properties: bag_of(bag)? });
    }
    let (module_id, rest) = segment(rest.strip_prefix("modules/").ok_or(TopicError::Unknown)?)?;
    let rest = rest.strip_prefix("inputs/").ok_or(TopicError::Unknown)?;
    let (input, bag) = segment(rest)?;
    Ok(HubTopic::ModuleInput { device_id, module_id, input, properties: bag_of(bag)? })
}

/// A non-empty path segment and what follows its slash.
fn segment(text: &str) -> Result<(&str, &str), TopicError> {
    text.split_once('/').filter(|(segment, _)| !segment.is_empty()).ok_or(TopicError::Unknown)
}

fn bag_of(text: &str) -> Result<PropertyBag, TopicError> {
    PropertyBag::parse(text).map_err(TopicError::Properties)
}

impl fmt::Display for HubTopic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TwinResponse { status, request_id, version } => {
                write!(f, "{TWIN_RESPONSE}{status}/?$rid={request_id}")?;
                version.map_or(Ok(()), |version| write!(f, "&$version={version}"))
            }
            Self::DesiredPatch { version } => write!(f, "{DESIRED_PATCH}$version={version}"),
            Self::MethodRequest { name, request_id } => {
                write!(f, "{METHOD_REQUEST}{name}/?$rid={request_id}")
            }
            Self::CloudToDevice { device_id, properties } => {
                write!(f, "devices/{device_id}/messages/devicebound/{properties}")
            }
            Self::ModuleInput { device_id, module_id, input, properties } => {
                write!(f, "devices/{device_id}/modules/{module_id}/inputs/{input}/{properties}")
            }
        }
    }
}
