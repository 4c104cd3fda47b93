use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::attributes::AttributeValue;
use crate::names::ObjectId;
use crate::tests::keys::TestIssuer;

mod authorities;
mod webhooks;

const ISSUER: &str = "https://issuer.example";
const HOST: &str = "my.namespace";

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "sub": "pump", "aud": HOST, "nbf": now() - 10, "exp": now() + 100 })
}

/// The claims with some changed, or with `null` taken away.
fn with(changes: &Value) -> Value {
    let mut claims = claims();
    let all = claims.as_object_mut().unwrap();
    for (claim, value) in changes.as_object().unwrap() {
        all.shift_remove(claim);
        if !value.is_null() {
            all.insert(claim.clone(), value.clone());
        }
    }
    claims
}

fn custom(kid: Option<&str>) -> CustomJwt {
    CustomJwt::new(ISSUER, &[(kid.map(str::to_owned), TestIssuer::new().certificate())]).unwrap()
}

fn admit(issuer: &CustomJwt, token: &str) -> Result<Admitted, InvalidToken> {
    issuer.admit(token.as_bytes(), &[HOST, "custom.example"], SystemTime::now())
}

#[test]
fn claims_must_be_there_and_right() {
    let (issuer, signer) = (custom(Some("one")), TestIssuer::new());
    let judged = |changes: Value| admit(&issuer, &signer.sign("one", &with(&changes))).map(|_| ());
    assert_eq!(judged(json!({})), Ok(()));
    for audience in [
        json!("MY.namespace"),
        json!("my.namespace/"),
        json!(["other", "my.namespace"]),
        json!("custom.example"),
    ] {
        assert_eq!(judged(json!({ "aud": audience })), Ok(()), "{audience}");
    }
    assert_eq!(judged(json!({ "exp": 4_000_000_000.5 })), Ok(()));
    assert_eq!(judged(json!({ "iss": "https://other.example" })), Err(InvalidToken::Issuer));
    assert_eq!(judged(json!({ "iss": null })), Err(InvalidToken::Issuer));
    for (claim, value, wrong) in [
        ("sub", json!(null), "is missing"),
        ("sub", json!(5), "is not a text"),
        ("sub", json!(""), "is not a text"),
        ("sub", json!("x".repeat(129)), "is no authentication name"),
        ("aud", json!(null), "is missing"),
        ("aud", json!("elsewhere"), "is another recipient"),
        ("aud", json!([]), "is another recipient"),
        ("aud", json!({}), "is neither a text nor a list of texts"),
        ("nbf", json!(null), "is missing"),
        ("nbf", json!(now() + 50), "is in the future"),
        ("exp", json!(null), "is missing"),
        ("exp", json!("soon"), "is not a time"),
        ("exp", json!(-5), "is not a time"),
        ("exp", json!(now() - 1), "is over"),
    ] {
        let judged = judged(json!({ claim: value }));
        assert_eq!(judged, Err(InvalidToken::Claim(claim, wrong)), "{claim}: {value}");
        let said = judged.unwrap_err().to_string();
        assert!(said.contains(claim) && !said.contains("elsewhere") && !said.contains("xxx"), "{said}");
    }
}

#[test]
fn other_claims_are_attributes_if_their_type_is_one() {
    let token = TestIssuer::new().sign(
        "one",
        &with(&json!({
            "num_attr": 1, "str_attr": "some string", "str_list_attr": ["string 1", "string 2"], "iat": 5, "jti": "x",
            "least": i32::MIN, "large": 1_i64 << 31, "float": 1.23, "bool": true, "numbers": [1, 2, 3], "object": { "f": "v" },
            "https://issuer.example/claim": "x",
        })),
    );
    let identity = admit(&custom(None), &token).unwrap().identity;
    let text = |text: &str| text.to_owned();
    let expected = [
        ("least", AttributeValue::Integer(i32::MIN.into())),
        ("num_attr", AttributeValue::Integer(1)),
        ("str_attr", AttributeValue::Text(text("some string"))),
        ("str_list_attr", AttributeValue::List(vec![text("string 1"), text("string 2")])),
    ];
    let found: Vec<_> = identity.principal.attributes.iter().collect();
    assert_eq!(found, expected.iter().map(|(key, value)| (*key, value)).collect::<Vec<_>>());
    let large = TestIssuer::new().sign("one", &with(&json!({ "text": "x".repeat(4096) })));
    assert!(matches!(admit(&custom(None), &large), Err(InvalidToken::Claim("set", _))));
}

