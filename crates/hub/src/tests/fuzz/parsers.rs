//! Parsers that take bytes or text.

use std::borrow::Cow;

use serde_json::Value;

use super::fuzz;
use crate::security::certificates;
use crate::security::client_certificates::Authorities;
use azmqtt_dialect::identity::{check_host_name, check_id};
use azmqtt_dialect::provisioning::{
    self, Operation, ProvisioningRequest, ProvisioningResponse, Registration,
};
use azmqtt_dialect::service_error::ServiceError;
use azmqtt_dialect::storage::{StorageError, parse_block_list};
use azmqtt_dialect::time::Timestamp;
use azmqtt_dialect::topic::Subscription;
use azmqtt_dialect::twin::parse_patch;
use azmqtt_dialect::upload::{UploadNotification, UploadTarget, check_blob_name};
use azmqtt_dialect::x509::Thumbprint;
use azmqtt_dialect::{
    ConnectionString, DeviceTopic, HubTopic, MessageProperties, PropertyBag, SasToken, SymmetricKey, Twin,
    Username, check_method_name, time,
};
use azmqtt_local::certificate_authority::{Authority, client_certificate};
use azmqtt_net::certificate::{CertificateFacts, pem};

fn text(input: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(input)
}

const KEY: &str = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC1zZWNyZXQ=";

#[test]
fn topics() {
    let corpus: [&[u8]; 10] = [
        b"devices/d/messages/events/%24.mid=1&a=b&c&%24.ct=application%2Fjson",
        b"devices/d/modules/m/messages/events/x=y",
        b"$iothub/twin/GET/?$rid=1",
        b"$iothub/twin/PATCH/properties/reported/?$rid=2&$version=7",
        b"$iothub/methods/res/200/?$rid=a",
        b"$iothub/twin/res/204/?$rid=1&$version=6",
        b"$iothub/twin/PATCH/properties/desired/?$version=5",
        b"$iothub/methods/POST/reboot/?$rid=1",
        b"devices/d/messages/devicebound/%24.to=%2Fdevices%2Fd&a=b",
        b"devices/d/modules/m/inputs/i/a=b",
    ];
    fuzz("topics", &corpus, |input| {
        let topic = text(input);
        if let Ok(parsed) = DeviceTopic::parse(&topic) {
            let written = parsed.to_string();
            assert_eq!(DeviceTopic::parse(&written).as_ref(), Ok(&parsed), "{written}");
        }
        let _ = HubTopic::parse(&topic).map(|parsed| parsed.to_string());
        let _ = Subscription::parse(&topic, "d", None);
        let _ = Subscription::parse(&topic, "d", Some("m"));
        let _ = ProvisioningRequest::parse(&topic).map(|parsed| parsed.to_string());
        let _ = ProvisioningResponse::parse(&topic).map(|parsed| parsed.to_string());
    });
}

#[test]
fn property_bags() {
    let corpus: [&[u8]; 4] = [
        b"%24.mid=1&%24.cid=2&%24.uid=u&%24.ct=application%2Fjson&%24.ce=utf-8&%24.exp=2030-01-01T00%3A00%3A00Z",
        b"a=b&a=c&novalue&%20=%20",
        b"$.on=output1&$.sub=thermostat&$.ifid=x",
        b"",
    ];
    fuzz("property bags", &corpus, |input| {
        let input = text(input);
        for bag in [PropertyBag::parse(&input), PropertyBag::parse_from_device(&input)].into_iter().flatten()
        {
            assert_eq!(PropertyBag::parse(&bag.to_string()).as_ref(), Ok(&bag));
            let properties = MessageProperties::from_bag(bag);
            let _ = (properties.size(1), properties.to_bag().to_string());
        }
    });
}

#[test]
fn logins() {
    let names: [&[u8]; 4] = [
        b"hub.azure-devices.net/d/?api-version=2021-04-12&DeviceClientType=x%2F1&model-id=dtmi%3Aa%3Bb%3B1",
        b"hub/d/m/?api-version=2021-04-12",
        b"0ne00000000/registrations/r/api-version=2019-03-31&ClientVersion=x",
        b"hub/d",
    ];
    fuzz("user names", &names, |input| {
        let name = text(input);
        if let Ok(username) = Username::parse(&name) {
            let identity = username.identity();
            let _ = (identity.client_id(), identity.sas_resource());
        }
        let _ = provisioning::Username::parse(&name);
        let _ = (check_id("id", &name), check_host_name(&name), check_method_name(&name));
        let _ = (check_blob_name("d", &name), time::parse_utc(&name), Thumbprint::parse(&name));
    });
    let key = SymmetricKey::from_base64(KEY).unwrap();
    let token = SasToken::sign("hub/devices/d", &key, 2_000_000_000, None).to_token();
    let policy = SasToken::sign("hub", &key, 2_000_000_000, Some("iothubowner")).to_token();
    fuzz("SAS tokens", &[token.as_bytes(), policy.as_bytes()], |input| {
        if let Ok(token) = SasToken::parse(&text(input)) {
            let _ = token.verify("hub/devices/d", &[&key], 1_900_000_000);
            assert_eq!(
                SasToken::parse(&token.to_token()).map(|again| again.to_token()),
                Ok(token.to_token())
            );
        }
    });
    let strings: [&[u8]; 3] = [
        b"HostName=h.example.net;DeviceId=d;SharedAccessKey=c2VjcmV0",
        b"HostName=h;DeviceId=d;ModuleId=m;SharedAccessKey=c2VjcmV0;GatewayHostName=g",
        b"HostName=h;DeviceId=d;x509=true",
    ];
    fuzz("connection strings", &strings, |input| drop(ConnectionString::parse(&text(input))));
}

