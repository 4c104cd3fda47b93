//! A module that calls methods through its gateway, joined across real TLS sockets.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::time::Duration;

use azmqtt_device::{Credentials, Device, DeviceConfig, Error, MethodAnswer, MethodInvocation, Step, Trust};
use azmqtt_dialect::{Auth, ConnectionString, SymmetricKey};
use azmqtt_hub::{Hub, HubConfig, Id};
use serde_json::{Value, json};

use common::{TIMEOUT, runtime, wait};

/// A hub with the device `edge` and its modules `a` and `b`.
fn hub() -> Hub {
    let hub = Hub::start(HubConfig::default()).unwrap();
    hub.create_device("edge", None).unwrap();
    for module_id in ["a", "b"] {
        hub.create_module("edge", module_id, None).unwrap();
    }
    hub
}

fn config<'a>(hub: &Hub, id: impl Into<Id<'a>>) -> DeviceConfig {
    let parsed = ConnectionString::parse(&hub.connection_string(id).unwrap()).unwrap();
    let Auth::SharedAccessKey(key) = parsed.auth.clone() else { panic!("no key") };
    let mut config = DeviceConfig::new(parsed.identity(), Credentials::key(key));
    config.endpoint.port = hub.port();
    config.https_port = hub.https_port();
    config.endpoint.trust = Trust::from_pem(hub.ca_pem().as_bytes()).unwrap();
    config
}

fn call(device_id: &str, module_id: Option<&str>, name: &str, payload: Value) -> MethodInvocation {
    MethodInvocation {
        device_id: device_id.to_owned(),
        module_id: module_id.map(str::to_owned),
        name: name.to_owned(),
        payload,
        response_timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(5),
    }
}

fn invoke(caller: &Device, call: MethodInvocation) -> Result<MethodAnswer, Error> {
    wait(|reply| caller.invoke_method(call, TIMEOUT, reply))
}

/// Answers one call with its own payload and `status`.
fn answer_one(device: &Device, status: i32) {
    wait(|reply| device.watch_methods(TIMEOUT, reply)).unwrap();
    wait(|reply| device.methods().when_ready(reply)).unwrap();
    let request = device.methods().take(1).pop_front().unwrap();
    wait(|reply| device.respond(request.call, status, request.payload, reply)).unwrap();
}

fn code(outcome: Result<MethodAnswer, Error>) -> (u16, Option<u32>) {
    match outcome {
        Err(Error::RequestFailed { status, error }) => (status, error.error_code),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_module_calls_a_module_and_a_device() {
    let hub = hub();
    let caller = Device::new(config(&hub, ("edge", "a")), runtime);
    for (id, status) in [(Id::from(("edge", "b")), 202), (Id::from("edge"), -7)] {
        let answering = Device::new(config(&hub, id), runtime);
        let answered = std::thread::spawn(move || answer_one(&answering, status));
        let payload = json!({"delay": 5, "text": "é"});
        let answer = invoke(&caller, call("edge", id.module, "re.boot", payload.clone())).unwrap();
        assert_eq!(answer, MethodAnswer { status, payload });
        answered.join().unwrap();
    }
}

#[test]
fn what_cannot_be_called_has_the_services_error() {
    let hub = hub();
    let caller = Device::new(config(&hub, ("edge", "a")), runtime);
    let now = |call: MethodInvocation| MethodInvocation { connect_timeout: Duration::ZERO, ..call };
    assert_eq!(code(invoke(&caller, now(call("edge", Some("b"), "x", Value::Null)))), (404, Some(404_103)));
    assert_eq!(code(invoke(&caller, call("edge", Some("c"), "x", Value::Null))), (404, Some(404_010)));
    assert_eq!(code(invoke(&caller, call("nobody", None, "x", Value::Null))), (404, Some(404_001)));
    assert_eq!(code(invoke(&caller, call("edge", Some("b"), "a b", Value::Null))), (400, Some(400_004)));
    let hasty = MethodInvocation {
        response_timeout: Duration::from_secs(1),
        ..call("edge", Some("b"), "x", Value::Null)
    };
    assert_eq!(code(invoke(&caller, hasty)), (400, Some(400_004)));
}

#[test]
fn only_modules_with_their_own_key_may_call() {
    let hub = hub();
    let wrong_key = DeviceConfig {
        credentials: Credentials::key(SymmetricKey::generate(getrandom::fill).unwrap()),
        ..config(&hub, ("edge", "a"))
    };
    for config in [wrong_key, config(&hub, "edge")] {
        let caller = Device::new(config, runtime);
        let refused = invoke(&caller, call("edge", Some("b"), "x", Value::Null));
        assert!(matches!(refused, Err(Error::AuthenticationFailed { .. })), "{refused:?}");
    }
    hub.set_enabled("edge", false).unwrap();
    let caller = Device::new(config(&hub, ("edge", "a")), runtime);
    assert_eq!(code(invoke(&caller, call("edge", Some("b"), "x", Value::Null))), (403, Some(403_012)));
}

#[test]
fn a_gateway_that_is_not_there_and_one_that_is_silent() {
    let hub = hub();
    let mut config = config(&hub, ("edge", "a"));
    config.https_port = 1;
    let caller = Device::new(config.clone(), runtime);
    let failed = invoke(&caller, call("edge", Some("b"), "x", Value::Null));
    assert!(matches!(failed, Err(Error::ConnectionFailed { step: Step::Tcp, .. })), "{failed:?}");

    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    config.https_port = silent.local_addr().unwrap().port();
    let caller = Device::new(config, runtime);
    let outcome = wait(|reply| {
        let call = call("edge", Some("b"), "x", Value::Null);
        caller.invoke_method(call, Duration::from_millis(300), reply);
    });
    assert!(matches!(outcome, Err(Error::RequestTimeout { .. })), "{outcome:?}");

    wait(|reply| caller.close(TIMEOUT, reply)).unwrap();
    let closed = invoke(&caller, call("edge", Some("b"), "x", Value::Null));
    assert_eq!(closed, Err(Error::ClientClosed));
}

#[test]
fn a_large_payload_goes_both_ways() {
    let hub = hub();
    let caller = Device::new(config(&hub, ("edge", "a")), runtime);
    let answering = Device::new(config(&hub, ("edge", "b")), runtime);
    let answered = std::thread::spawn(move || answer_one(&answering, 200));
    let payload = Value::from("x".repeat(131_070));
    let answer = invoke(&caller, call("edge", Some("b"), "echo", payload.clone())).unwrap();
    assert_eq!(answer.payload, payload);
    answered.join().unwrap();
    let too_large = Value::from("x".repeat(131_071));
    let refused = code(invoke(&caller, call("edge", Some("b"), "echo", too_large)));
    assert_eq!(refused, (400, Some(400_004)));
}
