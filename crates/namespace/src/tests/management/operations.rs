//! Long-running operations.

use std::time::Duration;

use serde_json::{Value, json};

use super::http::*;
use crate::tests::support::*;
use crate::{Namespace, NamespaceConfig};

/// Where a header leads on the same host.
fn led(answer: &Answer, header: &str, namespace: &Namespace) -> String {
    let url = answer.header(header).unwrap_or_else(|| panic!("{header}: {answer:?}"));
    url.strip_prefix(&namespace.management_url()).expect("a link to the same host").to_owned()
}

#[tokio::test]
async fn a_change_is_under_way_until_its_time_is_over() {
    let config = NamespaceConfig { operation_time: Duration::from_secs(3600), ..config() };
    let namespace = Namespace::start(config).unwrap();
    let body = json!({ "properties": { "topicTemplates": ["a"] } });
    let made = request(&namespace, "PUT", "/topicSpaces/space", &body).await;
    assert_eq!((made.status, &made.json()["properties"]["provisioningState"]), (201, &json!("Creating")));
    let status =
        request_at(&namespace, "GET", &led(&made, "azure-asyncoperation", &namespace), &Value::Null).await;
    assert_eq!((status.status, &status.json()["status"]), (200, &json!("InProgress")));
    assert_eq!(status.header("retry-after"), Some("1"));
    let patched = request(&namespace, "PATCH", "", &json!({ "tags": {} })).await;
    assert_eq!(
        (patched.status, &patched.json()["properties"]["provisioningState"]),
        (202, &json!("Updating"))
    );
    let deleted = request(&namespace, "DELETE", "/topicSpaces/space", &Value::Null).await;
    assert_eq!(deleted.status, 202);
    let result = request_at(&namespace, "GET", &led(&deleted, "location", &namespace), &Value::Null).await;
    assert_eq!(result.status, 202);
    let subscription = namespace.resource_id();
    let subscription = subscription.split("/resourceGroups").next().unwrap();
    let nowhere =
        format!("{subscription}/providers/Microsoft.EventGrid/locations/local/operationsStatus/x?{STABLE}");
    let nowhere = request_at(&namespace, "GET", &nowhere, &Value::Null).await;
    assert_eq!(nowhere.refusal(), (404, "ResourceNotFound".to_owned()));
}

#[tokio::test]
async fn an_operation_ends() {
    let config = NamespaceConfig { operation_time: Duration::from_millis(1), ..config() };
    let namespace = Namespace::start(config).unwrap();
    let body = json!({ "properties": { "topicTemplates": ["a"] } });
    let made = request(&namespace, "PUT", "/topicSpaces/space", &body).await;
    let target = led(&made, "azure-asyncoperation", &namespace);
    while request_at(&namespace, "GET", &target, &Value::Null).await.json()["status"] != "Succeeded" {}
    let view = request(&namespace, "GET", "/topicSpaces/space", &Value::Null).await.json();
    assert_eq!(view["properties"]["provisioningState"], "Succeeded");
    let deleted = request(&namespace, "DELETE", "/topicSpaces/space", &Value::Null).await;
    let target = led(&deleted, "location", &namespace);
    while request_at(&namespace, "GET", &target, &Value::Null).await.status != 204 {}
}
