//! The device and the local provisioning service, joined across real TLS sockets.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use azmqtt_device::{
    Credentials, Device, DeviceConfig, Error, PollWaits, ProvisioningConfig, Registered, Trust,
    provisioning::register,
};
use azmqtt_dialect::provisioning::{Registrant, Substatus};
use azmqtt_dialect::{ServiceError, SymmetricKey};
use azmqtt_hub::provisioning::{Allocation, Enrollment, EnrollmentGroup, Fault};
use azmqtt_hub::{Hub, HubConfig, HubError};
use serde_json::json;

use common::{TIMEOUT, runtime, wait};

fn hub() -> Hub {
    Hub::start(HubConfig::default()).unwrap()
}

fn keys() -> [SymmetricKey; 2] {
    [SymmetricKey::generate(getrandom::fill).unwrap(), SymmetricKey::generate(getrandom::fill).unwrap()]
}

fn config(hub: &Hub, registration_id: &str, key: &SymmetricKey) -> ProvisioningConfig {
    let registrant = Registrant::new(hub.id_scope(), registration_id).unwrap();
    let mut config = ProvisioningConfig::new(registrant, Credentials::key(key.clone()));
    config.endpoint.host = hub.provisioning_host().into();
    config.endpoint.port = hub.provisioning_port();
    config.endpoint.trust = Trust::from_pem(hub.ca_pem().as_bytes()).unwrap();
    config.poll = PollWaits { floor: Duration::from_millis(5), ..PollWaits::default() };
    config
}

fn run(config: ProvisioningConfig) -> Result<Registered, Error> {
    wait(|reply| drop(register(config, TIMEOUT, &runtime(), reply)))
}

fn code(outcome: Result<Registered, Error>) -> Option<u32> {
    match outcome {
        Err(Error::ProvisioningFailed(failure)) => failure.error.error_code,
        other => panic!("{other:?} in place of a failure"),
    }
}

/// Connects with the identity that was assigned.
fn connect(hub: &Hub, registered: &Registered, key: &SymmetricKey) {
    let mut config = DeviceConfig::new(registered.identity.clone(), Credentials::key(key.clone()));
    config.endpoint.port = hub.port();
    config.endpoint.trust = Trust::from_pem(hub.ca_pem().as_bytes()).unwrap();
    let device = Device::new(config, runtime);
    wait(|reply| device.connect(TIMEOUT, reply)).unwrap();
    assert!(hub.connected(&registered.identity.device_id).unwrap());
    wait(|reply| device.close(TIMEOUT, reply)).unwrap();
}

#[test]
fn an_enrolled_device_finds_its_hub() {
    let hub = hub();
    let keys = keys();
    let mut enrollment = Enrollment::new("Reg-1", keys.clone());
    enrollment.device_id = Some("dev-1".into());
    enrollment.policy.initial_twin =
        Some(json!({ "tags": { "a": 1 }, "properties": { "desired": { "b": 2 } } }));
    hub.create_enrollment(enrollment).unwrap();
    // Ids are compared without regard to case, and either key signs.
    for (id, key) in [("reg-1", &keys[0]), ("REG-1", &keys[1])] {
        let registered = run(config(&hub, id, key)).unwrap();
        assert_eq!(
            (registered.identity.host_name.as_str(), &*registered.identity.device_id),
            ("localhost", "dev-1")
        );
        assert_eq!(registered.state.substatus, Some(Substatus::InitialAssignment));
        connect(&hub, &registered, key);
    }
    let twin = hub.twin("dev-1").unwrap();
    assert_eq!((&twin["tags"]["a"], &twin["properties"]["desired"]["b"]), (&json!(1), &json!(2)));
    assert_eq!(hub.registrations()[0].count, 2);
}

#[test]
fn a_group_lets_any_device_in() {
    let hub = hub();
    let keys = keys();
    hub.create_enrollment_group(EnrollmentGroup::new("fleet", keys.clone())).unwrap();
    let derived = keys[0].derive("member-7");
    let registered = run(config(&hub, "member-7", &derived)).unwrap();
    assert_eq!(registered.identity.device_id, "member-7");
    assert_eq!(registered.state.enrollment_group_id.as_deref(), Some("fleet"));
    connect(&hub, &registered, &derived);
    assert_eq!(code(run(config(&hub, "member-8", &derived))), Some(401_002));
    assert_eq!(code(run(config(&hub, "member-7", &keys[0]))), Some(401_002));
}

#[test]
fn unknown_and_disabled_devices_are_refused() {
    let hub = hub();
    let keys = keys();
    assert_eq!(code(run(config(&hub, "nobody", &keys[0]))), Some(404_201));
    hub.create_enrollment(Enrollment::new("reg-1", keys.clone())).unwrap();
    let again = hub.create_enrollment(Enrollment::new("REG-1", keys.clone()));
    assert!(matches!(again, Err(HubError::EnrollmentExists(_))), "{again:?}");
    assert_eq!(code(run(config(&hub, "reg-1", &keys[0].derive("x")))), Some(401_002));
    hub.set_enrollment_enabled("reg-1", false).unwrap();
    let Err(Error::ProvisioningFailed(failure)) = run(config(&hub, "reg-1", &keys[0])) else {
        panic!("it registered");
    };
    assert!(failure.to_string().contains("disabled"), "{failure}");
    let mut foreign = config(&hub, "reg-1", &keys[0]);
    foreign.registrant.id_scope = "0neOTHER".into();
    let refused = run(foreign);
    assert!(matches!(refused, Err(Error::AuthenticationFailed { .. })), "{refused:?}");
    assert!(hub.last_refusal().unwrap().contains("id scope"));
}

