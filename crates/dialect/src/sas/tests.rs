use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::identity::Identity;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const RESOURCE: &str = "myhub.azure-devices.net/devices/dev1";
const EXPIRY: u64 = 1_700_000_000;
const TOKEN: &str = "SharedAccessSignature sr=myhub.azure-devices.net%2Fdevices%2Fdev1\
                     &sig=i%2BYmMcSSZc4KzBi6ejz3l0iL%2B2sN0CE3q6vSm837h2g%3D&se=1700000000";

fn key() -> SymmetricKey {
    SymmetricKey::from_base64(KEY).unwrap()
}

#[test]
fn the_known_vector() {
    let token = SasToken::sign(RESOURCE, &key(), EXPIRY, None);
    assert_eq!(token.as_str(), TOKEN);
    assert_eq!(token.to_token(), TOKEN);
    assert_eq!(SasToken::parse(TOKEN), Ok(token));
}

#[test]
fn a_policy_is_named() {
    let token = SasToken::sign("h", &key(), 5, Some("my policy"));
    assert!(token.as_str().ends_with("&se=5&skn=my%20policy"));
    let token = SasToken::parse(token.as_str()).unwrap();
    assert_eq!((token.policy(), token.expiry(), token.resource()), (Some("my policy"), 5, "h"));
    assert_eq!(SasToken::parse(&format!("{TOKEN}&skn=")).unwrap().policy(), None);
}

#[test]
fn either_key_is_accepted_and_others_are_not() {
    let token = SasToken::parse(TOKEN).unwrap();
    let other = SymmetricKey::from_base64("b3RoZXI=").unwrap();
    assert_eq!(token.verify(RESOURCE, &[&other, &key()], EXPIRY), Ok(()));
    assert_eq!(token.verify(RESOURCE, &[&key(), &other], EXPIRY), Ok(()));
    assert_eq!(token.verify(RESOURCE, &[&other], EXPIRY), Err(SasRejection::Signature));
    assert_eq!(token.verify(RESOURCE, &[], EXPIRY), Err(SasRejection::Signature));
}

#[test]
fn the_signature_covers_the_resource_and_expiry_as_transmitted() {
    let verify = |text: &str| SasToken::parse(text).unwrap().verify(RESOURCE, &[&key()], EXPIRY);
    assert_eq!(verify(TOKEN), Ok(()));
    assert_eq!(verify(&TOKEN.replace("%2Fdevices", "%2fdevices")), Err(SasRejection::Signature));
    assert_eq!(verify(&TOKEN.replace("1700000000", "1700000001")), Err(SasRejection::Signature));
    assert_eq!(verify(&TOKEN.replace("i%2BYm", "j%2BYm")), Err(SasRejection::Signature));
    assert_eq!(verify(&TOKEN.replace("g%3D", "w%3D")), Err(SasRejection::Signature));
    let short = "SharedAccessSignature sr=a&sig=AAAA&se=1";
    assert_eq!(verify(short), Err(SasRejection::Signature));
}

#[test]
fn another_spelling_of_the_resource_is_fine_when_it_was_signed() {
    // HMAC-SHA256 over "myhub.azure-devices.net%2fdevices%2fdev1\n1700000000", made here because `sign` spells upper-case.
    use base64::Engine;
    use hmac::Mac;
    let resource = "myhub.azure-devices.net%2fdevices%2fdev1";
    for (expiry, seconds) in [("1700000000", EXPIRY), ("0001700000000", EXPIRY)] {
        let mac = key().mac(&[resource, "\n", expiry]).finalize().into_bytes();
        let signature = base64::engine::general_purpose::STANDARD.encode(mac).replace('=', "%3d");
        // A raw '+' in the signature is a plus, never a space.
        let token =
            SasToken::parse(&format!("SharedAccessSignature se={expiry}&sig={signature}&sr={resource}"))
                .unwrap();
        assert_eq!(token.expiry(), seconds);
        assert_eq!(token.verify(RESOURCE, &[&key()], EXPIRY), Ok(()));
    }
}

#[test]
fn the_audience_is_a_prefix_by_whole_segments() {
    let covers = |signed: &str, expected: &str| SasToken::sign(signed, &key(), 1, None).covers(expected);
    for signed in
        [RESOURCE, "myhub.azure-devices.net", "myhub.azure-devices.net/", "MyHub.azure-devices.net/devices"]
    {
        assert!(covers(signed, RESOURCE), "{signed}");
        assert!(covers(signed, &format!("{RESOURCE}/modules/m")), "{signed}");
    }
    for signed in [
        "",
        "/",
        "myhub",
        "other.azure-devices.net/devices/dev1",
        "myhub.azure-devices.net/devices/dev",
        "myhub.azure-devices.net/devices/dev11",
        "myhub.azure-devices.net//dev1",
        "myhub.azure-devices.net/devices/dev1/modules/m",
    ] {
        assert!(!covers(signed, RESOURCE), "{signed}");
    }
    let token = SasToken::parse(TOKEN).unwrap();
    let other = "myhub.azure-devices.net/devices/dev2";
    assert_eq!(token.verify(other, &[&key()], EXPIRY), Err(SasRejection::Audience));
}

