//! Who may use which route: every route of the HTTPS listener against every kind of credentials.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio_rustls::rustls::version;

use crate::http::listed_routes;
use crate::tests::support::client::{hub, key, tls_config, tls_over_https};
use crate::tests::support::http::{Http, VERSION, policy_key};
use crate::throttle::Operation;
use crate::unix_time::unix_now;
use azmqtt_dialect::WEBSOCKET_PATH;
use azmqtt_dialect::sas::{SasToken, SymmetricKey};

/// What a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Read,
    Write,
    Service,
    /// The key of a policy with every right.
    Owner,
    /// The credentials of the device of the path.
    Device,
    /// Those, or a policy's.
    DeviceOrRead,
    DeviceOrWrite,
    /// What the headers do not show.
    Other,
}

use Takes::{Device, DeviceOrRead, DeviceOrWrite, Other, Owner, Read, Service, Write};

/// The path of blobs.
const BLOBS: &str = "/uploads/{*blob}";

/// Each route. One that is not here fails [`every_route_is_listed`].
const ROUTES: [(&str, &str, Takes); 69] = [
    ("POST", "/devices/{device_id}/files", Device),
    ("POST", "/devices/{device_id}/files/notifications", Device),
    ("POST", "/devices/{device_id}/files/notifications/{correlation_id}", Device),
    ("POST", "/devices/{device_id}/messages/events", Device),
    ("GET", "/devices/{device_id}/messages/deviceBound", Device),
    ("DELETE", "/devices/{device_id}/messages/deviceBound/{lock}", Device),
    ("POST", "/devices/{device_id}/messages/deviceBound/{lock}/abandon", Device),
    ("POST", "/twins/{device_id}/methods", Service),
    ("POST", "/twins/{device_id}/modules/{module_id}/methods", Service),
    ("POST", "/devices", Write),
    ("POST", "/azmqtt/devices/{device_id}/messages/deviceBound", Service),
    ("DELETE", "/devices/{device_id}/commands", Service),
    ("GET", "/configurations", Read),
    ("POST", "/configurations/testQueries", Read),
    ("GET", "/configurations/{id}", Read),
    ("PUT", "/configurations/{id}", Write),
    ("DELETE", "/configurations/{id}", Write),
    ("POST", "/devices/{device_id}/applyConfigurationContent", Write),
    ("GET", "/devices", Read),
    ("GET", "/devices/{device_id}", DeviceOrRead),
    ("PUT", "/devices/{device_id}", Write),
    ("DELETE", "/devices/{device_id}", Write),
    ("GET", "/digitaltwins/{device_id}", Service),
    ("PATCH", "/digitaltwins/{device_id}", Service),
    ("POST", "/digitaltwins/{device_id}/commands/{command}", Service),
    ("POST", "/digitaltwins/{device_id}/components/{component}/commands/{command}", Service),
    ("GET", "/messages/serviceBound/feedback", Service),
    ("DELETE", "/messages/serviceBound/feedback/{lock}", Service),
    ("POST", "/messages/serviceBound/feedback/{lock}/abandon", Service),
    ("GET", "/devices/{device_id}/modules", DeviceOrRead),
    ("GET", "/devices/{device_id}/modules/{module_id}", DeviceOrRead),
    ("PUT", "/devices/{device_id}/modules/{module_id}", DeviceOrWrite),
    ("DELETE", "/devices/{device_id}/modules/{module_id}", DeviceOrWrite),
    ("GET", "/twins/{device_id}", Service),
    ("PATCH", "/twins/{device_id}", Service),
    ("PUT", "/twins/{device_id}", Service),
    ("GET", "/twins/{device_id}/modules/{module_id}", Service),
    ("PATCH", "/twins/{device_id}/modules/{module_id}", Service),
    ("PUT", "/twins/{device_id}/modules/{module_id}", Service),
    ("GET", "/jobs/v2/query", Service),
    ("GET", "/jobs/v2/{id}", Service),
    ("PUT", "/jobs/v2/{id}", Service),
    ("POST", "/jobs/v2/{id}/cancel", Service),
    ("POST", "/jobs/create", Write),
    ("GET", "/jobs", Read),
    ("GET", "/jobs/{id}", Read),
    ("DELETE", "/jobs/{id}", Read),
    ("POST", "/devices/query", Service),
    ("GET", "/statistics/devices", Read),
    ("GET", "/statistics/service", Service),
    ("POST", "/azmqtt/faults", Service),
    ("GET", "/azmqtt/faults", Service),
    ("DELETE", "/azmqtt/faults", Service),
    ("DELETE", "/azmqtt/faults/{id}", Service),
    ("GET", "/azmqtt/faults/fired", Service),
    ("POST", "/azmqtt/faults/schedules", Service),
    ("POST", "/azmqtt/page/links", Owner),
    // By a one-time code, or nothing at all: see `page`.
    ("POST", "/azmqtt/page/session", Other),
    ("GET", "/", Other),
    ("GET", "/assets/{name}", Other),
    ("GET", "/azmqtt/telemetry", Service),
    ("GET", "/azmqtt/events", Service),
    ("GET", "/azmqtt/packets", Service),
    ("GET", "/azmqtt/stream", Service),
    ("GET", "/metrics", Service),
    // It says that the hub lives.
    ("GET", "/health", Other),
    // By signatures in the query: see `uploads_hostile`.
    ("PUT", BLOBS, Other),
    ("GET", BLOBS, Other),
    // Whoever connects shows credentials in MQTT.
    ("GET", WEBSOCKET_PATH, Other),
];