#[test]
fn troubles_on_demand() {
    let hub = hub();
    let keys = keys();
    hub.create_enrollment(Enrollment::new("reg-1", keys.clone())).unwrap();
    hub.set_provisioning_pace(3, 0);
    let mut throttled = ServiceError::new(429_001, "too many");
    throttled.retry_after = Some(0);
    hub.add_provisioning_faults([Fault::Answer(throttled), Fault::Close]);
    run(config(&hub, "reg-1", &keys[0])).unwrap();
    hub.add_provisioning_faults([Fault::Answer(ServiceError::new(409_203, "under way"))]);
    assert_eq!(code(run(config(&hub, "reg-1", &keys[0]))), Some(409_203));
}

#[test]
fn a_device_that_was_removed_comes_back() {
    let hub = hub();
    let keys = keys();
    hub.create_enrollment(Enrollment::new("reg-1", keys.clone())).unwrap();
    run(config(&hub, "reg-1", &keys[0])).unwrap();
    hub.patch_desired("reg-1", &json!({ "kept": true })).unwrap();
    run(config(&hub, "reg-1", &keys[0])).unwrap();
    assert_eq!(hub.twin("reg-1").unwrap()["properties"]["desired"]["kept"], json!(true));
    hub.remove_device("reg-1").unwrap();
    let registered = run(config(&hub, "reg-1", &keys[0])).unwrap();
    assert_eq!(registered.state.substatus, Some(Substatus::InitialAssignment));
    connect(&hub, &registered, &keys[0]);
}

#[test]
fn a_device_that_is_there_already_gets_the_enrolments_key() {
    let hub = hub();
    let keys = keys();
    hub.create_device("reg-1", None).unwrap();
    hub.patch_desired("reg-1", &json!({ "kept": true })).unwrap();
    hub.create_enrollment(Enrollment::new("reg-1", keys.clone())).unwrap();
    let registered = run(config(&hub, "reg-1", &keys[0])).unwrap();
    connect(&hub, &registered, &keys[0]);
    assert_eq!(hub.twin("reg-1").unwrap()["properties"]["desired"]["kept"], json!(true));
}

#[test]
fn the_application_may_allocate() {
    let hub = Arc::new(hub());
    let keys = keys();
    hub.create_enrollment(Enrollment::new("reg-1", keys.clone())).unwrap();
    hub.set_custom_allocation(true);
    let answering = std::thread::spawn({
        let hub = hub.clone();
        move || {
            let request = hub.next_allocation(TIMEOUT).unwrap();
            assert_eq!(
                (&*request.registration_id, request.payload),
                ("reg-1", Some(json!({ "model": "x" })))
            );
            let payload = Some(json!({ "interval": 5 }));
            let answer = Allocation { payload, device_id: Some("chosen".into()), ..Allocation::default() };
            assert!(hub.answer_allocation(&request.operation_id, Ok(answer)));
            let request = hub.next_allocation(TIMEOUT).unwrap();
            assert!(hub.answer_allocation(&request.operation_id, Err("no room".into())));
        }
    });
    let mut wanted = config(&hub, "reg-1", &keys[0]);
    wanted.payload = Some(json!({ "model": "x" }));
    let registered = run(wanted.clone()).unwrap();
    assert_eq!(registered.identity.device_id, "chosen");
    assert_eq!(registered.state.payload, Some(json!({ "interval": 5 })));
    assert_eq!(code(run(wanted)), Some(400_207));
    answering.join().unwrap();
    assert!(!hub.answer_allocation("4.nothing", Err(String::new())));
}

#[test]
fn enrolments_outlive_the_hub() {
    let dir = std::env::temp_dir().join(format!("azmqtt-provisioning-{}", std::process::id()));
    let start = || Hub::start(HubConfig { state_dir: Some(dir.clone()), ..HubConfig::default() }).unwrap();
    let keys = keys();
    let scope = {
        let hub = start();
        let mut group = EnrollmentGroup::new("fleet", keys.clone());
        group.policy.initial_twin = Some(json!({ "tags": { "a": 1 } }));
        hub.create_enrollment_group(group).unwrap();
        hub.create_enrollment(Enrollment::new("reg-1", keys.clone())).unwrap();
        run(config(&hub, "reg-1", &keys[0])).unwrap();
        hub.id_scope().to_owned()
    };
    {
        let hub = start();
        assert_eq!(hub.id_scope(), scope);
        assert_eq!(hub.enrollment_keys("REG-1").unwrap(), Some(keys.each_ref().map(SymmetricKey::as_base64)));
        assert_eq!(hub.registrations()[0].device_id, "reg-1");
        let registered = run(config(&hub, "member", &keys[0].derive("member"))).unwrap();
        connect(&hub, &registered, &keys[0].derive("member"));
        assert_eq!(hub.twin("member").unwrap()["tags"]["a"], json!(1));
    }
    for damaged in
        ["provisioning.json", "registrations/x.json", "enrollments/x.json", "enrollment-groups/x.json"]
    {
        let path = dir.join(damaged);
        let before = std::fs::read(&path).ok();
        std::fs::write(&path, r#"{"idScope":7}"#).unwrap();
        let start = Hub::start(HubConfig { state_dir: Some(dir.clone()), ..HubConfig::default() });
        assert!(matches!(start, Err(HubError::Corrupt { .. })), "{damaged}");
        let mended = before.map_or_else(|| std::fs::remove_file(&path), |bytes| std::fs::write(&path, bytes));
        mended.unwrap();
    }
    start();
    std::fs::remove_dir_all(&dir).unwrap();
}
