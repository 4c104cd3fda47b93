//! The namespace itself.

use serde_json::{Value, json};

use super::http::*;
use crate::broker::Broker;
use crate::resource_id::ResourceId;
use crate::tests::support::*;
use crate::{Namespace, NamespaceConfig};

#[tokio::test]
async fn it_is_found_in_its_group_and_subscription_in_any_case() {
    let resource = ResourceId::new("1-2", "My-Group", "Contoso").unwrap();
    let namespace = Namespace::start(NamespaceConfig { resource, ..config() }).unwrap();
    let view = request(&namespace, "GET", "", &Value::Null).await.json();
    assert_eq!(
        view["id"],
        "/subscriptions/1-2/resourceGroups/My-Group/providers/Microsoft.EventGrid/namespaces/Contoso"
    );
    assert_eq!(view["properties"]["topicSpacesConfiguration"]["hostname"], "localhost");
    assert_eq!(view["properties"]["topicSpacesConfiguration"]["state"], "Enabled");
    assert_eq!(view["sku"], json!({ "name": "Standard", "capacity": 1 }));
    for path in [
        "/SUBSCRIPTIONS/1-2/resourcegroups/my-group/providers/microsoft.eventgrid/NAMESPACES",
        "/subscriptions/1-2/providers/Microsoft.EventGrid/namespaces/",
    ] {
        let list = request_at(&namespace, "GET", &format!("{path}?{STABLE}"), &Value::Null).await.json();
        assert_eq!(list["value"], json!([view]), "{path}");
    }
    for (path, code) in [
        ("/subscriptions/1-3/providers/Microsoft.EventGrid/namespaces", "SubscriptionNotFound"),
        (
            "/subscriptions/1-2/resourceGroups/other/providers/Microsoft.EventGrid/namespaces",
            "ResourceGroupNotFound",
        ),
        (
            "/subscriptions/1-2/resourceGroups/my-group/providers/Microsoft.EventGrid/namespaces/other",
            "ResourceNotFound",
        ),
        ("/subscriptions/1-2/providers/Microsoft.Devices/IotHubs", "InvalidResourceType"),
    ] {
        let refused = request_at(&namespace, "GET", &format!("{path}?{STABLE}"), &Value::Null).await;
        assert_eq!(refused.refusal(), (404, code.to_owned()), "{path}");
    }
    // What `az resource` asks for, in versions of Resource Manager.
    let provider = "/subscriptions/1-2/providers/Microsoft.EventGrid?api-version=2022-09-01";
    let provider = request_at(&namespace, "GET", provider, &Value::Null).await.json();
    assert!(provider["resourceTypes"].to_string().contains("namespaces/permissionBindings"), "{provider}");
    let group = "/subscriptions/1-2/resourcegroups/my-group?api-version=2022-09-01";
    assert_eq!(request_at(&namespace, "GET", group, &Value::Null).await.json()["name"], "My-Group");
}

#[tokio::test]
async fn versions_are_known_and_required() {
    let world = World::new();
    let id = world.namespace.resource_id();
    let bare = request_at(&world.namespace, "GET", &id, &Value::Null).await;
    assert_eq!(bare.refusal(), (400, "MissingApiVersionParameter".to_owned()));
    let future = request(&world.namespace, "GET", "?api-version=2031-01-01", &Value::Null).await;
    assert_eq!(future.refusal(), (400, "NoRegisteredProviderFound".to_owned()));
    for version in ["2023-06-01-preview", "2025-02-15", "2025-10-15-PREVIEW"] {
        let found = request(&world.namespace, "GET", &format!("?api-version={version}"), &Value::Null).await;
        assert_eq!(found.status, 200, "{version}");
    }
    let body = json!({ "properties": { "topicSpacesConfiguration": { "clientAuthentication": {} } } });
    let refused = request(&world.namespace, "PATCH", "", &body).await;
    assert_eq!(refused.refusal(), (400, "InvalidRequest".to_owned()));
    assert_eq!(request(&world.namespace, "PATCH", &format!("?{PREVIEW}"), &body).await.status, 200);
    let configuration = |view: &Value| view["properties"]["topicSpacesConfiguration"].clone();
    let stable = request(&world.namespace, "GET", "", &Value::Null).await.json();
    assert!(configuration(&stable).get("clientAuthentication").is_none(), "{stable}");
    let preview = request(&world.namespace, "GET", &format!("?{PREVIEW}"), &Value::Null).await.json();
    assert!(configuration(&preview).get("clientAuthentication").is_some(), "{preview}");
}

