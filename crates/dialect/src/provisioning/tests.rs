use proptest::prelude::*;
use serde_json::{Value, json};

use super::registrant::UsernameError;
use super::*;
use crate::{SasToken, SymmetricKey, TopicError};

/// From the DPS docs, "How to use symmetric keys with enrolment groups".
#[test]
fn a_key_is_derived_from_the_groups() {
    let group = "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==";
    let derived = SymmetricKey::from_base64(group).unwrap().derive("sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6");
    assert_eq!(derived.as_base64(), "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=");
}

#[test]
fn the_fields_of_connect() {
    let registrant = Registrant::new("0ne00000A0A", "my-device.1").unwrap();
    assert_eq!(
        registrant.username(Some("azmqtt/0.1")),
        "0ne00000A0A/registrations/my-device.1/api-version=2019-03-31&ClientVersion=azmqtt%2F0.1"
    );
    let key = SymmetricKey::from_base64("c2VjcmV0").unwrap();
    let token = SasToken::sign(&registrant.sas_resource(), &key, 1_700_000_000, Some(registrant::SAS_POLICY));
    assert!(token.as_str().contains("sr=0ne00000A0A%2Fregistrations%2Fmy-device.1&"));
    assert!(token.as_str().ends_with("&skn=registration"));
}

#[test]
fn ids_that_break_a_rule_are_named() {
    for (scope, id, field) in [
        ("", "d", "id scope"),
        ("0ne/1", "d", "id scope"),
        ("0ne", "", "registration id"),
        ("0ne", "a b", "registration id"),
        ("0ne", "a/b", "registration id"),
        ("0ne", "é", "registration id"),
        ("0ne", &"x".repeat(129), "registration id"),
    ] {
        assert_eq!(Registrant::new(scope, id).unwrap_err().field(), field, "{scope} {id}");
    }
    assert!(Registrant::new("0ne", &"x".repeat(128)).is_ok());
    assert!(Registrant::new("0ne", "A-b.c_d:9").is_ok());
}

#[test]
fn user_names_are_read_as_the_service_does() {
    let registrant = Registrant::new("0ne", "d1").unwrap();
    for (text, version) in [
        ("0ne/registrations/d1/api-version=2019-03-31", "2019-03-31"),
        ("0ne/registrations/d1/?api-version=2021-06-01&ClientVersion=x", "2021-06-01"),
        ("0ne/registrations/d1/ClientVersion=x&api-version=2026-11-02-preview", "2026-11-02-preview"),
    ] {
        let expected = Username { registrant: registrant.clone(), api_version: version.to_owned() };
        assert_eq!(Username::parse(text).unwrap(), expected, "{text}");
    }
    assert_eq!(Username::parse("0ne/registrations/d1/x=1"), Err(UsernameError::ApiVersion));
    for text in ["", "0ne", "0ne/devices/d1/api-version=1", "0ne/registrations/d1"] {
        assert_eq!(Username::parse(text), Err(UsernameError::Form), "{text}");
    }
}

#[test]
fn the_topics_of_the_docs() {
    let register = ProvisioningRequest::Register { request_id: "1".into() };
    assert_eq!(register.to_string(), "$dps/registrations/PUT/iotdps-register/?$rid=1");
    let poll = ProvisioningRequest::OperationStatus { request_id: "2".into(), operation_id: "4.a-b".into() };
    assert_eq!(
        poll.to_string(),
        "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId=4.a-b"
    );
    let answer = ProvisioningResponse::parse("$dps/registrations/res/202/?$rid=2&retry-after=3").unwrap();
    assert_eq!(answer, ProvisioningResponse { status: 202, request_id: "2".into(), retry_after: Some(3) });
    let odd = ProvisioningResponse::parse("$dps/registrations/res/200/?retry-after=soon&$rid=2").unwrap();
    assert_eq!((odd.retry_after, odd.request_id.as_str()), (None, "2"));
}

