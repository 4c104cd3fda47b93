use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use super::{document, patch};
use crate::service_error::ErrorCode;
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp::of_ticks(17_000_000_000_123_456);
const NOW_TEXT: &str = "2023-11-14T22:13:20.0123456Z";
const LATER: Timestamp = Timestamp::of_ticks(17_000_000_600_123_456);
const LATER_TEXT: &str = "2023-11-14T22:14:20.0123456Z";

#[test]
fn a_new_twin() {
    let twin = Twin::new(NOW);
    assert_eq!((twin.etag().as_str(), twin.version()), ("AAAAAAAAAAE=", 2));
    assert_eq!(twin.device_view(), json!({"desired": {"$version": 1}, "reported": {"$version": 1}}));
}

#[test]
fn reporting() {
    let mut twin = Twin::new(NOW);
    assert_eq!(twin.patch_reported(&json!({"t": 5, "o": {"a": 1}}), None, NOW), Ok(2));
    assert_eq!(twin.patch_reported(&json!({"t": null, "o": {"b": 2}}), Some(2), LATER), Ok(3));
    assert_eq!(twin.device_view()["reported"], json!({"o": {"a": 1, "b": 2}, "$version": 3}));
    assert_eq!((twin.etag().as_str(), twin.version()), ("AAAAAAAAAAE=", 4));
    let metadata = &twin.service_view(&DeviceFacts::default())["properties"]["reported"]["$metadata"];
    assert_eq!(
        metadata,
        &json!({
            "$lastUpdated": LATER_TEXT,
            "o": {
                "$lastUpdated": LATER_TEXT,
                "a": {"$lastUpdated": NOW_TEXT},
                "b": {"$lastUpdated": LATER_TEXT},
            },
        })
    );
}

#[test]
fn a_refused_patch_changes_nothing() {
    let mut twin = Twin::new(NOW);
    let big = |key: char| (key.to_string(), Value::from("x".repeat(4000)));
    twin.patch_reported(&Value::Object(('a'..='h').map(big).collect()), None, NOW).unwrap();
    let before = twin.clone();
    for (patch, if_version, status, code) in [
        (json!({"ok": 1, "$version": 3}), None, 400, ErrorCode::ARGUMENT_INVALID),
        (json!([]), None, 400, ErrorCode::ARGUMENT_INVALID),
        (json!({"ok": 1}), Some(1), 412, ErrorCode::PRECONDITION_FAILED),
        (json!({"i": "x".repeat(4000)}), None, 413, ErrorCode::MESSAGE_TOO_LARGE),
    ] {
        let error = twin.patch_reported(&patch, if_version, LATER).unwrap_err();
        let service_error = error.to_service_error();
        assert_eq!(
            (error.status(), service_error.status, service_error.error_code),
            (status, status, Some(code))
        );
        assert_eq!(twin, before);
    }
    // Making room in the same patch is fine.
    assert_eq!(twin.patch_reported(&json!({"a": null, "i": "x".repeat(4000)}), Some(2), LATER), Ok(3));
    let error = parse_patch(b"{\"a\": ").unwrap_err();
    assert_eq!(
        (error.status(), error.to_service_error().error_code),
        (400, Some(ErrorCode::ARGUMENT_INVALID))
    );
}

#[test]
fn a_service_patches() {
    let mut twin = Twin::new(NOW);
    let body = json!({"tags": {"site": "x"}, "properties": {"desired": {"t": 5, "gone": null}}});
    let notification = twin.patch_by_service(&body, Some("\"AAAAAAAAAAE=\""), NOW).unwrap();
    assert_eq!(notification, Some(json!({"t": 5, "gone": null, "$version": 2})));
    assert_eq!((twin.desired().version(), twin.tags()["site"].as_str()), (2, Some("x")));
    assert_eq!(twin.patch_by_service(&body, Some("AAAAAAAAAAE="), NOW), Err(TwinError::EtagMismatch));
    assert!(twin.patch_by_service(&body, Some("*"), NOW).is_ok());
    assert_eq!(twin.patch_by_service(&json!({"tags": {}}), None, NOW), Ok(None));
    assert_eq!(twin.patch_by_service(&json!({"properties": {}}), None, NOW), Ok(None));

    // Good tags beside bad properties: neither is written.
    let before = twin.clone();
    for bad in [
        json!({"tags": {"n": 1}, "properties": {"desired": {"a b": 1}}}),
        json!([]),
        json!({"properties": 1}),
    ] {
        assert_eq!(twin.patch_by_service(&bad, None, LATER).unwrap_err().status(), 400);
        assert_eq!(twin, before);
    }
}