#[test]
fn ids_may_be_encoded_on_their_own_or_not() {
    let expected = Identity::new("h", "a@b%c", None).unwrap().sas_resource();
    assert_eq!(expected, format!("h/devices/{}", crate::encoding::encode("a@b%c")));
    for signed in [expected.as_str(), "h/devices/a@b%c"] {
        assert!(SasToken::sign(signed, &key(), 1, None).covers(&expected), "{signed}");
    }
    assert!(!SasToken::sign("h/devices/a@b", &key(), 1, None).covers(&expected));
}

#[test]
fn the_skew_is_five_minutes() {
    let token = SasToken::parse(TOKEN).unwrap();
    assert_eq!(token.verify(RESOURCE, &[&key()], EXPIRY + 300), Ok(()));
    assert_eq!(token.verify(RESOURCE, &[&key()], EXPIRY + 301), Err(SasRejection::Expired));
    let endless = SasToken::sign(RESOURCE, &key(), u64::MAX, None);
    assert_eq!(endless.verify(RESOURCE, &[&key()], u64::MAX), Ok(()));
}

#[test]
fn malformed_tokens() {
    for (text, error) in [
        ("", SasError::Scheme),
        ("Bearer x", SasError::Scheme),
        ("SharedAccessSignature", SasError::Scheme),
        ("SharedAccessSignature  ", SasError::Scheme),
        ("SharedAccessSignature sig=AAAA&se=1", SasError::Missing("sr")),
        ("SharedAccessSignature sr=&sig=AAAA&se=1", SasError::Missing("sr")),
        ("SharedAccessSignature sr=a&se=1", SasError::Missing("sig")),
        ("SharedAccessSignature sr=a&sig=AAAA", SasError::Missing("se")),
        ("SharedAccessSignature sr=a&sr=a&sig=AAAA&se=1", SasError::Doubled("sr")),
        ("SharedAccessSignature sr=%&sig=AAAA&se=1", SasError::Malformed("sr")),
        ("SharedAccessSignature sr=a&sig=A&se=1", SasError::Malformed("sig")),
        ("SharedAccessSignature sr=a&sig=AAAA&se=-1", SasError::Malformed("se")),
        ("SharedAccessSignature sr=a&sig=AAAA&se=99999999999999999999", SasError::Malformed("se")),
        ("SharedAccessSignature sr=a&sig=AAAA&se=1&skn=%f", SasError::Malformed("skn")),
    ] {
        assert_eq!(SasToken::parse(text), Err(error), "{text}");
    }
    let long = format!("SharedAccessSignature sr={}&sig=AAAA&se=1", "a".repeat(70_000));
    assert_eq!(SasToken::parse(&long), Err(SasError::TooLong));
}

#[test]
fn keys() {
    assert_eq!(SymmetricKey::from_base64(""), Err(KeyError::Empty));
    for bad in ["not base64", "AAE", "AAE*"] {
        let error = SymmetricKey::from_base64(bad).unwrap_err();
        assert_eq!(error, KeyError::NotBase64);
        assert!(!error.to_string().contains(bad));
    }
    assert_eq!(key().as_base64(), KEY);
    let sevens = |bytes: &mut [u8]| {
        bytes.fill(7);
        Ok::<_, ()>(())
    };
    let fresh = SymmetricKey::generate(sevens).unwrap();
    assert_eq!(SymmetricKey::from_base64(&fresh.as_base64()).unwrap(), fresh);
    assert_eq!(fresh.as_base64().len(), 44);
    assert_ne!(fresh, key());
    assert_eq!(SymmetricKey::generate(|_| Err("no numbers")), Err("no numbers"));
    assert_ne!(SymmetricKey::from_base64("AAEC").unwrap(), key());
}

#[test]
fn secrets_stay_out_of_debug() {
    assert_eq!(format!("{:?}", key()), "SymmetricKey(…)");
    let shown = format!("{:?}", SasToken::parse(TOKEN).unwrap());
    assert!(
        shown.contains("1700000000") && !shown.contains("YmMcSSZc4K") && !shown.contains("139"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn what_is_signed_parses_and_verifies(
        bytes in proptest::collection::vec(any::<u8>(), 1..80),
        id in "[A-Za-z0-9.%_*?!(),:=@$'-]{1,20}",
        expiry in any::<u64>(),
        policy in option::of(".{1,8}"),
    ) {
        use base64::Engine;
        let key = SymmetricKey::from_base64(&base64::engine::general_purpose::STANDARD.encode(bytes)).unwrap();
        let resource = Identity::new("h.net", &id, None).unwrap().sas_resource();
        let token = SasToken::sign(&resource, &key, expiry, policy.as_deref());
        let parsed = SasToken::parse(token.as_str()).unwrap();
        prop_assert_eq!(parsed.verify(&resource, &[&key], expiry), Ok(()));
        prop_assert_eq!(parsed, token);
    }

    #[test]
    fn parsing_is_total(any in any::<String>(), near in "(sr|sig|se|skn|[a-z0-9=&%+ é]){0,12}") {
        let _ = SasToken::parse(&any);
        if let Ok(token) = SasToken::parse(&format!("SharedAccessSignature {near}")) {
            let _ = token.verify(RESOURCE, &[&key()], 0);
        }
    }
}