#[test]
fn every_route_is_listed() {
    let hub = hub();
    let [routes, _] = listed_routes(&hub.shared);
    let found: BTreeSet<_> = routes.iter().map(|(method, path, _)| (*method, path.as_str())).collect();
    let listed: BTreeSet<_> = ROUTES.iter().map(|(method, path, _)| (*method, *path)).collect();
    assert_eq!((found, routes.len()), (listed, ROUTES.len()));
}

#[test]
fn routes_count_against_their_rates() {
    let hub = hub();
    let [routes, _] = listed_routes(&hub.shared);
    let commands = "/digitaltwins/{device_id}/components/{component}/commands/{command}";
    let counted = [
        ("GET", "/devices/{device_id}", Some(Operation::Identity)),
        ("GET", "/devices", Some(Operation::Identity)),
        ("POST", "/devices", Some(Operation::Identity)),
        ("PUT", "/devices/{device_id}/modules/{module_id}", Some(Operation::Identity)),
        ("GET", "/statistics/service", Some(Operation::Identity)),
        ("POST", "/devices/query", Some(Operation::Query)),
        ("POST", "/devices/{device_id}/files", Some(Operation::FileUpload)),
        ("POST", "/devices/{device_id}/files/notifications", None),
        ("POST", "/devices/{device_id}/messages/events", Some(Operation::DeviceToCloud)),
        ("GET", "/devices/{device_id}/messages/deviceBound", Some(Operation::CloudReceive)),
        ("DELETE", "/devices/{device_id}/messages/deviceBound/{lock}", None),
        ("POST", "/devices/{device_id}/messages/deviceBound/{lock}/abandon", None),
        ("POST", "/azmqtt/devices/{device_id}/messages/deviceBound", Some(Operation::CloudToDevice)),
        ("DELETE", "/devices/{device_id}/commands", Some(Operation::CloudToDevice)),
        ("GET", "/messages/serviceBound/feedback", Some(Operation::CloudReceive)),
        ("DELETE", "/messages/serviceBound/feedback/{lock}", Some(Operation::CloudReceive)),
        ("GET", "/jobs/v2/query", Some(Operation::Job)),
        ("PUT", "/configurations/{id}", Some(Operation::Configuration)),
        ("POST", "/devices/{device_id}/applyConfigurationContent", Some(Operation::Configuration)),
        ("GET", "/twins/{device_id}", Some(Operation::TwinRead)),
        ("PATCH", "/twins/{device_id}/modules/{module_id}", Some(Operation::TwinUpdate)),
        ("POST", "/twins/{device_id}/methods", Some(Operation::Method(9))),
        ("POST", "/twins/{device_id}/modules/{module_id}/methods", Some(Operation::Method(9))),
        ("GET", "/digitaltwins/{device_id}", Some(Operation::TwinRead)),
        ("PATCH", "/digitaltwins/{device_id}", Some(Operation::TwinUpdate)),
        ("POST", "/digitaltwins/{device_id}/commands/{command}", Some(Operation::Method(9))),
        ("POST", commands, Some(Operation::Method(9))),
        ("POST", "/azmqtt/faults", None),
        ("GET", WEBSOCKET_PATH, None),
        ("PUT", BLOBS, None),
    ];
    for (method, path, operation) in counted {
        let found = routes.iter().find(|route| (route.0, route.1.as_str()) == (method, path));
        assert_eq!(found.expect(path).2, operation, "{method} {path}");
    }
}

