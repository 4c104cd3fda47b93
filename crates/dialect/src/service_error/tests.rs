use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn the_device_form() {
    let body = br#"{"errorCode":400004,"trackingId":"abc-G:1","message":"bad","timestampUtc":"2026-01-01T00:00:00Z"}"#;
    let error = ServiceError::parse(400, body);
    assert_eq!((error.status, error.error_code), (400, Some(ErrorCode::ARGUMENT_INVALID)));
    assert_eq!(error.tracking_id.as_deref(), Some("abc-G:1"));
    assert_eq!(error.timestamp.as_deref(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(error.to_string(), "status 400, error 400004 ArgumentInvalid: bad (tracking id abc-G:1)");
    assert_eq!(ServiceError::parse(400, &error.to_body()), error);
    assert_eq!(error.to_body(), body);
    assert_eq!(ServiceError::parse(400, &error.to_plain_rest_body()), error);
    assert_eq!(ServiceError::parse(400, &error.to_nested_rest_body()), error);
}

#[test]
fn the_older_rest_form() {
    let body = br#"{"Message":"ErrorCode:DeviceNotFound;No such device","ExceptionMessage":"Tracking ID:0f-G:2-TimeStamp:11/22/2026 10:00:00"}"#;
    let error = ServiceError::parse(404, body);
    assert_eq!(
        (error.error_code, error.message.as_str()),
        (Some(ErrorCode::DEVICE_NOT_FOUND), "No such device")
    );
    assert_eq!(error.tracking_id.as_deref(), Some("0f-G:2"));
    assert_eq!(error.timestamp.as_deref(), Some("11/22/2026 10:00:00"));
}

#[test]
fn the_older_rest_form_is_written_as_it_is_read() {
    let mut error = ServiceError::new(ErrorCode::DEVICE_NOT_FOUND, "No such device");
    error.tracking_id = Some("0f-G:2".to_owned());
    error.timestamp = Some("2026-11-22T10:00:00Z".to_owned());
    let body = error.to_named_rest_body();
    let expected = r#"{"Message":"ErrorCode:DeviceNotFound;No such device","ExceptionMessage":"Tracking ID:0f-G:2-TimeStamp:11/22/2026 10:00:00"}"#;
    assert_eq!(String::from_utf8(body.clone()).unwrap(), expected);
    error.timestamp = Some("11/22/2026 10:00:00".to_owned());
    assert_eq!(ServiceError::parse(404, &body), error);
}

#[test]
fn the_newer_rest_forms_are_written_in_order() {
    let mut error = ServiceError::new(ErrorCode::DEVICE_NOT_ONLINE, "off \"line\"");
    (error.tracking_id, error.timestamp) = (Some("t".to_owned()), Some("u".to_owned()));
    let plain = r#"{"errorCode":404103,"message":"off \"line\"","trackingId":"t","timestampUtc":"u"}"#;
    assert_eq!(String::from_utf8(error.to_plain_rest_body()).unwrap(), plain);
    let nested: Value = serde_json::from_slice(&error.to_nested_rest_body()).unwrap();
    let inner = plain.replace('}', r#","info":null}"#);
    assert_eq!(nested, json!({ "Message": inner, "ExceptionMessage": "" }));
}

#[test]
fn the_newer_rest_form() {
    let body = br#"{"Message":"{\"errorCode\":404103,\"trackingId\":\"t\",\"message\":\"offline\",\"info\":{\"timeout\":\"00:00:00\"},\"timestampUtc\":\"u\"}","ExceptionMessage":""}"#;
    let error = ServiceError::parse(404, body);
    assert_eq!((error.error_code, error.message.as_str()), (Some(ErrorCode::DEVICE_NOT_ONLINE), "offline"));
    assert_eq!(error.tracking_id.as_deref(), Some("t"));
}

#[test]
fn a_time_to_wait() {
    let retry_after = |body: &[u8]| ServiceError::parse(429, body).retry_after;
    assert_eq!(retry_after(br#"{"errorCode":429001,"message":"slow","retryAfter":7}"#), Some(7));
    assert_eq!(retry_after(br#"{"errorCode":"ThrottlingException","retryAfter":"8"}"#), Some(8));
    assert_eq!(retry_after(b"{}"), None);
    let mut error = ServiceError::new(ErrorCode::THROTTLING, "slow");
    error.retry_after = Some(7);
    assert_eq!(ServiceError::parse(429, &error.to_body()), error);
}

#[test]
fn rubbish_makes_a_sensible_message() {
    let message = |status, body: &[u8]| ServiceError::parse(status, body).message;
    assert_eq!(message(418, b""), "status 418 without an explanation");
    assert_eq!(message(418, b"null"), "null");
    assert_eq!(message(418, b"{}"), "status 418 without an explanation");
    assert_eq!(message(429, b"{}"), "GenericTooManyRequests");
    assert_eq!(message(500, b"<html>\x00oops"), "<html>\u{fffd}oops");
    assert_eq!(message(500, b"\"just text\""), "just text");
    assert_eq!(message(500, br#"{"message":{"a":1},"errorCode":[]}"#), "status 500 without an explanation");
    assert_eq!(message(500, &vec![0xff; 1_000_000]).chars().count(), MAX_MESSAGE + 1);
    assert_eq!(ServiceError::parse(503, b"x").error_code, None);
    assert_eq!(ServiceError::parse(503, br#"{"errorCode":99999999999}"#).error_code, None);
}

#[test]
fn names_and_codes() {
    assert_eq!(ErrorCode::name(412_001), Some("PreconditionFailed"));
    assert_eq!(ErrorCode::from_name("PreconditionFailed"), Some(412_001));
    assert_eq!((ErrorCode::name(1), ErrorCode::from_name("")), (None, None));
    assert_eq!(ServiceError::new(ErrorCode::PRECONDITION_FAILED, "").status, 412);
}

proptest! {
    #[test]
    fn parsing_is_total_and_bounded(
        status in any::<u16>(),
        bytes in proptest::collection::vec(any::<u8>(), 0..64),
        message in ".{0,2000}", exception in ".{0,300}",
    ) {
        let nested = json!({ "Message": message, "ExceptionMessage": format!("Tracking ID:{exception}") }).to_string();
        let named = json!({ "Message": format!("ErrorCode:{message}") }).to_string();
        let plain = json!({ "message": message, "trackingId": message, "timestampUtc": message }).to_string();
        for body in [bytes.as_slice(), nested.as_bytes(), named.as_bytes(), plain.as_bytes()] {
            let error = ServiceError::parse(status, body);
            prop_assert_eq!(error.status, status);
            prop_assert!(!error.message.is_empty() && error.message.chars().count() <= MAX_MESSAGE + 1);
            for field in [error.tracking_id, error.timestamp].into_iter().flatten() {
                prop_assert!(field.chars().count() <= MAX_FIELD + 1);
            }
        }
    }

    #[test]
    fn bodies_round_trip(code in 0..u32::MAX, message in "[^\\pC]{1,40}", id in "[a-f0-9]{1,32}", time in "[0-9:]{1,20}") {
        let error = ServiceError {
            status: 400, error_code: Some(code), message, tracking_id: Some(id), timestamp: Some(time), retry_after: None,
        };
        prop_assert_eq!(&ServiceError::parse(400, &error.to_body()), &error);
        prop_assert_eq!(&ServiceError::parse(400, &error.to_plain_rest_body()), &error);
        prop_assert_eq!(&ServiceError::parse(400, &error.to_nested_rest_body()), &error);
    }
}
