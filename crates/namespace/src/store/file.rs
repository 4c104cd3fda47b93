//! A file of resources, as a namespace may start with.
//!
//! ```json
//! {
//!     "namespace": {"properties": {"topicSpacesConfiguration": {"maximumSessionExpiryInHours": 2}}},
//!     "caCertificates": [],
//!     "clients": [{"name": "client1", "properties": {"attributes": {"type": "pump"}}}],
//!     "clientGroups": [],
//!     "topicSpaces": [{"name": "ContosoTopicSpace", "properties": {"topicTemplates": ["contosotopics/topic1"]}}],
//!     "permissionBindings": []
//! }
//! ```
//!
//! Each entry is the body of a PUT with its name; `namespace` is that of a PATCH.

use serde_json::Value;

use super::kept::ChangeError;
use super::resource::Resource;
use crate::authentication::CaCertificate;
use crate::documents::{ApiSurface, Fields, InvalidDocument};
use crate::error::NamespaceError;
use crate::resources::{Client, ClientGroup, PermissionBinding, TopicSpace};
use crate::shared::Shared;

/// Puts every resource of the file, those that others name first. What is there and not in the file stays. An error names the
/// entry that is wrong; those before it are put.
pub fn apply_file(shared: &Shared, file: &Value) -> Result<(), NamespaceError> {
    let mut fields = Fields::of("", file)?;
    let patch = fields.value("namespace");
    let certificates = fields.objects("caCertificates")?;
    let clients = fields.objects("clients")?;
    let groups = fields.objects("clientGroups")?;
    let spaces = fields.objects("topicSpaces")?;
    let bindings = fields.objects("permissionBindings")?;
    // Nothing is put of a file with a word that is wrong.
    fields.finish()?;
    if let Some(patch) = patch {
        let patched = shared.put_namespace(|before| {
            let before = before.ok_or(ChangeError::NoNamespace)?;
            let patched = before.document.patched(patch, ApiSurface::Preview);
            patched.map_err(|error| within("namespace", &error).into())
        });
        patched.map_err(|error: ChangeError| NamespaceError::from(error))?;
    }
    put_all::<CaCertificate>(shared, certificates)?;
    put_all::<Client>(shared, clients)?;
    put_all::<ClientGroup>(shared, groups)?;
    put_all::<TopicSpace>(shared, spaces)?;
    put_all::<PermissionBinding>(shared, bindings)
}

fn put_all<R: Resource>(shared: &Shared, entries: Vec<Fields<'_>>) -> Result<(), NamespaceError> {
    for (index, entry) in entries.into_iter().enumerate() {
        put::<R>(shared, &format!("{}[{index}]", R::KIND.segment()), entry)?;
    }
    Ok(())
}

fn put<R: Resource>(shared: &Shared, path: &str, mut entry: Fields<'_>) -> Result<(), NamespaceError> {
    // As an answer of the management API has them.
    entry.ignore(&["id", "type", "systemData"]);
    let name = entry.required_text("name")?;
    let nothing = Value::Object(serde_json::Map::new());
    let properties = entry.value("properties").unwrap_or(&nothing);
    entry.finish()?;
    let resource = R::read(name, properties).map_err(|error| within(path, &error))?;
    match shared.put(resource) {
        Ok(_) => Ok(()),
        Err(ChangeError::Resource(error)) => Err(InvalidDocument::new(path, error).into()),
        Err(error) => Err(error.into()),
    }
}

fn within(path: &str, error: &InvalidDocument) -> InvalidDocument {
    InvalidDocument::new(format!("{path}.{}", error.path), &error.reason)
}