#[test]
fn topics_that_are_none() {
    for (topic, error) in [
        ("", TopicError::Unknown),
        ("$iothub/twin/res/200/?$rid=1", TopicError::Unknown),
        ("$dps/registrations/res/200", TopicError::Unknown),
        ("$dps/registrations/res/+200/?$rid=1", TopicError::BadNumber("status")),
        ("$dps/registrations/res/99999/?$rid=1", TopicError::BadNumber("status")),
        ("$dps/registrations/res/200/?$rid=", TopicError::MissingRequestId),
        ("$dps/registrations/res/200/?rid=1", TopicError::MissingRequestId),
    ] {
        assert_eq!(ProvisioningResponse::parse(topic), Err(error), "{topic}");
    }
}

#[test]
fn an_assigned_registration_of_the_docs() {
    let body = json!({
        "operationId": "4.002305f54fc89692.b1f11200-8776-4b5d-867b-dc21c4b59c12",
        "status": "assigned",
        "registrationState": {
            "x509": {},
            "registrationId": "d1",
            "createdDateTimeUtc": "2026-11-22T10:00:00Z",
            "assignedHub": "sample.azure-devices.net",
            "deviceId": "d1",
            "status": "assigned",
            "substatus": "initialAssignment",
            "lastUpdatedDateTimeUtc": "2026-11-22T10:00:01Z",
            "etag": "IjYxMDAi",
            "payload": { "a": [1, null] },
        },
    });
    let operation = Operation::parse(body.to_string().as_bytes()).unwrap();
    let state = operation.state.unwrap();
    assert_eq!(operation.status, Status::Assigned);
    assert_eq!(state.assigned_hub.as_deref(), Some("sample.azure-devices.net"));
    assert_eq!(state.substatus, Some(Substatus::InitialAssignment));
    assert_eq!(state.payload, Some(json!({ "a": [1, null] })));
    assert_eq!(state.shown, Shown::X509);
    assert_eq!(state.connection_profile, ConnectionProfile::Classic);
}

