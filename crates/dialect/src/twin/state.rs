//! The twin as a hub keeps it on disk.

use std::fmt;

use serde_json::{Map, Value, json};

use super::document::Twin;
use super::limits::Section;
use super::properties::PropertySection;

impl Twin {
    /// Everything, as JSON: `{etag, version, tags, desired, reported}`, the sections as services see them.
    pub fn to_state(&self) -> Value {
        json!({
            "etag": self.etag,
            "version": self.version,
            "tags": self.tags,
            "desired": self.desired,
            "reported": self.reported,
        })
    }

    /// Reads [`to_state`](Self::to_state) back.
    pub fn from_state(state: &Value) -> Result<Self, TwinStateError> {
        let count = |name| state.get(name).and_then(Value::as_u64).ok_or(TwinStateError(name));
        let fields = |name| state.get(name).and_then(Value::as_object).ok_or(TwinStateError(name));
        Ok(Self {
            etag: count("etag")?,
            version: count("version")?,
            tags: fields("tags")?.clone(),
            desired: read_section(Section::Desired, fields("desired")?)?,
            reported: read_section(Section::Reported, fields("reported")?)?,
        })
    }
}

fn read_section(section: Section, stored: &Map<String, Value>) -> Result<PropertySection, TwinStateError> {
    let mut values = stored.clone();
    let version = values.shift_remove("$version").as_ref().and_then(Value::as_u64);
    let metadata = values.shift_remove("$metadata");
    let version = version.ok_or(TwinStateError(section.name()))?;
    Ok(PropertySection::restore(section, values, version, metadata.as_ref()))
}

/// A stored twin that cannot be read; names the part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwinStateError(&'static str);

impl fmt::Display for TwinStateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stored twin: '{}' is missing or malformed", self.0)
    }
}

impl std::error::Error for TwinStateError {}
