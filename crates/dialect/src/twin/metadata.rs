//! `$metadata`: a tree beside the values that says when each was last written.

use std::collections::BTreeMap;

use serde_core::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use crate::time::Timestamp;

const LAST_UPDATED: &str = "$lastUpdated";
const LAST_UPDATED_VERSION: &str = "$lastUpdatedVersion";

/// When, and in desired properties by which version, once they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// `None` for never.
    pub(super) at: Option<Timestamp>,
    pub(super) version: Option<u64>,
}

/// One node for each object and each other value; arrays are one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    stamp: Stamp,
    children: BTreeMap<String, Metadata>,
}

impl Metadata {
    pub(super) fn new(stamp: Stamp) -> Self {
        Self { stamp, children: BTreeMap::new() }
    }

    /// Metadata for values that all were written at once.
    pub(super) fn of(values: &Map<String, Value>, stamp: Stamp) -> Self {
        let mut metadata = Self::new(stamp);
        metadata.apply(values, stamp);
        metadata
    }

    /// Follows a merge patch: stamps what it writes and every level above, drops what it deletes.
    pub(super) fn apply(&mut self, patch: &Map<String, Value>, stamp: Stamp) {
        self.stamp = stamp;
        for (key, value) in patch {
            match value {
                Value::Null => {
                    self.children.remove(key);
                }
                Value::Object(fields) => {
                    self.children.entry(key.clone()).or_insert_with(|| Self::new(stamp)).apply(fields, stamp);
                }
                _ => {
                    self.children.insert(key.clone(), Self::new(stamp));
                }
            }
        }
    }

    /// A view of the metadata of these values, for serialization.
    pub(super) fn of_values<'a>(&'a self, values: &'a Map<String, Value>) -> MetadataView<'a> {
        MetadataView { metadata: self, values: Some(values) }
    }

    /// Reads the service's spelling for the values it goes with; a node that is missing or unreadable takes its
    /// parent's stamp, so that the tree always mirrors the values.
    pub(super) fn from_json(json: Option<&Value>, values: &Map<String, Value>, fallback: Stamp) -> Self {
        let field = |name| json.and_then(|json| json.get(name));
        let stamp = Stamp {
            at: field(LAST_UPDATED).and_then(Value::as_str).and_then(Timestamp::parse).or(fallback.at),
            version: field(LAST_UPDATED_VERSION).and_then(Value::as_u64).or(fallback.version),
        };
        let empty = Map::new();
        let children = values.iter().map(|(key, value)| {
            let fields = value.as_object().unwrap_or(&empty);
            (key.clone(), Self::from_json(field(key), fields, stamp))
        });
        Self { stamp, children: children.collect() }
    }
}

/// Metadata in the service's spelling, in the order of the values.
pub(super) struct MetadataView<'a> {
    metadata: &'a Metadata,
    /// `None` if the value is not an object.
    values: Option<&'a Map<String, Value>>,
}

impl Serialize for MetadataView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Stamp { at, version } = self.metadata.stamp;
        let mut view = serializer.serialize_map(None)?;
        view.serialize_entry(LAST_UPDATED, &Timestamp::or_never(at))?;
        if let Some(version) = version {
            view.serialize_entry(LAST_UPDATED_VERSION, &version)?;
        }
        for (name, value) in self.values.into_iter().flatten() {
            if let Some(metadata) = self.metadata.children.get(name) {
                view.serialize_entry(name, &MetadataView { metadata, values: value.as_object() })?;
            }
        }
        view.end()
    }
}
