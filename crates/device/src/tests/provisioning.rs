//! Registrations with a service that does what the test says.

use std::time::Duration;

use serde_json::json;
use tokio::runtime::Handle;

use super::support::{Answer, Hub, LONG, Peer, ask, config};
use crate::provisioning::register;
use crate::{Credentials, Error, PollWaits, ProvisioningConfig, Registered, Step};
use azmqtt_dialect::provisioning::{
    ProvisioningRequest, RESPONSES, Registrant, Registration, RegistrationState, Substatus,
};
use azmqtt_dialect::{SasToken, SymmetricKey};
use azmqtt_mqtt::{Properties, QoS, ReasonCode};

const FLOOR: Duration = Duration::from_millis(5);

fn provisioning(hub: &Hub) -> ProvisioningConfig {
    let base = config(hub.port());
    let registrant = Registrant::new("0ne0001", "reg-1").unwrap();
    ProvisioningConfig {
        endpoint: base.endpoint,
        retry: base.retry,
        deadlines: base.deadlines,
        poll: PollWaits { floor: FLOOR, cap: Duration::from_millis(200) },
        answer: Duration::from_secs(2),
        ..ProvisioningConfig::new(registrant, base.credentials)
    }
}

fn start(config: ProvisioningConfig, timeout: Duration) -> Answer<Registered> {
    ask(|reply| drop(register(config, timeout, &Handle::current(), reply)))
}

/// A connection up to the granted subscription.
async fn accept(hub: &Hub) -> Peer {
    let mut peer = hub.accept(false).await;
    assert_eq!(peer.answer_subscribe(true).await, RESPONSES);
    peer
}

/// The next request and its body, acknowledged.
async fn request(peer: &mut Peer) -> (ProvisioningRequest, Vec<u8>) {
    let publish = peer.message().await;
    assert_eq!(publish.qos, QoS::AtLeastOnce);
    peer.acknowledge(publish.packet_id).await;
    (ProvisioningRequest::parse(&publish.topic).unwrap(), publish.payload.to_vec())
}

async fn answer(peer: &mut Peer, status: u16, request: &ProvisioningRequest, tail: &str, body: &str) {
    let topic = format!("$dps/registrations/res/{status}/?$rid={}{tail}", request.request_id());
    peer.publish(&topic, body).await;
}

/// Takes a request and answers it.
async fn answer_next(peer: &mut Peer, status: u16, tail: &str, body: &str) -> ProvisioningRequest {
    let (request, _) = request(peer).await;
    answer(peer, status, &request, tail, body).await;
    request
}

const ASSIGNING: &str = r#"{"operationId":"4.op","status":"assigning"}"#;

fn assigned() -> String {
    json!({
        "operationId": "4.op",
        "status": "assigned",
        "registrationState": {
            "registrationId": "reg-1",
            "assignedHub": "my.hub",
            "deviceId": "dev-1",
            "status": "assigned",
            "substatus": "initialAssignment",
            "payload": { "answer": 42 },
        },
    })
    .to_string()
}

fn failure(outcome: Result<Registered, Error>) -> (u16, Option<u32>, String, Option<RegistrationState>) {
    match outcome {
        Err(Error::ProvisioningFailed(failure)) => {
            (failure.error.status, failure.error.error_code, failure.to_string(), failure.state.clone())
        }
        other => panic!("{other:?} in place of a failure"),
    }
}

