//! Small things that could make much work: templates, queries, filters, tokens.

use azmqtt_mqtt::ReasonCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::attributes::{AttributeValue, Attributes};
use crate::authentication::{ClientAuthentication, CustomJwt};
use crate::names::ClientName;
use crate::resources::{self, Permission};
use crate::tests::keys::TestIssuer;
use crate::tests::management::http::request;
use crate::tests::tokens::{Tokens, code, now};

#[tokio::test]
async fn what_is_too_long_or_too_deep_is_refused_and_named() {
    let world = World::new();
    let mut honest = Honest::at(&world).await;
    let namespace = &world.namespace;
    let open = "(".repeat(2000);
    let deep = format!("{open}attributes.a = 1{}", ")".repeat(2000));
    let long = format!("attributes.a IN [{}1]", "1,".repeat(3000));
    let quotes = format!("attributes.a = '{}", "''".repeat(2000));
    for query in [&open, &deep, &long, &quotes, "", "\0"] {
        let body = json!({ "properties": { "query": query } });
        let refused = request(namespace, "PUT", "/clientGroups/bomb", &body).await;
        assert_eq!(refused.refusal().0, 400, "{query:.30}: {refused:?}");
        assert!(refused.body.len() < 6000, "{}", refused.body.len());
    }
    let variables = "${client.attributes.a}".repeat(12);
    for template in [
        "+/".repeat(15) + "#",
        "a".repeat(257),
        "/".repeat(15),
        variables,
        "${".repeat(100),
        "#/#".to_owned(),
    ] {
        let body = json!({ "properties": { "topicTemplates": [template] } });
        let refused = request(namespace, "PUT", "/topicSpaces/bomb", &body).await;
        assert_eq!(refused.refusal().0, 400, "{template:.30}: {refused:?}");
    }
    // A list of nothing has its size, too.
    let empty = json!({ "properties": { "attributes": { "a": vec![""; 20_000] } } });
    assert_eq!(request(namespace, "PUT", "/clients/bomb", &empty).await.refusal().0, 400);
    let nested = (0..100).fold(json!({}), |inner, _| json!({ "properties": inner }));
    assert_eq!(request(namespace, "PUT", "/clients/bomb", &nested).await.refusal().0, 400);

    let client = world.client("asker");
    let many = "+/".repeat(15) + "#";
    for (filter, expected) in [
        (&*many, ReasonCode::TopicFilterInvalid),
        (&"t/".repeat(100), ReasonCode::TopicFilterInvalid),
        ("t/#/#", ReasonCode::TopicFilterInvalid),
        (&("t".to_owned() + &"/+".repeat(14)), ReasonCode::GrantedQoS1),
        (&"+/".repeat(14), ReasonCode::NotAuthorized),
    ] {
        let codes = match subscribe(&client, filter).await {
            Ok(codes) | Err(azmqtt_client::managed::Error::SubscribeRefused { codes, .. }) => codes,
            // The client has looked at it itself.
            Err(_) if expected == ReasonCode::TopicFilterInvalid => continue,
            Err(error) => panic!("{filter}: {error:?}"),
        };
        assert_eq!(codes, [expected], "{filter}");
    }
    honest.works().await;
}

#[tokio::test]
async fn as_many_templates_and_values_as_there_may_be_are_judged_all_the_same() {
    let world = World::new();
    let namespace = &world.namespace;
    // In each of ninety templates a level of eleven variables, each of which may have hundreds of values.
    for space in 0..9 {
        let templates: Vec<String> =
            (0..10).map(|index| format!("{}b{space}{index}", "${client.attributes.a}".repeat(11))).collect();
        let templates: Vec<&str> = templates.iter().map(String::as_str).collect();
        namespace.put_topic_space(&format!("bomb-{space}"), &templates).unwrap();
        let binding = format!("bomb-{space}");
        namespace.put_permission_binding(&binding, "$all", &binding, Permission::Publisher).unwrap();
    }
    let mut values: Vec<String> = (1..60).map(|length| "a".repeat(length)).collect();
    values.extend((0..550).map(|index| format!("x{index:03}")));
    let attributes = Attributes::new([("a".to_owned(), AttributeValue::List(values))]).unwrap();
    let config = world.config("bomber");
    let resource = resources::Client::new(ClientName::parse("bomber").unwrap()).with_attributes(attributes);
    namespace.put_client(resource).unwrap();
    let bomber = client(config);
    let mut honest = Honest::at(&world).await;
    for round in 0..5 {
        let topic = "a".repeat(240) + &round.to_string();
        let judged = async { publish(&bomber, &topic, "x").await.unwrap_err() };
        tokio::join!(judged, honest.works());
    }
    publish(&bomber, &("a".repeat(200) + "b42"), "x").await.unwrap();
}