#[test]
fn twins() {
    let deep = format!("{}1{}", "{\"a\":".repeat(10), "}".repeat(10));
    let corpus: [&[u8]; 4] = [
        br#"{"a":1,"b":{"c":null,"d":[1,{"e":2}]},"f":"text"}"#,
        br#"{"properties":{"desired":{"a":1},"reported":{"b":2}},"tags":{"t":1}}"#,
        deep.as_bytes(),
        b"{}",
    ];
    fuzz("twin patches", &corpus, |input| {
        let Ok(patch) = parse_patch(input) else { return };
        let mut twin = Twin::new(Timestamp::default());
        for at in [1, 2].map(Timestamp::of_seconds) {
            let _ = twin.patch_reported(&patch, None, at);
            let _ = twin.patch_desired(&patch, None, at);
            let _ = twin.patch_by_service(&patch, None, at);
            let _ = twin.replace_by_service(&patch, None, at);
        }
        let state = twin.to_state();
        assert_eq!(Twin::from_state(&state).map(|again| again.to_state()).ok(), Some(state));
        let _ = twin.device_view().to_string();
    });
    let mut twin = Twin::new(Timestamp::default());
    twin.patch_by_service(&serde_json::from_slice(corpus[1]).unwrap(), None, Timestamp::default()).unwrap();
    let state = twin.to_state().to_string();
    fuzz("twin states", &[state.as_bytes()], |input| {
        let Ok(state) = serde_json::from_slice::<Value>(input) else { return };
        if let Ok(mut twin) = Twin::from_state(&state) {
            let _ = (
                twin.device_view(),
                twin.etag(),
                twin.patch_reported(&serde_json::json!({"z": 1}), None, Timestamp::default()),
            );
        }
    });
}

#[test]
fn bodies() {
    let corpus: [&[u8]; 6] = [
        br#"{"registrationId":"r","payload":{"a":[1,2]},"csr":"x"}"#,
        br#"{"operationId":"4.a.b","status":"assigned","registrationState":{"assignedHub":"h","deviceId":"d"}}"#,
        br#"{"correlationId":"c","isSuccess":true,"statusCode":200,"statusDescription":"ok"}"#,
        br#"{"correlationId":"c","hostName":"h:1","containerName":"u","blobName":"d/b","sasToken":"?sv=1&sig=x"}"#,
        br#"{"errorCode":412002,"message":"m","trackingId":"t","timestampUtc":"2020-01-01T00:00:00Z"}"#,
        br#"{"Message":"ErrorCode:DeviceNotFound;x","ExceptionMessage":"Tracking ID:a-G:1-TimeStamp:2020"}"#,
    ];
    fuzz("JSON bodies", &corpus, |input| {
        let _ = (Registration::parse(input), Operation::parse(input), UploadNotification::parse(input, None));
        if let Ok(target) = UploadTarget::parse(input) {
            let _ = (target.host_and_port(), target.path_and_query("comp=block"));
        }
        let _ = ServiceError::parse(404, input).to_body();
    });
    let lists: [&[u8]; 2] = [
        b"<?xml version=\"1.0\"?><BlockList><Latest>MDE=</Latest><Committed>MDI=</Committed></BlockList>",
        b"<?xml version=\"1.0\"?><Error><Code>X</Code><Message>a &amp; b</Message></Error>",
    ];
    fuzz("XML bodies", &lists, |input| {
        let _ = parse_block_list(&text(input));
        let _ = StorageError::parse(Some("X"), input);
    });
}

#[test]
fn certificates() {
    let authority = certificates::generate().unwrap();
    let day = std::time::Duration::from_secs(86400);
    let (certificate, key, der) = client_certificate(Some(&authority), "device/module", day, day).unwrap();
    let corpus = [authority.certificate.as_bytes(), certificate.as_bytes(), key.as_bytes()];
    fuzz("PEM", &corpus, |input| {
        let _ = pem::read(input).map(|sections| sections.len());
        let _ = Authorities::default().add(input);
    });
    fuzz("certificates", &[&der], |input| drop(CertificateFacts::read(input)));
    let stored = authority.certificate.clone();
    fuzz("an authority's key", &[authority.key.as_bytes()], |input| {
        let _ =
            certificates::check(&Authority { certificate: stored.clone(), key: text(input).into_owned() });
    });
}
