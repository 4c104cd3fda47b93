use proptest::option;
use proptest::prelude::*;

use super::*;
use ConnectionStringError as E;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const TOKEN: &str = "SharedAccessSignature sr=h.net%2Fdevices%2Fd&sig=AAAA&se=1700000000";

fn parse(text: &str) -> ConnectionString {
    ConnectionString::parse(text).unwrap()
}

fn error(text: &str) -> ConnectionStringError {
    ConnectionString::parse(text).unwrap_err()
}

#[test]
fn a_device_with_a_key() {
    let parsed = parse(&format!("HostName=h.net;DeviceId=d=1;SharedAccessKey={KEY}"));
    assert_eq!((parsed.host_name.as_str(), parsed.device_id.as_str()), ("h.net", "d=1"));
    assert_eq!((&parsed.module_id, &parsed.gateway_host_name), (&None, &None));
    assert_eq!(parsed.auth, Auth::SharedAccessKey(SymmetricKey::from_base64(KEY).unwrap()));
    assert_eq!(parsed.identity(), Identity::new("h.net", "d=1", None).unwrap());
}

#[test]
fn a_module_behind_a_gateway_with_a_token() {
    let text =
        format!("HostName=h.net;DeviceId=d;ModuleId=m;SharedAccessSignature={TOKEN};GatewayHostName=edge");
    let parsed = parse(&text);
    assert_eq!(parsed.module_id.as_deref(), Some("m"));
    assert_eq!(parsed.gateway_host_name.as_deref(), Some("edge"));
    assert_eq!(parsed.auth, Auth::SharedAccessSignature(SasToken::parse(TOKEN).unwrap()));
    assert_eq!(parsed.to_string_with_secrets(), text);
}

#[test]
fn a_certificate() {
    assert_eq!(parse("HostName=h;DeviceId=d;x509=True").auth, Auth::X509);
    let with_key = parse(&format!("HostName=h;DeviceId=d;x509=false;SharedAccessKey={KEY}"));
    assert!(matches!(with_key.auth, Auth::SharedAccessKey(_)));
}

#[test]
fn untidy_but_clear() {
    let tidy = parse("HostName=h;DeviceId=d;x509=true");
    for untidy in [
        " HostName=h;DeviceId=d;x509=true;\r\n",
        "hostname = h ; deviceid= d ;; X509=TRUE;",
        "x509=true\n;DeviceId=d;HostName=h",
        "\u{feff}IOTHUB_DEVICE_CONNECTION_STRING=\"HostName=h;DeviceId=d;x509=true\"",
        "{\"connectionString\": \"HostName=h;DeviceId=d;x509=true\"}",
        "HostName=\"h\";DeviceId=\"d\";x509=true",
        "HostName=h;\u{feff}DeviceId=d;x509=true",
    ] {
        assert_eq!(parse(untidy), tidy, "{untidy}");
    }
}

#[test]
fn a_key_that_was_wrapped() {
    let wrapped = format!("{}\r\n  {}", &KEY[..20], &KEY[20..]);
    for key in [wrapped.clone(), format!("\"{wrapped}\""), format!("\u{feff}{KEY} ")] {
        let parsed = parse(&format!("HostName=h;DeviceId=d;SharedAccessKey={key}"));
        assert_eq!(parsed.auth, Auth::SharedAccessKey(SymmetricKey::from_base64(KEY).unwrap()));
    }
}

