//! `/azmqtt/clients` and `/azmqtt/access`: clients, their sessions, and what they may do.

use serde_json::{Value, json};

use super::http::*;
use crate::Namespace;
use crate::names::{AuthenticationName, ClientName};
use crate::resources::{self, Permission};
use crate::tests::support::*;

async fn get(namespace: &Namespace, target: &str) -> Answer {
    request_at(namespace, "GET", target, &Value::Null).await
}

async fn judged(namespace: &Namespace, query: &str) -> Value {
    let answer = get(namespace, &format!("/azmqtt/access?{query}")).await;
    assert_eq!(answer.status, 200, "{query} {answer:?}");
    answer.json()
}

fn disabled(name: &str) -> resources::Client {
    let client = resources::Client::new(ClientName::parse(name).unwrap());
    resources::Client { is_enabled: false, ..client }
}

#[tokio::test]
async fn clients_are_listed_with_their_groups_and_sessions() {
    let world = World::new();
    let namespace = &world.namespace;
    world.contoso(&["rooms/#"]);
    namespace.put_client_group("sensors", "authenticationName = 'Sensor'").unwrap();
    namespace.put_client(disabled("aside")).unwrap();
    let client = world.client("Sensor");
    connect(&client).await.unwrap();
    subscribe(&client, "rooms/+").await.unwrap();
    let clients = get(namespace, "/azmqtt/clients").await.json();
    let aside = json!({
        "client": "aside", "resource": "aside", "enabled": false, "groups": ["$all"], "sessions": []
    });
    let session = json!({
        "session": "Sensor", "connected": true, "connection": 1, "protocol": "5.0",
        "subscriptions": ["rooms/+"], "queued": 0, "in_flight_bytes": 0,
    });
    let sensor = json!({
        "client": "Sensor", "resource": "Sensor", "enabled": true, "groups": ["$all", "sensors"],
        "sessions": [session],
    });
    assert_eq!(clients, json!([aside, sensor]));
    assert_eq!(get(namespace, "/azmqtt/clients?after=ASIDE").await.json(), json!([sensor]));
    assert_eq!(get(namespace, "/azmqtt/clients?after=sensor").await.json(), json!([]));
    for (name, found) in [("sensor", json!([sensor])), ("aside", json!([aside])), ("nobody", json!([]))] {
        assert_eq!(get(namespace, &format!("/azmqtt/clients?client={name}")).await.json(), found, "{name}");
    }
    close(&client).await;
}

#[tokio::test]
async fn a_client_is_found_by_both_of_its_names_and_has_a_role_for_none() {
    let world = World::new();
    let namespace = &world.namespace;
    let shown = AuthenticationName::parse("pump/1").unwrap();
    let pump = resources::Client::new(ClientName::parse("p1").unwrap()).with_authentication_name(shown);
    namespace.put_client(pump).unwrap();
    for name in ["PUMP%2F1", "p1"] {
        let found = get(namespace, &format!("/azmqtt/clients?client={name}")).await.json();
        assert_eq!((&found[0]["client"], &found[1]), (&json!("pump/1"), &Value::Null), "{name}");
    }
    let id = "00000000-0000-0000-0000-000000000001";
    namespace.put_role_assignment(id, Permission::Publisher, None).unwrap();
    assert_eq!(get(namespace, &format!("/azmqtt/clients?client={id}")).await.json(), json!([]));
}

#[tokio::test]
async fn a_long_list_has_every_client_once_in_order() {
    let world = World::new();
    let names: Vec<_> = (0..600).map(|number| format!("c{number:03}")).collect();
    for name in names.iter().rev() {
        world.namespace.put_client(disabled(name)).unwrap();
    }
    let listed = get(&world.namespace, "/azmqtt/clients").await.json();
    let listed = listed.as_array().unwrap().iter().map(|client| client["client"].as_str().unwrap());
    assert_eq!(listed.collect::<Vec<_>>(), names);
}

