//! Resources as JSON: the bodies of requests and answers, the files of a state directory, and the entries of a
//! configuration file (Azure REST API, `Microsoft.EventGrid/namespaces`).

mod access;
mod authentication;
mod certificate;
mod client;
pub(crate) mod fields;
mod namespace;

use serde_json::{Map, Value};

use crate::names::ResourceName;

pub use azmqtt_net::certificate::in_utc as rfc3339;
pub use fields::{Fields, InvalidDocument};
pub use namespace::{ApiSurface, NamespaceDocument};

/// Properties of every resource that the service alone writes.
const READ_ONLY: &[&str] = &["provisioningState"];

/// A resource of a namespace that has a form in JSON.
pub trait Document: Sized {
    /// Reads `properties`; the name stands outside.
    fn read(name: &str, properties: &Value) -> Result<Self, InvalidDocument>;

    /// Its name.
    fn name(&self) -> &str;

    /// What [`Self::read`] reads, and what the service adds.
    fn properties(&self) -> Map<String, Value>;
}

fn resource_name(text: &str) -> Result<ResourceName, InvalidDocument> {
    ResourceName::parse(text).map_err(|error| InvalidDocument::new("name", error))
}

/// An empty description is none.
fn describe(properties: &mut Map<String, Value>, description: &str) {
    if !description.is_empty() {
        properties.insert("description".to_owned(), description.into());
    }
}

#[cfg(test)]
mod tests;