#[test]
fn a_null_clears_what_it_stands_for() {
    type Write = fn(&mut Twin, &Value, Option<&str>, Timestamp) -> Result<Option<Value>, TwinError>;
    for write in [Twin::patch_by_service as Write, Twin::replace_by_service] {
        let mut twin = Twin::new(NOW);
        let full = json!({"tags": {"t": 1}, "properties": {"desired": {"a": 1, "b": {"c": 2}}}});
        for (body, cleared) in [
            (json!({"properties": {"desired": null}}), "desired"),
            (json!({"properties": null}), "desired"),
            (json!({"tags": null}), "tags"),
        ] {
            twin.patch_by_service(&full, None, NOW).unwrap();
            let (version, desired, etag) = (twin.version(), twin.desired().version(), twin.etag());
            let told = write(&mut twin, &body, Some(&etag), LATER).unwrap();
            assert_eq!(twin.version(), version + 1, "{body}");
            assert_ne!(twin.etag(), etag);
            if cleared == "desired" {
                assert_eq!(told, Some(json!({"a": null, "b": null, "$version": desired + 1})), "{body}");
                assert_eq!(twin.device_view()["desired"], json!({"$version": desired + 1}));
                assert_eq!(twin.tags().len(), 1);
            } else {
                assert_eq!(told, None);
                assert!(twin.tags().is_empty() && twin.desired().values().len() == 2);
            }
        }
        // Together, and where there is nothing left: a write like any other.
        let all = json!({"tags": null, "properties": {"desired": null}});
        write(&mut twin, &all, None, LATER).unwrap();
        let version = twin.desired().version();
        assert_eq!(write(&mut twin, &all, None, LATER), Ok(Some(json!({"$version": version + 1}))));
        assert_eq!(write(&mut twin, &json!({"properties": [null]}), None, LATER).unwrap_err().status(), 400);
    }
}

#[test]
fn a_service_sends_back_what_it_read() {
    let mut twin = Twin::new(NOW);
    twin.patch_desired(&json!({"a": 1, "b": {"c": 2}}), None, NOW).unwrap();
    let read = twin.service_view(&DeviceFacts::default());
    assert_eq!(twin.replace_by_service(&read, None, LATER), Ok(Some(json!({"$version": 3}))));
    let other = json!({"tags": {}, "properties": {"desired": {"b": {"d": 3}}}});
    let notification = twin.replace_by_service(&other, None, LATER).unwrap();
    assert_eq!(notification, Some(json!({"a": null, "b": {"c": null, "d": 3}, "$version": 4})));
    assert_eq!(twin.device_view()["desired"], json!({"b": {"d": 3}, "$version": 4}));
}