#[tokio::test]
async fn each_route_is_for_its_own() {
    let hub = hub();
    hub.create_module("dev1", "m", None).unwrap();
    let tls = Arc::new(tls_config(&hub, &[&version::TLS13]));
    let random = SymmetricKey::generate(getrandom::fill).unwrap();
    let (device, module) = ("localhost/devices/dev1", "localhost/devices/dev1/modules/m");
    let other = "localhost/devices/dev2";
    let token = |resource: &str, key: &SymmetricKey, life: i64, policy: Option<&str>| {
        let expiry = unix_now().saturating_add_signed(life);
        format!("Authorization: {}\r\n", SasToken::sign(resource, key, expiry, policy).to_token())
    };
    let itself = vec![Device, DeviceOrRead, DeviceOrWrite];
    // Credentials, and what they are good for.
    let mut shown: Vec<(String, String, Vec<Takes>)> = vec![
        ("nothing".into(), String::new(), vec![]),
        ("garbage".into(), "Authorization: SharedAccessSignature sr=&sig=&se=\r\n".into(), vec![]),
        ("dev1".into(), token(device, &key(&hub, "dev1"), 60, None), itself.clone()),
        ("dev1, expired".into(), token(device, &key(&hub, "dev1"), -301, None), vec![]),
        ("dev1 for dev2".into(), token(other, &key(&hub, "dev1"), 60, None), vec![]),
        // Tokens are good for whatever is below their resource, as far as the key goes.
        ("dev1 for the hub".into(), token("localhost", &key(&hub, "dev1"), 60, None), itself),
        ("dev2".into(), token(other, &key(&hub, "dev2"), 60, None), vec![]),
        ("dev2 for dev1".into(), token(device, &key(&hub, "dev2"), 60, None), vec![]),
        ("m".into(), token(module, &key(&hub, ("dev1", "m")), 60, None), vec![]),
        ("m for dev1".into(), token(device, &key(&hub, ("dev1", "m")), 60, None), vec![]),
        ("another key".into(), token("localhost", &random, 60, Some("iothubowner")), vec![]),
    ];
    let policies: [(&str, &[Takes]); 5] = [
        ("iothubowner", &[Read, Write, Service, Owner, DeviceOrRead, DeviceOrWrite]),
        ("service", &[Service]),
        ("device", &[]),
        ("registryRead", &[Read, DeviceOrRead]),
        ("registryReadWrite", &[Read, Write, DeviceOrRead, DeviceOrWrite]),
    ];
    for (policy, good_for) in policies {
        let key = policy_key(&hub, policy);
        let of = |resource: &str, life: i64| token(resource, &key, life, Some(policy));
        let connects = matches!(policy, "iothubowner" | "device");
        let own = |takes: &[Takes]| if connects { takes.to_vec() } else { Vec::new() };
        let everything = [good_for, &own(&[Device])].concat();
        shown.push((policy.into(), of("localhost", 60), everything));
        shown.push((format!("{policy} for dev1"), of(device, 60), own(&[Device])));
        shown.push((format!("{policy} for m"), of(module, 60), vec![]));
        if connects {
            shown.push((format!("{policy}, expired"), of("localhost", -301), vec![]));
            shown.push((format!("{policy}, elsewhere"), of("otherhost", 60), vec![]));
        }
    }
    for (method, route, takes) in ROUTES {
        if takes == Other {
            continue;
        }
        let own = matches!(takes, Device | DeviceOrRead | DeviceOrWrite);
        // Services ask about what is not there, so that nothing is lost for the next.
        let path = route.replace("{device_id}", if own { "dev1" } else { "none" });
        let path = path
            .replace("{module_id}", "m")
            .replace("{component}", "c")
            .replace("{command}", "m")
            .replace("{lock}", "x")
            .replace("{id}", "7");
        for (who, headers, good_for) in &shown {
            let mut http = Http::over(tls_over_https(&hub, &tls).await);
            let target = format!("{path}?{VERSION}");
            let answer = http.send(method, &target, headers, b"[]").await.expect("an answer");
            let let_in = answer.status != 401;
            assert_eq!(let_in, good_for.contains(&takes), "{who}: {method} {path}: {answer}");
            assert!(!matches!(answer.status, 405 | 500..), "{who}: {method} {path}: {answer}");
        }
    }
}