/// What the service says of an enrolment that is disabled.
#[test]
fn an_operation_without_an_id() {
    let body = br#"{"operationId":"","status":"disabled","registrationState":{"status":"disabled"}}"#;
    let operation = Operation::parse(body).unwrap();
    assert_eq!((&operation.operation_id, operation.status), (&None, Status::Disabled));
    let written = operation.to_body();
    assert_eq!(Operation::parse(&written).unwrap(), operation);
    assert!(String::from_utf8(written).unwrap().contains(r#""operationId":"""#));
}

#[test]
fn the_substatus_depends_on_the_version() {
    use Substatus::{DeviceDataMigrated, InitialAssignment, ReprovisionedToInitialAssignment};
    for (version, told) in [
        ("2018-11-01", InitialAssignment),
        (API_VERSION, InitialAssignment),
        ("2019-04-15", ReprovisionedToInitialAssignment),
        ("2026-11-02-preview", ReprovisionedToInitialAssignment),
    ] {
        assert_eq!(ReprovisionedToInitialAssignment.for_version(version), told, "{version}");
        assert_eq!(DeviceDataMigrated.for_version(version), DeviceDataMigrated);
    }
}

#[test]
fn connection_profiles() {
    for (profile, expected) in [
        (json!(null), ConnectionProfile::Classic),
        (json!("classic"), ConnectionProfile::Classic),
        (json!("mqttV5"), ConnectionProfile::Other("mqttV5".into())),
        (json!("of the future"), ConnectionProfile::Other("of the future".into())),
    ] {
        let body = json!({ "status": "assigned", "registrationState": { "connectionProfile": profile } });
        let operation = Operation::parse(body.to_string().as_bytes()).unwrap();
        assert_eq!(operation.state.unwrap().connection_profile, expected);
    }
}

#[test]
fn bodies_that_are_none() {
    for (body, error) in [
        ("", AnswerError::NotJson),
        ("[]", AnswerError::NotJson),
        ("{}", AnswerError::Member("status")),
        (r#"{"status":"done"}"#, AnswerError::Member("status")),
        (r#"{"status":"assigning","operationId":7}"#, AnswerError::Member("operationId")),
        (r#"{"status":"assigning","operationId":"a\u0000"}"#, AnswerError::Member("operationId")),
        (r#"{"status":"assigned","registrationState":[]}"#, AnswerError::Member("registrationState")),
    ] {
        assert_eq!(Operation::parse(body.as_bytes()), Err(error), "{body}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(Operation::parse(deep.as_bytes()), Err(AnswerError::NotJson));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_text() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[ -~é]{1,20}")
}

prop_compose! {
    fn any_state()(
        texts in prop::collection::vec(any_text(), 8),
        status in prop::option::of(any_status()),
        substatus in prop::option::of("[a-zA-Z]{1,30}"),
        payload in prop::option::of(any_json()),
        error_code in prop::option::of(1..1_000_000_u32),
        profile in prop::option::of("m[a-zA-Z0-9]{0,10}"),
        shown in prop::sample::select(vec![Shown::SymmetricKey, Shown::X509]),
    ) -> RegistrationState {
        let mut texts = texts.into_iter();
        let mut text = || texts.next().flatten();
        RegistrationState {
            registration_id: text(),
            assigned_hub: text(),
            device_id: text(),
            created: text(),
            last_updated: text(),
            etag: text(),
            enrollment_group_id: text(),
            error_message: text(),
            status,
            substatus: substatus.map(|text| Substatus::parse(&text)),
            payload,
            shown,
            error_code,
            connection_profile: profile.map_or(ConnectionProfile::Classic, ConnectionProfile::Other),
        }
    }
}

fn any_status() -> impl Strategy<Value = Status> {
    prop::sample::select(vec![
        Status::Unassigned,
        Status::Assigning,
        Status::Assigned,
        Status::Failed,
        Status::Disabled,
    ])
}

proptest! {
    #[test]
    fn requests_come_back(rid in "[0-9a-f-]{1,40}", operation in "[!-~]{1,60}") {
        for request in [
            ProvisioningRequest::Register { request_id: rid.clone() },
            ProvisioningRequest::OperationStatus { request_id: rid.clone(), operation_id: operation.clone() },
        ] {
            let topic = request.to_string();
            prop_assert!(!topic.contains(['+', '#', '\0']));
            prop_assert_eq!(ProvisioningRequest::parse(&topic).unwrap(), request);
        }
    }

    #[test]
    fn responses_come_back(status in 100..=999_u16, rid in "[0-9a-f-]{1,40}", after in prop::option::of(any::<u64>())) {
        let response = ProvisioningResponse { status, request_id: rid, retry_after: after };
        prop_assert_eq!(ProvisioningResponse::parse(&response.to_string()).unwrap(), response);
    }

    #[test]
    fn operations_come_back(
        operation_id in prop::option::of("[!-~]{1,60}"),
        status in any_status(),
        state in prop::option::of(any_state()),
    ) {
        let operation = Operation { operation_id, status, state };
        prop_assert_eq!(Operation::parse(&operation.to_body()).unwrap(), operation);
    }

    #[test]
    fn registrations_come_back(id in "[a-z0-9-]{1,20}", payload in prop::option::of(any_json())) {
        let registration = Registration { registration_id: id, payload };
        prop_assert_eq!(Registration::parse(&registration.to_body()).unwrap(), registration);
    }

    #[test]
    fn user_names_come_back(scope in "[0-9a-zA-Z]{1,20}", id in "[0-9a-zA-Z._:-]{1,128}", version in prop::option::of(".{0,20}")) {
        let registrant = Registrant::new(&scope, &id).unwrap();
        let username = Username::parse(&registrant.username(version.as_deref())).unwrap();
        prop_assert_eq!((username.registrant, username.api_version.as_str()), (registrant, API_VERSION));
    }

    #[test]
    fn reading_is_total(text in ".{0,60}", body in prop::collection::vec(any::<u8>(), 0..80), json in any_json()) {
        for start in ["", "$dps/registrations/res/", "$dps/registrations/PUT/iotdps-register/?$rid="] {
            let topic = format!("{start}{text}");
            let _ = (ProvisioningRequest::parse(&topic), ProvisioningResponse::parse(&topic));
        }
        let _ = Username::parse(&text);
        let _ = (Operation::parse(&body), Registration::parse(&body));
        let wrapped = json!({ "status": "assigned", "registrationState": json, "operationId": text });
        let _ = Operation::parse(wrapped.to_string().as_bytes());
    }
}
