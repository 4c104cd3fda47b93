//! What is in a namespace.

use serde_json::{Value, json};

use super::http::*;
use crate::tests::support::*;

#[tokio::test]
async fn the_walk_through_of_the_portal_by_requests() {
    let world = World::new();
    let namespace = &world.namespace;
    let resource = json!({ "properties": {
        "authenticationName": "client1-authn",
        "clientCertificateAuthentication": { "validationScheme": "SubjectMatchesAuthenticationName" },
        "attributes": { "room": "345", "floor": 5, "tags": ["a", "b"] },
    } });
    let made = request(namespace, "PUT", "/clients/client1", &resource).await;
    assert_eq!(made.status, 201, "{made:?}");
    let view = made.json();
    assert_eq!(view["id"], format!("{}/clients/client1", namespace.resource_id()));
    assert_eq!(
        (&view["name"], &view["type"]),
        (&json!("client1"), &json!("Microsoft.EventGrid/namespaces/clients"))
    );
    assert_eq!(view["properties"]["attributes"], resource["properties"]["attributes"]);
    assert_eq!(view["properties"]["state"], "Enabled");
    assert_eq!(view["properties"]["provisioningState"], "Succeeded");
    assert_eq!(view["systemData"]["createdAt"], view["systemData"]["lastModifiedAt"]);
    assert_eq!(request(namespace, "GET", "/clients/client1", &Value::Null).await.json(), view);
    assert_eq!(request(namespace, "PUT", "/clients/client1", &view).await.status, 200);

    let space = json!({ "properties": { "topicTemplates": ["contosotopics/topic1"] } });
    assert_eq!(request(namespace, "PUT", "/topicSpaces/ContosoTopicSpace", &space).await.status, 201);
    for (name, permission) in
        [("contosopublisherbinding", "Publisher"), ("contososubscriberbinding", "Subscriber")]
    {
        let binding = json!({ "properties": {
            "clientGroupName": "$all", "topicSpaceName": "ContosoTopicSpace", "permission": permission,
        } });
        let made = request(namespace, "PUT", &format!("/permissionBindings/{name}"), &binding).await;
        assert_eq!(made.status, 201, "{made:?}");
    }
    let ca = json!({ "properties": { "encodedCertificate": world.authority.pem(), "description": "mine" } });
    let made = request(namespace, "PUT", "/caCertificates/contoso-ca", &ca).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert!(made.json()["properties"]["expiryTimeInUtc"].is_string(), "{made:?}");

    // It is a namespace in which these resources have their effect.
    let mut config = world.config("anybody");
    config.broker = world.broker(Some(world.authority.client("client1-authn", Vec::new())));
    config.client_id = "session".into();
    config.username = Some("client1-authn".into());
    let client = client(config);
    subscribe(&client, "contosotopics/topic1").await.unwrap();
    publish(&client, "contosotopics/topic1", "hello").await.unwrap();

    let deleted =
        request(namespace, "DELETE", "/permissionBindings/contosopublisherbinding", &Value::Null).await;
    assert_eq!(deleted.status, 204);
    publish(&client, "contosotopics/topic1", "hello").await.unwrap_err();
    let refused = request(namespace, "DELETE", "/topicSpaces/ContosoTopicSpace", &Value::Null).await;
    assert_eq!(refused.refusal(), (409, "Conflict".to_owned()));
    close(&client).await;
}

#[tokio::test]
async fn what_is_not_there_is_404_and_may_be_deleted() {
    let world = World::new();
    for kind in ["clients", "clientGroups", "topicSpaces", "permissionBindings", "caCertificates"] {
        let path = format!("/{kind}/nobody");
        let missing = request(&world.namespace, "GET", &path, &Value::Null).await;
        assert_eq!(missing.refusal(), (404, "ResourceNotFound".to_owned()), "{kind}");
        assert_eq!(request(&world.namespace, "DELETE", &path, &Value::Null).await.status, 204, "{kind}");
    }
    let unknown = request(&world.namespace, "GET", "/topics/a", &Value::Null).await;
    assert_eq!(unknown.refusal(), (404, "InvalidResourceType".to_owned()));
    let patched = request(&world.namespace, "PATCH", "/clients/nobody", &json!({})).await;
    assert_eq!(patched.refusal(), (405, "MethodNotAllowed".to_owned()));
}

#[tokio::test]
async fn the_group_of_every_client_is_there_and_stays() {
    let world = World::new();
    let namespace = &world.namespace;
    for path in ["/clientGroups/$all", "/clientGroups/%24all"] {
        let shown = request(namespace, "GET", path, &Value::Null).await;
        assert_eq!((shown.status, shown.json()["name"].as_str()), (200, Some("$all")));
        let refused = request(namespace, "DELETE", path, &Value::Null).await;
        assert_eq!(refused.refusal(), (400, "InvalidRequest".to_owned()));
    }
    let group = json!({ "properties": { "query": "attributes.a = 1" } });
    assert_eq!(request(namespace, "PUT", "/clientGroups/pumps", &group).await.status, 201);
    let listed = request(namespace, "GET", "/clientGroups", &Value::Null).await.json();
    let names: Vec<_> = listed["value"].as_array().unwrap().iter().map(|each| each["name"].clone()).collect();
    assert_eq!(names, ["$all", "pumps"]);
    assert_eq!(request(namespace, "GET", "/clients/$all", &Value::Null).await.status, 404);
}