#[test]
fn the_service_s_view() {
    let mut twin = Twin::new(NOW);
    assert_eq!(twin.patch_desired(&json!({"t": 5}), Some(1), NOW), Ok(2));
    assert_eq!(
        twin.patch_desired(&json!({"t": 6}), Some(1), NOW),
        Err(TwinError::VersionMismatch { expected: 1, actual: 2 })
    );
    let facts = DeviceFacts {
        device_id: "dev1".to_owned(),
        device_etag: "e".to_owned(),
        authentication_type: "sas",
        model_id: Some("dtmi:a;1".to_owned()),
        ..DeviceFacts::default()
    };
    assert_eq!(
        twin.service_view(&facts),
        json!({
            "deviceId": "dev1", "etag": "AAAAAAAAAAI=", "deviceEtag": "e", "status": "enabled",
            "statusUpdateTime": "0001-01-01T00:00:00Z", "connectionState": "Disconnected",
            "lastActivityTime": "0001-01-01T00:00:00Z", "cloudToDeviceMessageCount": 0,
            "authenticationType": "sas", "modelId": "dtmi:a;1",
            "x509Thumbprint": {"PrimaryThumbprint": null, "SecondaryThumbprint": null},
            "version": 3,
            "properties": {
                "desired": {
                    "t": 5,
                    "$metadata": {
                        "$lastUpdated": NOW_TEXT, "$lastUpdatedVersion": 2,
                        "t": {"$lastUpdated": NOW_TEXT, "$lastUpdatedVersion": 2},
                    },
                    "$version": 2,
                },
                "reported": {"$metadata": {"$lastUpdated": NOW_TEXT}, "$version": 1},
            },
            "capabilities": {"iotEdge": false},
        })
    );
}

#[test]
fn unreadable_state_is_an_error() {
    let state = Twin::new(NOW).to_state();
    for part in ["etag", "version", "tags", "desired", "reported"] {
        let mut broken = state.clone();
        broken[part] = json!("x");
        assert!(Twin::from_state(&broken).unwrap_err().to_string().contains(part));
    }
    let mut broken = state.clone();
    broken["desired"] = json!({});
    assert!(Twin::from_state(&broken).is_err());
    // Lost metadata is made anew.
    let mut without = state;
    without["desired"] = json!({"a": {"b": 1}, "$version": 4});
    let twin = Twin::from_state(&without).unwrap();
    let view = twin.service_view(&DeviceFacts::default());
    assert_eq!(view["properties"]["desired"]["$metadata"]["a"]["b"]["$lastUpdatedVersion"], 4);
}

/// The metadata has a node for each key of the values, and no other.
fn mirrors(values: &Value, metadata: &Value) -> bool {
    let empty = serde_json::Map::new();
    let values = values.as_object().unwrap_or(&empty);
    let nodes: Vec<_> = metadata.as_object().unwrap().keys().filter(|key| !key.starts_with('$')).collect();
    nodes == values.keys().filter(|key| !key.starts_with('$')).collect::<Vec<_>>()
        && metadata["$lastUpdated"].is_string()
        && nodes.iter().all(|key| mirrors(&values[*key], &metadata[*key]))
}

proptest! {
    #[test]
    fn any_history_keeps_the_twin_whole(
        steps in proptest::collection::vec((0..4, patch(), document()), 0..12),
    ) {
        let mut twin = Twin::new(NOW);
        let mut seen = json!({});
        for (index, (kind, patch, values)) in steps.iter().enumerate() {
            let now = Timestamp::of_ticks(17_000_000_000_123_456 + index as u64);
            let before = twin.clone();
            match kind {
                0 => { twin.patch_reported(patch, None, now).unwrap(); }
                1 => { twin.patch_tags(patch).unwrap(); }
                _ => {
                    let body = json!({"properties": {"desired": if *kind == 2 { patch } else { values }}});
                    let notification = if *kind == 2 {
                        twin.patch_by_service(&body, None, now)
                    } else {
                        twin.replace_by_service(&body, None, now)
                    };
                    let mut notification = notification.unwrap().unwrap();
                    let version = notification.as_object_mut().unwrap().shift_remove("$version").unwrap();
                    prop_assert_eq!(version, before.desired().version() + 1);
                    // A device that merges every notification knows the desired properties.
                    merge_patch(&mut seen, &notification);
                }
            }
            prop_assert_eq!(twin.version(), before.version() + 1);
        }
        prop_assert_eq!(&Value::Object(twin.desired().values().clone()), &seen);
        let view = twin.service_view(&DeviceFacts::default());
        for section in ["desired", "reported"] {
            let section = &view["properties"][section];
            prop_assert!(mirrors(section, &section["$metadata"]), "{section}");
        }
        let text = twin.to_state().to_string();
        prop_assert_eq!(Twin::from_state(&serde_json::from_str(&text).unwrap()).unwrap(), twin);
    }
}

