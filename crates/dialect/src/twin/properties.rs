//! Desired or reported properties: values, version and metadata, which only change together.

use serde_core::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::check::check_patch;
use super::error::TwinError;
use super::limits::{Section, check_section_size};
use super::merge::merge_object;
use super::metadata::{Metadata, Stamp};
use crate::time::Timestamp;

/// The desired or the reported properties of a twin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertySection {
    section: Section,
    /// Always an object.
    values: Map<String, Value>,
    version: u64,
    metadata: Metadata,
}

impl PropertySection {
    /// Empty, at version 1, as a new twin's.
    pub(super) fn new(section: Section, at: Option<Timestamp>) -> Self {
        let metadata = Metadata::new(Stamp { at, version: None });
        Self { section, values: Map::new(), version: 1, metadata }
    }

    /// As if the values had been there from the first: at version 1.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.version = 1;
        self.metadata = Metadata::of(&self.values, stamp(self.section, now, 1));
    }

    /// As stored; a missing or unreadable metadata tree is made anew.
    pub(super) fn restore(
        section: Section,
        values: Map<String, Value>,
        version: u64,
        metadata: Option<&Value>,
    ) -> Self {
        // What was never written has no version in its metadata.
        let fallback = match metadata {
            Some(_) => Stamp { at: None, version: None },
            None => stamp(section, Timestamp::default(), version),
        };
        let metadata = Metadata::from_json(metadata, &values, fallback);
        Self { section, values, version, metadata }
    }

    /// The properties, without `$version` and `$metadata`.
    pub fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// Rises by one with every accepted write.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Merges a patch, or changes nothing.
    pub(super) fn patch(&mut self, patch: &Value, now: Timestamp) -> Result<u64, TwinError> {
        check_patch(self.section, patch)?;
        let Value::Object(patch) = patch else { return Ok(self.version) };
        let values = merged(self.section, &self.values, patch)?;
        self.values = values;
        self.version = self.version.saturating_add(1);
        self.metadata.apply(patch, stamp(self.section, now, self.version));
        Ok(self.version)
    }

    /// Puts other properties in place of all, or changes nothing.
    pub(super) fn replace(&mut self, values: &Value, now: Timestamp) -> Result<u64, TwinError> {
        check_patch(self.section, values)?;
        let Value::Object(fields) = values else { return Ok(self.version) };
        let values = merged(self.section, &Map::new(), fields)?;
        self.version = self.version.saturating_add(1);
        self.metadata = Metadata::of(&values, stamp(self.section, now, self.version));
        self.values = values;
        Ok(self.version)
    }

    /// For the device: the values and `$version`.
    pub(super) fn device_view(&self) -> Value {
        let mut view = self.values.clone();
        view.insert("$version".to_owned(), self.version.into());
        Value::Object(view)
    }
}

/// As services see it: the values, `$metadata` and `$version`.
impl Serialize for PropertySection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut view = serializer.serialize_map(Some(self.values.len() + 2))?;
        for (name, value) in &self.values {
            view.serialize_entry(name, value)?;
        }
        view.serialize_entry("$metadata", &self.metadata.of_values(&self.values))?;
        view.serialize_entry("$version", &self.version)?;
        view.end()
    }
}

/// The fields after a patch that was checked, when they keep to the section's size.
pub(super) fn merged(
    section: Section,
    fields: &Map<String, Value>,
    patch: &Map<String, Value>,
) -> Result<Map<String, Value>, TwinError> {
    let mut fields = fields.clone();
    merge_object(&mut fields, patch);
    let values = Value::Object(fields);
    check_section_size(section, &values)?;
    match values {
        Value::Object(fields) => Ok(fields),
        _ => Ok(Map::new()),
    }
}

/// Desired properties also say which version wrote them.
fn stamp(section: Section, at: Timestamp, version: u64) -> Stamp {
    Stamp { at: Some(at), version: (section == Section::Desired).then_some(version) }
}