#[tokio::test]
async fn lists_come_in_pages_that_lead_to_each_other() {
    let world = World::new();
    let namespace = &world.namespace;
    for number in 0..45 {
        let name = format!("/clients/pump-{number:02}");
        assert_eq!(request(namespace, "PUT", &name, &json!({ "properties": {} })).await.status, 201);
    }
    let mut seen = Vec::new();
    let mut sizes = Vec::new();
    let mut page = request(namespace, "GET", "/clients", &Value::Null).await.json();
    loop {
        let names =
            page["value"].as_array().unwrap().iter().map(|each| each["name"].as_str().unwrap().to_owned());
        let before = seen.len();
        seen.extend(names);
        sizes.push(seen.len() - before);
        let Some(next) = page["nextLink"].as_str() else { break };
        let target =
            next.strip_prefix(&namespace.management_url()).expect("a link to the same host").to_owned();
        page = request_at(namespace, "GET", &target, &Value::Null).await.json();
    }
    assert_eq!(sizes, [20, 20, 5]);
    assert!(seen.is_sorted());
    let filtered = "/clients?$top=100&$filter=contains(name,'-0')%20and%20name%20ne%20'PUMP-00'";
    let found = request(namespace, "GET", filtered, &Value::Null).await.json();
    assert_eq!(found["value"].as_array().unwrap().len(), 9, "{found}");
    for wrong in ["/clients?$top=101", "/clients?$filter=name%20gt%20'a'"] {
        let refused = request(namespace, "GET", wrong, &Value::Null).await;
        assert_eq!(refused.refusal(), (400, "InvalidRequest".to_owned()), "{wrong}");
    }
}

#[tokio::test]
async fn bodies_are_checked_and_errors_name_the_property() {
    let world = World::new();
    let namespace = &world.namespace;
    let space = json!({ "properties": { "topicTemplates": ["a/#"], "subscriptionSupport": "LowFanout" } });
    assert_eq!(request(namespace, "PUT", "/topicSpaces/space", &space).await.status, 201);
    let thumbprint = "a".repeat(64);
    for (path, properties, named) in [
        ("/clients/a%20b", json!({}), "name"),
        ("/clients/a", json!({ "authenticationName": "" }), "properties.authenticationName"),
        ("/clients/a", json!({ "state": "On" }), "properties.state"),
        ("/clients/a", json!({ "attributes": { "x": 1.5 } }), "properties.attributes.x"),
        ("/clients/a", json!({ "attributes": { "x y": 1 } }), "properties.attributes"),
        ("/clients/a", json!({ "attributes": { "x": "y".repeat(5000) } }), "properties.attributes"),
        ("/clients/a", json!({ "colour": "red" }), "properties.colour"),
        (
            "/clients/a",
            json!({ "clientCertificateAuthentication": { "validationScheme": "ThumbprintMatch" } }),
            "properties.clientCertificateAuthentication.allowedThumbprints",
        ),
        (
            "/clients/a",
            json!({ "clientCertificateAuthentication": { "allowedThumbprints": [thumbprint] } }),
            "properties.clientCertificateAuthentication.allowedThumbprints",
        ),
        ("/clientGroups/$all", json!({ "query": "attributes.a = 1" }), "name"),
        ("/clientGroups/%24all", json!({ "query": "attributes.a = 1" }), "built in"),
        ("/clientGroups/group", json!({}), "properties.query"),
        ("/clientGroups/group", json!({ "query": "a =" }), "properties.query"),
        ("/topicSpaces/sp", json!({ "topicTemplates": ["a"] }), "name"),
        ("/topicSpaces/other", json!({}), "properties.topicTemplates"),
        ("/topicSpaces/other", json!({ "topicTemplates": ["a", "b/#/c"] }), "properties.topicTemplates[1]"),
        ("/topicSpaces/other", json!({ "topicTemplates": vec!["a"; 11] }), "properties.topicTemplates"),
        (
            "/permissionBindings/binding",
            json!({ "clientGroupName": "$all", "topicSpaceName": "space", "permission": "Both" }),
            "properties.permission",
        ),
        (
            "/permissionBindings/binding",
            json!({ "clientGroupName": "$all", "topicSpaceName": "absent", "permission": "Publisher" }),
            "absent",
        ),
        (
            "/caCertificates/authority",
            json!({ "encodedCertificate": "none" }),
            "properties.encodedCertificate",
        ),
    ] {
        let refused = request(namespace, "PUT", path, &json!({ "properties": properties })).await;
        assert_eq!(refused.refusal(), (400, "InvalidRequest".to_owned()), "{path} {properties} {refused:?}");
        let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(named), "{message}");
    }
    assert_eq!(request(namespace, "GET", "/clients", &Value::Null).await.json()["value"], json!([]));
}

#[tokio::test]
async fn authentication_names_are_unique_and_fixed_and_places_are_few() {
    let world = World::new();
    let namespace = &world.namespace;
    let named = |name: &str| json!({ "properties": { "authenticationName": name } });
    assert_eq!(request(namespace, "PUT", "/clients/a", &named("Pump")).await.status, 201);
    let taken = request(namespace, "PUT", "/clients/b", &named("pUMP")).await;
    assert_eq!(taken.refusal(), (409, "Conflict".to_owned()));
    let changed = request(namespace, "PUT", "/clients/a", &named("pump-2")).await;
    assert_eq!(changed.refusal(), (400, "InvalidRequest".to_owned()));
    let group = json!({ "properties": { "query": "attributes.a = 1" } });
    for number in 0..10 {
        assert_eq!(
            request(namespace, "PUT", &format!("/clientGroups/group-{number}"), &group).await.status,
            201
        );
    }
    let full = request(namespace, "PUT", "/clientGroups/group-10", &group).await;
    assert_eq!(full.refusal(), (409, "QuotaExceeded".to_owned()));
    assert_eq!(request(namespace, "PUT", "/clientGroups/group-9", &group).await.status, 200);
}
