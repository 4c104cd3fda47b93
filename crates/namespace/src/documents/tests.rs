use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::authentication::CaCertificate;
use crate::resources::{Client, ClientGroup, PermissionBinding, TopicSpace};

/// What is read is the same when it is written and read again.
fn round_trip<D: Document + PartialEq + std::fmt::Debug>(properties: &Value) -> bool {
    let Ok(document) = D::read("name", properties) else { return false };
    let written = document.properties().into();
    assert_eq!(D::read("name", &written).as_ref(), Ok(&document), "{written}");
    true
}

/// JSON that looks like the properties of a resource.
fn properties() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z$#+/{}.|=' ]{0,12}".prop_map(Value::from),
        prop_oneof![
            Just("Enabled"),
            Just("Disabled"),
            Just("Publisher"),
            Just("Subscriber"),
            Just("$all"),
            Just("ThumbprintMatch"),
            Just("UriMatchesAuthenticationName"),
            Just("a/${client.authenticationName}"),
            Just("attributes.a = 'b'"),
        ]
        .prop_map(Value::from),
        Just(Value::from("ab".repeat(32))),
    ];
    let name = prop_oneof![
        Just("description"),
        Just("authenticationName"),
        Just("state"),
        Just("attributes"),
        Just("query"),
        Just("clientCertificateAuthentication"),
        Just("validationScheme"),
        Just("allowedThumbprints"),
        Just("topicTemplates"),
        Just("clientGroupName"),
        Just("topicSpaceName"),
        Just("permission"),
        Just("properties"),
        Just("topicSpacesConfiguration"),
        Just("location"),
        Just("sku"),
        Just("capacity"),
    ];
    leaf.prop_recursive(4, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6).prop_map(|members| {
                Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn reading_is_total_and_writing_gives_it_back(value in properties()) {
        round_trip::<Client>(&value);
        round_trip::<ClientGroup>(&value);
        round_trip::<TopicSpace>(&value);
        round_trip::<PermissionBinding>(&value);
        round_trip::<CaCertificate>(&value);
        let base = NamespaceDocument::new("here", 1, 1, 1);
        for surface in [ApiSurface::Stable, ApiSurface::Preview] {
            for document in [
                NamespaceDocument::read(&value, surface),
                base.patched(&value, surface),
                base.replaced(&value, surface),
            ]
            .into_iter()
            .flatten()
            {
                let again = NamespaceDocument::read(&document.body().clone().into(), ApiSurface::Preview);
                prop_assert_eq!(again, Ok(document));
            }
        }
    }
}

#[test]
fn documents_are_read_as_they_are_written() {
    let thumbprint = "0123456789abcdef".repeat(4);
    assert!(round_trip::<Client>(&json!({})));
    assert!(round_trip::<Client>(&json!({
        "description": "a pump",
        "authenticationName": "Pump 1",
        "attributes": { "room": "345", "floor": -5, "tags": ["a"], "none": [] },
        "state": "disabled",
        "clientCertificateAuthentication": {
            "validationScheme": "thumbprintMatch", "allowedThumbprints": [thumbprint],
        },
        "provisioningState": "Succeeded",
    })));
    let old = json!({ "authentication": { "certificateThumbprint": { "primary": thumbprint, "secondary": null } } });
    assert!(round_trip::<Client>(&old));
    assert!(!round_trip::<Client>(
        &json!({ "authentication": { "certificateSubject": { "commonName": "a" } } })
    ));
    assert!(round_trip::<ClientGroup>(&json!({ "query": "attributes.a IN ['b']" })));
    assert!(round_trip::<TopicSpace>(
        &json!({ "topicTemplates": ["a/#"], "subscriptionSupport": "LowFanout" })
    ));
    let binding = json!({ "clientGroupName": "$all", "topicSpaceName": "space", "permission": "publisher" });
    assert!(round_trip::<PermissionBinding>(&binding));
}