#[test]
fn errors_name_the_key() {
    let key = format!("SharedAccessKey={KEY}");
    for (text, expected, words) in [
        (String::new(), E::Missing("HostName"), "HostName is missing"),
        (format!("DeviceId=d;{key}"), E::Missing("HostName"), "HostName is missing"),
        (format!("HostName=h;{key}"), E::Missing("DeviceId"), "DeviceId is missing"),
        (
            "HostName=h;DeviceId=d".to_owned(),
            E::Missing("SharedAccessKey, SharedAccessSignature or x509=true"),
            "SharedAccessKey",
        ),
        (format!("HostName=h;DeviceId=d;{key};{key}"), E::Doubled("SharedAccessKey"), "more than once"),
        (format!("HostName=h;hostname=h;DeviceId=d;{key}"), E::Doubled("HostName"), "HostName"),
        (format!("HostName=h;DeviceId=;{key}"), E::Empty("DeviceId"), "DeviceId is empty"),
        ("HostName=h;DeviceId=d;SharedAccessKey=".to_owned(), E::Empty("SharedAccessKey"), "is empty"),
        (
            format!("HostName=h;DeviceID2=d;{key}"),
            E::Unknown { position: 2, name: Some("DeviceID2".to_owned()) },
            "unknown key 'DeviceID2'",
        ),
        (format!("HostName=h;DeviceId;{key}"), E::NotAPair { position: 2 }, "part 2"),
        (
            format!("HostName=h;DeviceId=d;{key};x509=true"),
            E::Contradiction("SharedAccessKey", "x509=true"),
            "exclude each other",
        ),
        (
            format!("HostName=h;DeviceId=d;{key};SharedAccessSignature={TOKEN}"),
            E::Contradiction("SharedAccessKey", "SharedAccessSignature"),
            "exclude each other",
        ),
        (
            format!("HostName=h;DeviceId=d;SharedAccessSignature={TOKEN};x509=true"),
            E::Contradiction("SharedAccessSignature", "x509=true"),
            "exclude each other",
        ),
        (
            "HostName=h;DeviceId=d;SharedAccessKey=AAECAwQ".to_owned(),
            E::Key(KeyError::Cut),
            "was it cut at a '='",
        ),
        (format!("NAME='HostName=h;DeviceId=d;{key}"), E::Pasted(PastedError::Quote), "quotation mark"),
        ("HostName=h;DeviceId=d;x509=yes".to_owned(), E::NotABoolean("x509"), "true or false"),
        ("HostName=h;DeviceId=d;SharedAccessKey=a*b=".to_owned(), E::Key(KeyError::NotBase64), "base64"),
        (
            "HostName=h;DeviceId=d;SharedAccessSignature=SharedAccessSignature sr=a".to_owned(),
            E::Token(SasError::Missing("sig")),
            "no sig field",
        ),
        (format!("HostName=h;SharedAccessKeyName=iothubowner;{key}"), E::ServicePolicy, "hub policy"),
        (
            format!("HostName=h;DeviceId=d;SharedAccessKeyName=device;{key}"),
            E::PolicyOnDevice,
            "SharedAccessKeyName",
        ),
    ] {
        let error = error(&text);
        assert_eq!(error, expected, "{text}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn host_names_and_ids_are_checked() {
    for (text, words) in [
        (
            "HostName=https://h;DeviceId=d;x509=true",
            "HostName: host name must be a bare name, without a scheme",
        ),
        ("HostName=h:8883;DeviceId=d;x509=true", "without a port"),
        ("HostName=h/;DeviceId=d;x509=true", "without a slash"),
        ("HostName=h;DeviceId=a+b;x509=true", "DeviceId: device id must not contain '+' or '#'"),
        ("HostName=h;DeviceId=d;ModuleId=a b;x509=true", "ModuleId: module id may contain only"),
        ("HostName=h;DeviceId=d;GatewayHostName=a:1;x509=true", "GatewayHostName: host name"),
    ] {
        assert!(error(text).to_string().contains(words), "{}", error(text));
    }
}

#[test]
fn secrets_are_never_shown() {
    let parsed = parse(&format!("HostName=h;DeviceId=d;SharedAccessKey={KEY}"));
    assert!(!format!("{parsed:?}").contains("AAEC"));
    for text in [
        KEY.to_owned(),
        "aGVsbG8sIHdvcmxkLCB0aGlzIGlzIGEga2V5IG9m=".to_owned(),
        format!("HostName=h;DeviceId=d;SharedAccessKeyX={KEY}!;SharedAccessKey={KEY}!"),
        format!("HostName=h;DeviceId=d;SharedAccessKey={KEY}!"),
        format!("HostName=h;DeviceId=d;SharedAccessKey;{KEY}"),
        format!("'HostName=h;DeviceId=d;SharedAccessKey={KEY}"),
        format!("{{\"connectionString\": \"SharedAccessKey={KEY}"),
        format!("{{\"primaryKey\": \"{KEY}\"}}"),
        format!("NAME=HostName=h;{KEY}"),
        "HostName=h;DeviceId=d;SharedAccessSignature=SharedAccessSignature sr=a&sig=AAEC!&se=aGVsbG8"
            .to_owned(),
    ] {
        let shown = format!("{0} {0:?}", error(&text));
        assert!(!shown.contains("AAEC") && !shown.contains("aGVsbG8"), "{shown}");
    }
}

proptest! {
    #[test]
    fn round_trip(
        host in "[a-z]{1,8}(\\.[a-z]{1,8}){0,2}",
        device in "[A-Za-z0-9.%_*?!(),:=@$'-]{1,20}",
        module in option::of("[A-Za-z0-9.%_*?!(),:=@$'-]{1,20}"),
        gateway in option::of("[a-z]{1,8}"),
        kind in 0..3,
    ) {
        let key = SymmetricKey::from_base64(KEY).unwrap();
        let auth = match kind {
            0 => Auth::SharedAccessSignature(SasToken::sign("h/devices/d", &key, 9, None)),
            1 => Auth::X509,
            _ => Auth::SharedAccessKey(key),
        };
        let string = ConnectionString {
            host_name: host, device_id: device, module_id: module, gateway_host_name: gateway, auth,
        };
        prop_assert_eq!(parse(&string.to_string_with_secrets()), string);
    }

    #[test]
    fn parsing_is_total(any in any::<String>(), near in "(HostName|DeviceId|x509|ModuleId|[a=; é\n]){0,12}") {
        let _ = ConnectionString::parse(&any);
        let _ = ConnectionString::parse(&near);
    }
}