#[test]
fn a_token_is_of_this_form_and_signed_by_the_issuer() {
    let (signer, other) = (TestIssuer::new(), TestIssuer::other());
    let good = signer.sign("one", &claims());
    for kid in [None, Some("one")] {
        assert!(admit(&custom(kid), &good).is_ok());
        let forged = other.sign("one", &claims());
        assert_eq!(admit(&custom(kid), &forged).err(), Some(InvalidToken::Signature));
    }
    assert_eq!(admit(&custom(Some("two")), &good).err(), Some(InvalidToken::KeyId));
    let (head, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let header = |header: Value| format!("{}.{payload}.{signature}", TestIssuer::encode(&header));
    for (token, wrong) in [
        (String::new(), InvalidToken::Malformed("form")),
        (format!("{head}.{payload}"), InvalidToken::Malformed("form")),
        (format!("{good}."), InvalidToken::Malformed("form")),
        (format!("{head}.{payload}.="), InvalidToken::Malformed("signature")),
        (format!("{head}.{payload}."), InvalidToken::Signature),
        (format!("{head}.{head}.{signature}"), InvalidToken::Issuer),
        (format!("{head}.*.{signature}"), InvalidToken::Malformed("payload")),
        (format!("x.{payload}.{signature}"), InvalidToken::Malformed("header")),
        (header(json!([])), InvalidToken::Malformed("header")),
        (header(json!({ "typ": "JWT", "alg": "none" })), InvalidToken::Algorithm),
        (header(json!({ "typ": "JWT", "alg": "HS256" })), InvalidToken::Algorithm),
        (header(json!({ "typ": "JWT" })), InvalidToken::Algorithm),
        (header(json!({ "alg": "RS256" })), InvalidToken::Type),
        (header(json!({ "typ": "JWT", "alg": "RS256", "kid": 5 })), InvalidToken::Malformed("header kid")),
        (
            header(json!({ "typ": "JWT", "alg": "RS256", "crit": ["b"] })),
            InvalidToken::Malformed("header crit"),
        ),
        // The header is signed as well.
        (header(json!({ "typ": "JWS", "alg": "RS256" })), InvalidToken::Signature),
        (format!("{good}{}", "x".repeat(8192)), InvalidToken::TooLong),
    ] {
        assert_eq!(admit(&custom(None), &token).err(), Some(wrong), "{token}");
    }
}

#[test]
fn an_issuer_has_one_or_two_certificates_of_rsa() {
    let rsa = TestIssuer::new().certificate();
    let of = |kid: &str, pem: &str| (Some(kid.to_owned()), pem.to_owned());
    assert_eq!(CustomJwt::new("", &[of("a", &rsa)]), Err(InvalidIssuer::NoIssuer));
    assert_eq!(CustomJwt::new("i", &[]), Err(InvalidIssuer::Certificates(0)));
    let three = [of("a", &rsa), of("b", &rsa), of("c", &rsa)];
    assert_eq!(CustomJwt::new("i", &three), Err(InvalidIssuer::Certificates(3)));
    assert_eq!(CustomJwt::new("i", &[of("a", &rsa), of("a", &rsa)]), Err(InvalidIssuer::SameKeyId));
    let elliptic = azmqtt_local::certificate_authority::Authority::generate("test").unwrap();
    for wrong in [&elliptic.certificate, &elliptic.key, "nothing", &[&*rsa, &*rsa].concat()] {
        let made = CustomJwt::new("i", &[of("a", &rsa), of("b", wrong)]);
        assert!(matches!(made, Err(InvalidIssuer::Certificate(1, _))), "{made:?}");
    }
    let two = CustomJwt::new("i", &[of("a", &rsa), of("b", &TestIssuer::other().certificate())]);
    let two = two.unwrap();
    assert_eq!(two.certificates().map(|(kid, _)| kid).collect::<Vec<_>>(), [Some("a"), Some("b")]);
    assert_eq!(two.issuer(), "i");
}

#[test]
fn the_local_issuer_makes_tokens_that_it_takes_and_keeps_its_key() {
    let root = azmqtt_local::files::make_temp_dir("azmqtt-namespace-test-").unwrap();
    let file = root.join("key.pem");
    let id = ObjectId::parse("11111111-2222-3333-4444-AAAAAAAAAAAA").unwrap();
    let hour = Duration::from_secs(3600);
    let issuer = TokenIssuer::open(Some(file.clone())).unwrap();
    assert!(!file.exists());
    let token = issuer.mint(&id, AUDIENCE, hour).unwrap();
    let admitted = issuer.admit(token.as_bytes(), SystemTime::now()).unwrap();
    assert_eq!(admitted.identity.principal.name.as_str(), "11111111-2222-3333-4444-aaaaaaaaaaaa");
    assert!(admitted.valid_for > hour / 2 && admitted.valid_for <= hour);

    let again = TokenIssuer::open(Some(file.clone())).unwrap();
    assert!(again.admit(token.as_bytes(), SystemTime::now()).is_ok());
    assert_eq!(again.public_key().unwrap(), issuer.public_key().unwrap());
    let later = SystemTime::now() + hour;
    assert_eq!(again.admit(token.as_bytes(), later).err(), Some(InvalidToken::Claim("exp", "is over")));
    let short = again.mint(&id, "https://eventgrid.azure.net", hour).unwrap();
    assert!(again.admit(short.as_bytes(), SystemTime::now()).is_ok());
    let other = again.mint(&id, "https://management.azure.com/", hour).unwrap();
    let refused = again.admit(other.as_bytes(), SystemTime::now()).err();
    assert_eq!(refused, Some(InvalidToken::Claim("aud", "is another recipient")));

    let none = TokenIssuer::open(None).unwrap();
    assert_eq!(none.admit(token.as_bytes(), SystemTime::now()).err(), Some(InvalidToken::Signature));
    let foreign = TestIssuer::new().sign("one", &claims());
    assert_eq!(none.admit(foreign.as_bytes(), SystemTime::now()).err(), Some(InvalidToken::Issuer));
    std::fs::write(&file, "nothing").unwrap();
    assert!(TokenIssuer::open(Some(file)).is_err());
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn nothing_shows_a_token() {
    let secret = "c2VjcmV0";
    let token = format!("{secret}.{secret}.{secret}");
    let error = Unverified::parse(token.as_bytes()).err().unwrap();
    assert!(!error.to_string().contains(secret) && !format!("{error:?}").contains(secret));
    let webhook = Webhook::new("http://localhost:1/a?code=c2VjcmV0", "app", None, false);
    assert!(!format!("{:?}", webhook.unwrap()).contains(secret));
}

proptest! {
    #[test]
    fn reading_a_token_is_total(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[A-Za-z0-9_.-]{0,200}") {
        prop_assert!(custom(None).admit(&bytes, &[HOST], SystemTime::now()).is_err());
        prop_assert!(custom(None).admit(text.as_bytes(), &[HOST], SystemTime::now()).is_err());
        let _ = WebhookAnswer::parse(&bytes);
    }

    #[test]
    fn no_change_of_a_token_is_taken(position in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut token = TestIssuer::new().sign("one", &claims()).into_bytes();
        let place = position.index(token.len());
        prop_assume!(token[place] != byte);
        token[place] = byte;
        prop_assert!(custom(None).admit(&token, &[HOST], SystemTime::now()).is_err());
    }
}
