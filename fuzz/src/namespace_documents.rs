//! What the management API of a local Event Grid namespace is sent: resources as JSON, and filters of lists.

use std::fmt::Debug;

use azmqtt_namespace::authentication::CaCertificate;
use azmqtt_namespace::documents::{ApiSurface, Document, NamespaceDocument};
use azmqtt_namespace::management::fuzzing;
use azmqtt_namespace::resources::{Client, ClientGroup, PermissionBinding, TopicSpace};
use serde_json::Value;

use crate::text;

/// Bodies of PUT and PATCH: what one kind of resource takes is the same when it is written and read again, and an error is
/// short and names a place.
pub fn documents(data: &[u8]) -> bool {
    let Ok(body) = serde_json::from_slice::<Value>(data) else { return false };
    let properties = body.get("properties").unwrap_or(&body);
    let children = [
        child::<Client>(properties),
        child::<ClientGroup>(properties),
        child::<TopicSpace>(properties),
        child::<PermissionBinding>(properties),
        child::<CaCertificate>(properties),
    ];
    namespace(&body) || children.contains(&true)
}

fn child<D: Document + PartialEq + Debug>(properties: &Value) -> bool {
    match D::read("name", properties) {
        Ok(document) => {
            let written = document.properties().into();
            assert_eq!(D::read("name", &written).as_ref(), Ok(&document), "{written}");
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

fn namespace(body: &Value) -> bool {
    let base = NamespaceDocument::new("here", 1, 1, 1);
    let mut is_one = false;
    for surface in [ApiSurface::Stable, ApiSurface::Preview] {
        let read = [
            NamespaceDocument::read(body, surface),
            base.patched(body, surface),
            base.replaced(body, surface),
        ];
        for document in read.into_iter().flatten() {
            let again = NamespaceDocument::read(&document.body().clone().into(), ApiSurface::Preview);
            assert_eq!(again.as_ref(), Ok(&document));
            is_one = true;
        }
    }
    is_one
}

/// The `$filter` of a list, and behind a line break an address: what is denied wants the others, and one spelling stays as it
/// is.
pub fn list_filters(data: &[u8]) -> bool {
    let text = text(data);
    let (filter, address) = text.split_once('\n').unwrap_or((&text, "/SUBSCRIPTIONS/x/resourcegroups"));
    // Of several slashes at its end an address loses one.
    if let Some(canonical) = fuzzing::canonical_address(address)
        && !address.contains("//")
    {
        assert_eq!(fuzzing::canonical_address(&canonical).as_ref(), Some(&canonical));
    }
    let Some(wants) = fuzzing::list_filter(filter, "Pump-1") else { return false };
    assert_eq!(fuzzing::list_filter(filter, "pump-1"), Some(wants), "{filter:?}");
    if let Some(denied) = fuzzing::list_filter(&format!("not ({filter})"), "Pump-1") {
        assert_ne!(denied, wants, "{filter:?}");
    }
    true
}