#[tokio::test]
async fn a_verdict_names_bindings_or_says_what_to_do() {
    let world = World::new();
    let namespace = &world.namespace;
    world.contoso(&["rooms/a", "rooms/+"]);
    namespace.put_client(disabled("aside")).unwrap();
    let client = world.client("sensor");
    connect(&client).await.unwrap();
    let by = json!([{
        "permission_binding": "contosopublisherbinding", "client_group": "$all",
        "topic_space": "ContosoTopicSpace", "topic_template": "rooms/+",
    }]);
    let allowed = json!({ "allowed": true, "client": "sensor", "groups": ["$all"], "by": by });
    assert_eq!(judged(namespace, "client=SENSOR&publish=rooms%2Fb").await, allowed);
    let subscribe = judged(namespace, "client=sensor&subscribe=%24share%2Fg%2Frooms%2F%2B").await;
    assert_eq!(subscribe["by"][0]["permission_binding"], "contososubscriberbinding");

    let denied = judged(namespace, "client=sensor&subscribe=rooms/%23").await;
    assert_eq!((&denied["allowed"], &denied["topic_spaces"]), (&json!(false), &json!(["ContosoTopicSpace"])));
    assert!(denied["advice"].as_str().unwrap().contains("covers"));
    let reason = |verdict: Value| {
        assert!(verdict["advice"].as_str().unwrap().ends_with('.'), "{verdict}");
        verdict["reason"].as_str().unwrap().to_owned()
    };
    assert!(reason(judged(namespace, "client=aside&publish=rooms/a").await).contains("disabled"));
    assert!(reason(judged(namespace, "client=sensor&publish=rooms/%2B").await).contains("wildcards"));
    let long = format!("client=sensor&publish={}", "a".repeat(300));
    assert!(reason(judged(namespace, &long).await).contains("256 bytes"));
    namespace.delete_permission_binding("contosopublisherbinding").unwrap();
    let without = judged(namespace, "client=sensor&publish=rooms/b").await;
    assert_eq!(without["topic_spaces"], json!([]));
    assert!(reason(without).contains("no permission binding"));
    close(&client).await;
}

#[tokio::test]
async fn an_identity_of_entra_id_has_roles() {
    let world = World::new();
    let namespace = &world.namespace;
    world.contoso(&["rooms/+"]);
    let id = "00000000-0000-0000-0000-000000000001";
    let target = format!("client={id}&publish=rooms/a");
    assert_eq!(get(namespace, &format!("/azmqtt/access?{target}")).await.status, 404);
    namespace.put_role_assignment(id, Permission::Publisher, None).unwrap();
    let by = json!([{
        "role": "EventGrid TopicSpaces Publisher", "topic_space": "ContosoTopicSpace", "topic_template": "rooms/+",
    }]);
    let allowed = json!({ "allowed": true, "client": id, "groups": [], "by": by });
    assert_eq!(judged(namespace, &target).await, allowed);
    let denied = judged(namespace, &format!("client={id}&subscribe=rooms/a")).await;
    assert!(denied["reason"].as_str().unwrap().contains("not have the role"), "{denied}");
}

#[tokio::test]
async fn queries_are_checked_and_bounded() {
    let world = World::new();
    let namespace = &world.namespace;
    let endless = format!("client={}", "a".repeat(20_000));
    let many = "a&".repeat(4000);
    let long = format!("client={}&publish=a", "a".repeat(200));
    for (query, status) in [
        ("", 400),
        ("client=a", 400),
        ("publish=a", 400),
        ("client=&publish=a", 400),
        ("client=a&publish=", 400),
        ("client=a&publish=b&subscribe=b", 400),
        ("client=a&client=b&publish=b", 400),
        ("client=a&publish=b&more=c", 400),
        ("client=nobody&publish=b", 404),
        (&long, 400),
        (&many, 400),
        (&endless, 431),
    ] {
        let answer = get(namespace, &format!("/azmqtt/access?{query}")).await;
        assert_eq!(answer.status, status, "{query:.60}");
    }
    for query in ["x", "client=", "client=a&after=b", "client=a&client=b"] {
        assert_eq!(get(namespace, &format!("/azmqtt/clients?{query}")).await.status, 400, "{query}");
    }
    for target in ["/azmqtt/clients", "/azmqtt/access?client=a&publish=b"] {
        assert_eq!(send(namespace, "GET", target, "", b"").await.refusal().0, 401, "{target}");
        assert_eq!(request_at(namespace, "POST", target, &Value::Null).await.refusal().0, 405, "{target}");
    }
}