#[tokio::test]
async fn a_whole_registration() {
    let hub = Hub::new().await;
    let mut config = provisioning(&hub);
    config.payload = Some(json!({ "model": "x" }));
    config.product_info = Some("test/1".into());
    let key = SymmetricKey::generate(getrandom::fill).unwrap();
    config.credentials = Credentials::key(key.clone());
    let registered = start(config, LONG);

    let (mut peer, connect) = hub.accept_mqtt().await;
    assert_eq!((connect.client_id.as_str(), connect.clean_start), ("reg-1", true));
    let (username, password) = (connect.username.as_deref().unwrap(), connect.password_text().unwrap());
    assert_eq!(username, "0ne0001/registrations/reg-1/api-version=2019-03-31&ClientVersion=test%2F1");
    let token = SasToken::parse(password).unwrap();
    token.verify("0ne0001/registrations/reg-1", &[&key], 0).unwrap();
    assert_eq!(token.policy(), Some("registration"));
    peer.accept(false).await;
    peer.answer_subscribe(true).await;

    let (asked, body) = request(&mut peer).await;
    let ProvisioningRequest::Register { .. } = &asked else { panic!("{asked:?}") };
    let body = Registration::parse(&body).unwrap();
    assert_eq!((body.registration_id.as_str(), body.payload), ("reg-1", Some(json!({ "model": "x" }))));
    answer(&mut peer, 202, &asked, "&retry-after=0", ASSIGNING).await;

    for _ in 0..2 {
        let (asked, body) = request(&mut peer).await;
        let ProvisioningRequest::OperationStatus { operation_id, .. } = &asked else { panic!("{asked:?}") };
        assert_eq!((operation_id.as_str(), body.len()), ("4.op", 0));
        answer(&mut peer, 202, &asked, "", ASSIGNING).await;
    }
    answer_next(&mut peer, 200, "", &assigned()).await;
    let registered = registered.get().await.unwrap();
    assert_eq!(registered.identity.host_name, "my.hub");
    assert_eq!(registered.identity.device_id, "dev-1");
    assert_eq!(registered.state.payload, Some(json!({ "answer": 42 })));
    assert_eq!(registered.state.substatus, Some(Substatus::InitialAssignment));
    peer.expect_disconnect().await;
}

#[tokio::test]
async fn answers_to_other_requests_are_dropped() {
    let hub = Hub::new().await;
    let registered = start(provisioning(&hub), LONG);
    let mut peer = accept(&hub).await;
    let (asked, _) = request(&mut peer).await;
    peer.publish("$dps/registrations/res/401/?$rid=999", "{}").await;
    peer.publish("$dps/registrations/res/rubbish", "{}").await;
    peer.publish("$iothub/twin/res/200/?$rid=1", "{}").await;
    peer.deliver(&format!("$dps/registrations/res/200/?$rid={}", asked.request_id()), &assigned(), 7).await;
    assert_eq!(registered.get().await.unwrap().identity.device_id, "dev-1");
}

