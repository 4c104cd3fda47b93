//! Tokens of the hub's own policies in the hands of devices (IoT Hub docs, "Control access to IoT Hub by using shared access
//! signatures").

use crate::tests::support::client::{Options, TestClient, hub};
use crate::tests::support::http::policy_key;
use crate::unix_time::unix_now;
use crate::{Authentication, Hub, Id};
use azmqtt_dialect::sas::SasToken;

fn options<'a>(hub: &Hub, id: impl Into<Id<'a>>, policy: &str, resource: &str, life: i64) -> Options {
    let expiry = unix_now().saturating_add_signed(life);
    let token = SasToken::sign(resource, &policy_key(hub, policy), expiry, Some(policy)).to_token();
    let mut options = Options::new(hub, id);
    options.connect.password = Some(token.into());
    options
}

#[tokio::test]
async fn a_policy_that_may_connects_any_device_and_module() {
    let hub = hub();
    hub.create_module("dev1", "m", None).unwrap();
    for policy in ["device", "iothubowner"] {
        for resource in
            ["localhost", "localhost/", "localhost:8443", "localhost/devices", "localhost:1/devices/dev1"]
        {
            for id in [Id::from("dev1"), Id::from(("dev1", "m"))] {
                let taken = TestClient::open(&hub, &options(&hub, id, policy, resource, 60)).await;
                assert!(taken.is_ok(), "{policy} {resource} {id}: {:?}", hub.last_refusal());
            }
        }
    }
    let mut client = TestClient::open(&hub, &options(&hub, "dev1", "device", "localhost", 60)).await.unwrap();
    assert!(client.send("devices/dev1/messages/events/", "x").await);
    let mut own = TestClient::connect(&hub, "dev2").await;
    assert!(own.send("devices/dev2/messages/events/", "x").await);
    let method = |id: &str| {
        let stamps = hub.telemetry(id)[0].system_properties();
        stamps.into_iter().find(|(name, _)| *name == "iothub-connection-auth-method").unwrap().1
    };
    assert_eq!(
        method("dev1"),
        r#"{"scope":"hub","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}"#
    );
    assert_eq!(
        method("dev2"),
        r#"{"scope":"device","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}"#
    );
}

#[tokio::test]
async fn other_policies_resources_and_times_are_refused() {
    let hub = hub();
    let cases = [
        ("service", "localhost", 60, "DeviceConnect"),
        ("registryReadWrite", "localhost", 60, "DeviceConnect"),
        ("device", "localhost/devices/dev2", 60, "another resource"),
        ("device", "other", 60, "another resource"),
        ("device", "localhost:x", 60, "another resource"),
        ("device", "localhost:443/devices/dev2", 60, "another resource"),
        ("device", "localhost", -301, "expired"),
    ];
    for (policy, resource, life, reason) in cases {
        assert!(TestClient::open(&hub, &options(&hub, "dev1", policy, resource, life)).await.is_err());
        let refusal = hub.last_refusal().unwrap();
        assert!(refusal.contains(reason), "{policy} {resource}: {refusal}");
    }
    let mut unknown = options(&hub, "dev1", "device", "localhost", 60);
    let password = unknown.connect.password_text().unwrap().replace("skn=device", "skn=nobody");
    unknown.connect.password = Some(password.into());
    assert!(TestClient::open(&hub, &unknown).await.is_err());
    // A key of the device's own does not become a policy's by naming one.
    let own = crate::tests::support::client::key(&hub, "dev1");
    let mut named = Options::new(&hub, "dev1");
    let token = SasToken::sign("localhost/devices/dev1", &own, unix_now() + 60, Some("device"));
    named.connect.password = Some(token.to_token().into());
    assert!(TestClient::open(&hub, &named).await.is_err());
    hub.create_x509_device("cert", Authentication::CertificateAuthority).unwrap();
    let mut wrong = options(&hub, "dev1", "device", "localhost", 60);
    wrong.connect.client_id = "cert".to_owned();
    wrong.connect.username = Some("localhost/cert/?api-version=2021-04-12".to_owned());
    assert!(TestClient::open(&hub, &wrong).await.is_err());
    assert!(hub.last_refusal().unwrap().contains("X.509"));
}