#[tokio::test]
async fn other_spellings_of_a_path_are_no_way_in() {
    let hub = hub();
    for path in [
        "//devices/dev1",
        "/devices//dev1",
        "/./devices/dev1",
        "/azmqtt/../devices/dev1",
        "/%64evices/dev1",
        "/devices%2fdev1",
        "/devices/dev1%2Fmodules%2Fm",
        "/devices/%2564ev1",
        "/DEVICES/DEV1",
        "/twins/dev1%00",
        "/twins/dev1;x",
        "/twins/..%2fdevices%2fdev1",
    ] {
        for headers in [String::new(), owner(&hub)] {
            let target = format!("{path}?{VERSION}");
            let answer =
                Http::connect(&hub).await.send("GET", &target, &headers, b"").await.expect("an answer");
            assert!(matches!(answer.status, 400 | 401 | 404), "{path}: {answer}");
        }
    }
    // These are the same path, for the same callers.
    for path in ["/devices/dev1/", "/DEVICES/dev1"] {
        for (headers, status) in [(String::new(), 401), (owner(&hub), 200)] {
            let target = format!("{path}?{VERSION}");
            let answer = Http::connect(&hub).await.send("GET", &target, &headers, b"").await.unwrap();
            assert_eq!(answer.status, status, "{path}: {answer}");
        }
    }
}

fn owner(hub: &crate::Hub) -> String {
    format!("Authorization: {}\r\n", crate::tests::support::http::policy_token(hub, "iothubowner"))
}

/// What is asked with GET may lock a message: HEAD, which has no effect by its definition (RFC 9110 §9.2.1), is none of it.
#[tokio::test]
async fn head_takes_no_message() {
    let hub = hub();
    hub.send_c2d("dev1", "hi".into(), azmqtt_dialect::MessageProperties::default()).unwrap();
    let token =
        SasToken::sign("localhost/devices/dev1", &key(&hub, "dev1"), unix_now() + 60, None).to_token();
    let headers = format!("Authorization: {token}\r\n");
    let target = format!("/devices/dev1/messages/deviceBound?{VERSION}");
    for method in ["HEAD", "OPTIONS", "TRACE", "PATCH"] {
        let stream = crate::tests::support::client::https(&hub).await;
        assert_eq!(status_alone(stream, method, &target, &headers).await, 405, "{method}");
    }
    let answer = Http::connect(&hub).await.send("GET", &target, &headers, b"").await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"hi".as_slice()));
}

/// The status of an answer that may announce a body and have none.
async fn status_alone(
    mut stream: tokio_rustls::client::TlsStream<tokio::net::TcpStream>,
    method: &str,
    target: &str,
    headers: &str,
) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(crate::tests::support::client::DEADLINE, reading)
        .await
        .expect("the end in time");
    String::from_utf8(answer).unwrap().split(' ').nth(1).unwrap().parse().unwrap()
}