/// The claims that would let a client in.
fn claims() -> Value {
    json!({
        "iss": "https://issuer.example", "sub": "pump", "aud": "localhost", "nbf": now() - 10, "exp": now() + 100,
    })
}

#[tokio::test]
async fn tokens_that_are_bombs_or_forged_are_refused() {
    let certificates = [(Some("one".to_owned()), TestIssuer::new().certificate())];
    let custom_jwt = Some(CustomJwt::new("https://issuer.example", &certificates).unwrap());
    let client_authentication = ClientAuthentication { custom_jwt, ..ClientAuthentication::default() };
    let world = World::with(NamespaceConfig { client_authentication, ..config() });
    let mut honest = Honest::at(&world).await;
    let (signer, other) = (TestIssuer::new(), TestIssuer::other());
    let good = signer.sign("one", &claims());
    let (head, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let encode = |value: &Value| TestIssuer::encode(value);
    let headed = |header: Value| format!("{}.{payload}.{signature}", encode(&header));
    // Deeper than any reader of JSON should follow.
    let deep = (0..100).fold(json!(1), |inner, _| json!({ "a": inner }));
    let mut with_deep = claims();
    with_deep["deep"] = deep;
    assert_eq!(world.token_refused("CUSTOM-JWT", &signer.sign("one", &with_deep)).await, None);
    let mut large = claims();
    large["large"] = json!("x".repeat(5000));
    let mut empty = claims();
    empty["list"] = json!(vec![""; 1500]);
    assert_eq!(world.token_refused("CUSTOM-JWT", &signer.sign("one", &empty)).await, None);
    let brackets = URL_SAFE_NO_PAD.encode("[".repeat(5000));
    for token in [
        String::new(),
        ".".repeat(8000),
        "..".to_owned(),
        format!("{head}.{brackets}.{signature}"),
        "A".repeat(8000),
        format!("{good}.{payload}"),
        format!("{head}.{payload}."),
        headed(json!({ "typ": "JWT", "alg": "none" })),
        headed(json!({ "typ": "JWT", "alg": "None", "kid": "one" })),
        headed(json!({ "typ": "JWT", "alg": "HS256", "kid": "one" })),
        headed(json!({ "typ": "JWT", "alg": "PS256", "kid": "one" })),
        headed(json!({ "typ": "JWT", "alg": "RS256", "kid": "two" })),
        headed(json!({ "typ": "JWT", "alg": "RS256", "kid": "../../one" })),
        headed(json!({ "typ": "JWT", "alg": "RS256", "kid": "one", "jwk": { "n": "AQAB" } })),
        headed(json!({ "typ": "JWT", "alg": ["RS256", "none"], "kid": "one" })),
        format!(
            "{}.{payload}.{signature}",
            encode(&json!({ "typ": "JWT", "alg": "RS256", "kid": "x".repeat(4000) }))
        ),
        // A token within a token.
        signer.sign("one", &json!(good)),
        other.sign("one", &claims()),
        signer.sign("one", &large),
        signer.sign("one", &json!([claims()])),
    ] {
        assert_eq!(
            world.token_refused("CUSTOM-JWT", &token).await,
            Some(ReasonCode::NotAuthorized),
            "{token:.60}"
        );
        let said = world.namespace.last_refusal().unwrap();
        assert!(said.len() < 200 && !said.contains(signature), "{said}");
        honest.works().await;
    }
    let refused = world.token_refused("CUSTOM-JWT", &"A".repeat(9000)).await;
    assert_eq!(refused, Some(ReasonCode::ImplementationSpecificError));
    let waiting = client(world.token_config("session", Tokens::new("CUSTOM-JWT", &good)));
    assert_eq!(code(connect(&waiting).await), None);
}
