use super::*;

#[test]
fn a_webhook_is_on_this_machine_unless_others_are_allowed() {
    let made = |address: &str, remote| Webhook::new(address, "api://app/.default", None, remote);
    for address in [
        "http://localhost/a?code=b",
        "https://LOCALHOST:8443",
        "http://127.0.0.1:80/",
        "http://127.9.9.9",
        "https://[::1]:1/a",
    ] {
        let webhook = made(address, false).unwrap();
        assert_eq!((webhook.address(), webhook.audience()), (address, "api://app"));
    }
    for address in [
        "http://example.com",
        "http://10.0.0.1",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://0.0.0.0",
        "http://[::]",
    ] {
        assert_eq!(made(address, false), Err(InvalidWebhook::Remote), "{address}");
        assert!(made(address, true).is_ok(), "{address}");
    }
    for address in
        ["", "localhost", "ftp://localhost", "/a", "http://", "http://localhost:99999", "http:///a"]
    {
        assert_eq!(made(address, true), Err(InvalidWebhook::Address), "{address}");
    }
    assert_eq!(made(&format!("http://localhost/{}", "x".repeat(2048)), true), Err(InvalidWebhook::Address));
    assert_eq!(made("http://a:b@localhost/", true), Err(InvalidWebhook::Credentials));
    assert_eq!(made("http://localhost@example.com/", false), Err(InvalidWebhook::Credentials));
}

#[test]
fn an_answer_is_what_the_service_documents() {
    let parse = |answer: Value| WebhookAnswer::parse(answer.to_string().as_bytes());
    let answer = json!({
        "decision": "allow", "clientAuthenticationName": "pump", "attributes": { "a": 1, "b": "c", "d": ["e"] },
        "expiration": 1_713_782_400,
    });
    let Ok(WebhookAnswer::Allow { name, attributes, expires }) = parse(answer) else { panic!("no answer") };
    assert_eq!((name.as_str(), expires), ("pump", Some(Duration::from_secs(1_713_782_400))));
    assert_eq!(attributes.get("d"), Some(&AttributeValue::List(vec!["e".to_owned()])));
    let Ok(WebhookAnswer::Allow { expires: None, .. }) =
        parse(json!({ "decision": "allow", "clientAuthenticationName": "pump" }))
    else {
        panic!("no answer")
    };
    assert_eq!(parse(json!({ "decision": "deny" })), Ok(WebhookAnswer::Deny("no reason given".to_owned())));
    let denied = parse(json!({ "decision": "deny", "errorReason": "no\n".repeat(100) }));
    assert!(
        matches!(denied, Ok(WebhookAnswer::Deny(reason)) if reason.chars().count() == 201 && !reason.contains('\n'))
    );

    let allow = |member: &str, value: Value| json!({ "decision": "allow", "clientAuthenticationName": "pump", member: value });
    let name = InvalidAnswer::Member("clientAuthenticationName");
    for (answer, wrong) in [
        (json!([]), InvalidAnswer::NotJson),
        (json!({}), InvalidAnswer::Member("decision")),
        (json!({ "decision": "Allow" }), InvalidAnswer::Member("decision")),
        (json!({ "decision": "allow" }), name.clone()),
        (allow("clientAuthenticationName", json!("")), name),
        (allow("attributes", json!([])), InvalidAnswer::Member("attributes")),
        (allow("attributes", json!({ "a": 1.5 })), InvalidAnswer::Attributes),
        (allow("attributes", json!({ "a": 1_u64 << 40 })), InvalidAnswer::Attributes),
        (allow("attributes", json!({ "a b": 1 })), InvalidAnswer::Attributes),
        (allow("attributes", json!({ "a": "x".repeat(4096) })), InvalidAnswer::Attributes),
        (allow("expiration", json!("soon")), InvalidAnswer::Member("expiration")),
    ] {
        assert_eq!(parse(answer.clone()), Err(wrong), "{answer}");
    }
    assert_eq!(WebhookAnswer::parse(b"{"), Err(InvalidAnswer::NotJson));
}