#[tokio::test]
async fn failures_are_typed() {
    let body = |code: u32| format!(r#"{{"errorCode":{code},"trackingId":"t","message":"said"}}"#);
    let hub = Hub::new().await;
    for (status, code) in [(401, 401_002), (404, 404_201), (409, 409_203), (400, 400_004)] {
        let registered = start(provisioning(&hub), LONG);
        answer_next(&mut accept(&hub).await, status, "", &body(code)).await;
        let (got, got_code, text, state) = failure(registered.get().await);
        assert_eq!((got, got_code, state), (status, Some(code), None));
        assert!(text.contains("reg-1") && text.contains("said") && text.contains("tracking id t"), "{text}");
    }
}

#[tokio::test]
async fn failed_and_disabled_registrations_are_typed() {
    let hub = Hub::new().await;
    let state = json!({ "status": "failed", "errorCode": 400_207, "errorMessage": "the policy failed" });
    let registered = start(provisioning(&hub), LONG);
    let body = json!({ "status": "failed", "registrationState": state }).to_string();
    answer_next(&mut accept(&hub).await, 200, "", &body).await;
    let (status, code, text, state) = failure(registered.get().await);
    assert_eq!((status, code, state.unwrap().error_code), (200, Some(400_207), Some(400_207)));
    assert!(text.contains("the policy failed"), "{text}");

    let registered = start(provisioning(&hub), LONG);
    answer_next(&mut accept(&hub).await, 200, "", r#"{"status":"disabled"}"#).await;
    let (_, code, text, _) = failure(registered.get().await);
    assert!(code.is_none() && text.contains("disabled"), "{text}");
}

#[tokio::test]
async fn a_hub_of_another_protocol_is_a_failure() {
    let hub = Hub::new().await;
    let registered = start(provisioning(&hub), LONG);
    let body = assigned().replace("\"deviceId\"", "\"connectionProfile\":\"mqttV5\",\"deviceId\"");
    answer_next(&mut accept(&hub).await, 200, "", &body).await;
    let (_, _, text, state) = failure(registered.get().await);
    assert!(text.contains("mqttV5"), "{text}");
    assert_eq!(state.unwrap().device_id.as_deref(), Some("dev-1"));
}

#[tokio::test]
async fn rubbish_is_a_bad_answer() {
    let hub = Hub::new().await;
    let host = assigned().replace("my.hub", "evil/../hub");
    let id = assigned().replace("\"dev-1\"", "\"a#b\"");
    for body in ["rubbish", "[1]", r#"{"status":"assigned"}"#, r#"{"status":"new"}"#, &host, &id] {
        let registered = start(provisioning(&hub), LONG);
        answer_next(&mut accept(&hub).await, 200, "", body).await;
        let error = registered.get().await.unwrap_err();
        assert!(matches!(error, Error::BadAnswer { .. }), "{body}: {error:?}");
    }
}

#[tokio::test]
async fn a_busy_service_is_asked_again() {
    let hub = Hub::new().await;
    let registered = start(provisioning(&hub), LONG);
    let mut peer = accept(&hub).await;
    for status in [429, 500, 503] {
        let asked = answer_next(&mut peer, status, "&retry-after=0", "{}").await;
        assert!(matches!(asked, ProvisioningRequest::Register { .. }));
    }
    answer_next(&mut peer, 202, "", ASSIGNING).await;
    let asked = answer_next(&mut peer, 429, "", "{}").await;
    assert!(matches!(asked, ProvisioningRequest::OperationStatus { .. }));
    answer_next(&mut peer, 200, "", &assigned()).await;
    registered.get().await.unwrap();
}

#[tokio::test]
async fn throttling_past_the_time_is_told_at_once() {
    let hub = Hub::new().await;
    let registered = start(provisioning(&hub), LONG);
    answer_next(&mut accept(&hub).await, 429, "&retry-after=3600", r#"{"errorCode":429001}"#).await;
    let Err(Error::ProvisioningFailed(failure)) = registered.get().await else { panic!("no failure") };
    assert_eq!((failure.error.status, failure.error.retry_after), (429, Some(3600)));
}

#[tokio::test]
async fn a_huge_retry_after_does_not_put_it_to_sleep() {
    let hub = Hub::new().await;
    let registered = start(provisioning(&hub), LONG);
    let mut peer = accept(&hub).await;
    answer_next(&mut peer, 202, "&retry-after=86400", ASSIGNING).await;
    answer_next(&mut peer, 200, "", &assigned()).await;
    registered.get().await.unwrap();
}

#[tokio::test]
async fn it_waits_as_long_as_it_is_asked_to() {
    let hub = Hub::new().await;
    let mut config = provisioning(&hub);
    config.poll = PollWaits { floor: Duration::from_millis(300), cap: Duration::from_secs(60) };
    let registered = start(config, LONG);
    let mut peer = accept(&hub).await;
    answer_next(&mut peer, 202, "&retry-after=0", ASSIGNING).await;
    let began = std::time::Instant::now();
    answer_next(&mut peer, 202, "&retry-after=1", ASSIGNING).await;
    assert!(began.elapsed() >= Duration::from_millis(280), "the floor holds: {:?}", began.elapsed());
    let began = std::time::Instant::now();
    answer_next(&mut peer, 200, "", &assigned()).await;
    assert!(began.elapsed() >= Duration::from_millis(950), "so does retry-after: {:?}", began.elapsed());
    registered.get().await.unwrap();
}

#[tokio::test]
async fn endless_assigning_ends_with_the_time() {
    let hub = Hub::new().await;
    let registered = start(provisioning(&hub), Duration::from_millis(400));
    let mut peer = accept(&hub).await;
    let endless = async {
        loop {
            answer_next(&mut peer, 202, "", ASSIGNING).await;
        }
    };
    let outcome = tokio::select! {
        // The client goes at the same moment.
        biased;
        outcome = registered.get() => outcome,
        () = endless => unreachable!("it has no end"),
    };
    let Err(Error::RequestTimeout { operation, known, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!((operation, known), ("the registration", None));
}

#[tokio::test]
async fn a_lost_connection_goes_on_with_the_operation() {
    let hub = Hub::new().await;
    let registered = start(provisioning(&hub), LONG);
    let mut peer = accept(&hub).await;
    answer_next(&mut peer, 202, "", ASSIGNING).await;
    drop(peer);
    let mut peer = accept(&hub).await;
    let asked = answer_next(&mut peer, 404, "", r#"{"errorCode":404201}"#).await;
    assert!(matches!(asked, ProvisioningRequest::OperationStatus { .. }));
    // The service does not know it any more: from the start.
    let asked = answer_next(&mut peer, 200, "", &assigned()).await;
    assert!(matches!(asked, ProvisioningRequest::Register { .. }));
    registered.get().await.unwrap();
}

#[tokio::test]
async fn a_service_that_closes_after_each_request_ends_with_the_time() {
    let hub = Hub::new().await;
    let registered = start(provisioning(&hub), Duration::from_millis(600));
    let mut connections = 0;
    let endless = async {
        loop {
            request(&mut accept(&hub).await).await;
            connections += 1;
        }
    };
    let error = tokio::select! {
        // The client goes at the same moment.
        biased;
        outcome = registered.get() => outcome.unwrap_err(),
        () = endless => unreachable!("it has no end"),
    };
    assert!(connections > 1);
    assert!(
        error.to_string().contains("closed the connection") || matches!(error, Error::RequestTimeout { .. })
    );
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_left() {
    let hub = Hub::new().await;
    let mut config = provisioning(&hub);
    config.answer = Duration::from_millis(100);
    let registered = start(config, LONG);
    let mut silent = accept(&hub).await;
    request(&mut silent).await;
    let mut peer = accept(&hub).await;
    answer_next(&mut peer, 200, "", &assigned()).await;
    registered.get().await.unwrap();
}

#[tokio::test]
async fn refused_credentials_are_told_at_once() {
    let hub = Hub::new().await;
    let registered = start(provisioning(&hub), LONG);
    let (mut peer, _) = hub.accept_mqtt().await;
    peer.server.refuse(ReasonCode::NotAuthorized, Properties::default());
    peer.flush().await;
    let Err(Error::AuthenticationFailed { reason }) = registered.get().await else { panic!("not refused") };
    assert!(reason.contains("reg-1") && reason.contains("CONNACK 5"), "{reason}");
}

#[tokio::test]
async fn the_first_connection_fails_fast_unless_asked_otherwise() {
    let hub = Hub::new().await;
    let registered = start(provisioning(&hub), LONG);
    drop(hub.accept_tcp().await);
    let error = registered.get().await.unwrap_err();
    assert!(matches!(error, Error::ConnectionFailed { step: Step::Tls, .. }), "{error:?}");

    let mut config = provisioning(&hub);
    config.retry.first_connect = true;
    let registered = start(config, LONG);
    drop(hub.accept_tcp().await);
    answer_next(&mut accept(&hub).await, 200, "", &assigned()).await;
    registered.get().await.unwrap();
}

#[tokio::test]
async fn a_refused_subscription_is_a_failed_connection() {
    let hub = Hub::new().await;
    let mut config = provisioning(&hub);
    config.retry.first_connect = false;
    let registered = start(config, LONG);
    hub.accept(false).await.answer_subscribe(false).await;
    let error = registered.get().await.unwrap_err();
    assert!(error.to_string().contains("refused the subscription"), "{error}");
}

#[tokio::test]
async fn aborting_ends_the_connection() {
    let hub = Hub::new().await;
    let config = provisioning(&hub);
    let mut handle = None;
    let registered = ask(|reply| handle = Some(register(config, LONG, &Handle::current(), reply)));
    let mut peer = accept(&hub).await;
    request(&mut peer).await;
    handle.unwrap().abort();
    assert_eq!(registered.get().await.unwrap_err(), Error::ClientClosed);
    assert!(peer.event().await.is_none());
}

#[test]
fn nothing_shows_a_key() {
    let key = SymmetricKey::from_base64("c2VjcmV0IGtleSBvZiBhIHRlc3Q=").unwrap();
    let config = ProvisioningConfig::new(Registrant::new("s", "r").unwrap(), Credentials::key(key));
    assert!(!format!("{config:?}").contains("c2Vj"));
}