#[test]
fn a_twin_that_was_never_written_says_so() {
    let never = json!({ "$lastUpdated": "0001-01-01T00:00:00Z" });
    let module = Twin::of_module();
    let facts = DeviceFacts { module_id: Some("m".to_owned()), ..DeviceFacts::default() };
    let view = module.service_view(&facts);
    assert_eq!(view["properties"]["desired"]["$metadata"], never);
    assert_eq!(view["properties"]["reported"]["$metadata"], never);
    assert_eq!((view.get("tags"), view.get("capabilities")), (None, None));
    let device = Twin::new(NOW);
    let view = device.service_view(&DeviceFacts::default());
    assert_eq!(view["properties"]["desired"]["$metadata"], json!({ "$lastUpdated": NOW_TEXT }));
    assert!(view.get("capabilities").is_some());
    // It is so after a restart, too.
    for twin in [module, device] {
        assert_eq!(Twin::from_state(&twin.to_state()).unwrap(), twin);
    }
}

/// Earlier versions stored whole seconds.
#[test]
fn a_stored_twin_with_whole_seconds_is_read() {
    let mut twin = Twin::new(NOW);
    twin.patch_desired(&json!({ "a": 1 }), None, LATER).unwrap();
    let stored = twin.to_state().to_string().replace(".0123456Z", "Z");
    let read = Twin::from_state(&serde_json::from_str(&stored).unwrap()).unwrap();
    let view = read.service_view(&DeviceFacts::default());
    assert_eq!(
        view["properties"]["desired"]["$metadata"]["a"]["$lastUpdated"],
        "2023-11-14T22:14:20.0000000Z"
    );
    assert_eq!(view["properties"]["reported"]["$metadata"]["$lastUpdated"], "2023-11-14T22:13:20.0000000Z");
}

#[test]
fn a_twin_that_is_made_with_values_is_at_its_first_version() {
    let body = json!({ "tags": { "floor": 1 }, "properties": { "desired": { "a": { "b": 1 } } } });
    let twin = Twin::with(&body, NOW).unwrap();
    let view = twin.service_view(&DeviceFacts::default());
    assert_eq!((&view["etag"], &view["version"]), (&json!("AAAAAAAAAAE="), &json!(2)));
    let desired = &view["properties"]["desired"];
    assert_eq!(desired["$version"], 1);
    let stamp = json!({ "$lastUpdated": NOW_TEXT, "$lastUpdatedVersion": 1 });
    assert_eq!(desired["$metadata"]["a"]["b"], stamp);
    assert_eq!(view["tags"], json!({ "floor": 1 }));
    assert!(Twin::with(&json!({ "tags": { "a.b": 1 } }), NOW).is_err());
}

#[test]
fn what_is_in_the_wrong_place_is_refused_and_named() {
    let mut twin = Twin::new(NOW);
    let before = twin.clone();
    for (body, name) in [
        (json!({ "desired": { "x": 1 } }), "desired"),
        (json!({ "tag": { "x": 1 } }), "tag"),
        (json!({ "Tags": {} }), "Tags"),
        (json!({ "properties": { "tags": {} } }), "properties.tags"),
        (json!({ "properties": { "x": 1 } }), "properties.x"),
        (json!({ "tags": { "ok": 1 }, "reported": {} }), "reported"),
    ] {
        for error in [twin.patch_by_service(&body, None, NOW), twin.replace_by_service(&body, None, NOW)] {
            let error = error.unwrap_err();
            assert_eq!(error.status(), 400);
            assert!(error.to_string().starts_with(&format!("twin: {name} is not part")), "{error}");
        }
    }
    assert_eq!(twin, before);
    // Sent back as it was read, it is in its place.
    let view = twin.service_view(&DeviceFacts::default());
    twin.patch_by_service(&view, None, NOW).unwrap();
}