#[tokio::test]
async fn put_and_patch_change_what_the_broker_does() {
    let world = World::new();
    let namespace = &world.namespace;
    let body = json!({
        "location": "West US 2",
        "tags": { "team": "pumps" },
        "sku": { "name": "Standard", "capacity": 2 },
        "properties": { "topicSpacesConfiguration": {
            "state": "Enabled", "maximumSessionExpiryInHours": 2,
            "maximumClientSessionsPerAuthenticationName": 3,
        } },
    });
    let put = request(namespace, "PUT", "", &body).await;
    assert_eq!(put.status, 200, "{put:?}");
    let limits = || namespace.with_broker(|broker| broker.limits().clone());
    let seen = limits();
    assert_eq!((seen.session_expiry, seen.sessions_per_name, seen.clients), (7200, 3, 20_000));

    let patch = json!({ "properties": { "topicSpacesConfiguration": { "maximumSessionExpiryInHours": 8 } } });
    let view = request(namespace, "PATCH", "", &patch).await.json();
    assert_eq!(view["tags"], json!({ "team": "pumps" }));
    assert_eq!(
        view["properties"]["topicSpacesConfiguration"]["maximumClientSessionsPerAuthenticationName"],
        3
    );
    assert_eq!((limits().session_expiry, limits().sessions_per_name), (28_800, 3));
    let tags = request(namespace, "PATCH", "", &json!({ "tags": { "a": "b" } })).await.json();
    assert_eq!(tags["tags"], json!({ "a": "b" }));

    for (wrong, code) in [
        (json!({ "location": "eastus" }), (409, "InvalidResourceLocation")),
        (json!({}), (400, "InvalidRequest")),
        (json!({ "location": "westus2", "sku": { "capacity": 41 } }), (400, "InvalidRequest")),
        (json!({ "location": "westus2", "tags": { "a": 1 } }), (400, "InvalidRequest")),
        (
            json!({ "location": "westus2", "properties": { "topicSpacesConfiguration": { "maximumSessionExpiryInHours": 9 } } }),
            (400, "InvalidRequest"),
        ),
    ] {
        let refused = request(namespace, "PUT", "", &wrong).await;
        assert_eq!(refused.refusal(), (code.0, code.1.to_owned()), "{wrong}");
    }
    assert_eq!(request(namespace, "PUT", "", &json!({ "location": "westus2" })).await.status, 200);
    assert_eq!((limits().session_expiry, limits().clients), (28_800, 10_000));
}

#[tokio::test]
async fn a_broker_that_is_disabled_takes_nobody() {
    let world = World::new();
    world.contoso(&["a/#"]);
    let client = world.client("client1");
    connect(&client).await.unwrap();
    let state = |state: &str| json!({ "properties": { "topicSpacesConfiguration": { "state": state } } });
    let disabled = request(&world.namespace, "PATCH", "", &state("Disabled")).await.json();
    assert!(disabled["properties"]["topicSpacesConfiguration"].get("hostname").is_none(), "{disabled}");
    until(|| world.namespace.last_refusal().is_some_and(|reason| reason.contains("Disabled"))).await;
    assert_eq!(world.namespace.with_broker(Broker::connected), 0);
    assert_eq!(request(&world.namespace, "PATCH", "", &state("Enabled")).await.status, 200);
    publish(&client, "a/b", "again").await.unwrap();
    close(&client).await;
}

#[tokio::test]
async fn a_namespace_goes_with_all_that_is_in_it_and_can_be_made_anew() {
    let world = World::new();
    world.contoso(&["a/#"]);
    let client = world.client("client1");
    connect(&client).await.unwrap();
    let namespace = &world.namespace;
    assert_eq!(request(namespace, "DELETE", "", &Value::Null).await.status, 204);
    assert_eq!(request(namespace, "DELETE", "", &Value::Null).await.status, 204);
    assert_eq!(namespace.with_broker(Broker::connected), 0);
    assert_eq!(
        request(namespace, "GET", "", &Value::Null).await.refusal(),
        (404, "ResourceNotFound".to_owned())
    );
    for method in ["GET", "PUT"] {
        let child = request(namespace, method, "/clients/client1", &json!({ "properties": {} })).await;
        assert_eq!(child.refusal(), (404, "ParentResourceNotFound".to_owned()), "{method}");
    }
    assert!(namespace.put_client_group("group", "attributes.a = 1").is_err());
    let made = request(namespace, "PUT", "", &json!({ "location": "eastus" })).await;
    assert_eq!(
        (made.status, &made.json()["properties"]["topicSpacesConfiguration"]["state"]),
        (201, &json!("Disabled"))
    );
    let clients = request(namespace, "GET", "/clients", &Value::Null).await.json();
    assert_eq!(clients["value"], json!([]));
    client.close(LONG, azmqtt_client::Reply::ignore());
}

#[tokio::test]
async fn access_keys_are_listed_and_made_anew() {
    let world = World::new();
    let namespace = &world.namespace;
    let first = request(namespace, "POST", "/listKeys", &Value::Null).await.json();
    let body = json!({ "keyName": "key2" });
    let second = request(namespace, "POST", "/regenerateKey", &body).await.json();
    assert_eq!(first["key1"], second["key1"]);
    assert_ne!(first["key2"], second["key2"]);
    let refused = request(namespace, "POST", "/regenerateKey", &json!({ "keyName": "key3" })).await;
    assert_eq!(refused.refusal(), (400, "InvalidRequest".to_owned()));
}
