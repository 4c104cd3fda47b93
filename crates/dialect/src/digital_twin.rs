//! Digital twins: what the service makes of a device's twin by the conventions of IoT Plug and Play (IoT docs, "Understand IoT
//! Plug and Play digital twins", "Manage digital twins"). A component is an object with the member `"__t": "c"`.

use serde_json::{Map, Value, json};

/// Marks a component.
const COMPONENT: (&str, &str) = ("__t", "c");

/// The digital twin of a device, from its twin as services see it.
pub fn view(twin: &Value) -> Value {
    let section = |name: &str| twin["properties"][name].as_object().cloned().unwrap_or_default();
    let (desired, reported) = (section("desired"), section("reported"));
    let metadata = |section: &Map<String, Value>| section.get("$metadata").cloned().unwrap_or_default();
    let stamps = [metadata(&desired), metadata(&reported)];
    let model = twin.get("modelId").cloned().unwrap_or_else(|| "".into());
    let mut view = Map::new();
    view.insert("$dtId".to_owned(), twin["deviceId"].clone());
    let about = write_level(&desired, &reported, &stamps, true, &mut view);
    let mut root = Map::from_iter([("$model".to_owned(), model)]);
    root.extend(about);
    view.insert("$metadata".to_owned(), root.into());
    view.into()
}

/// Writes the properties, and at the root the components, of one level; what is known about the properties.
fn write_level(
    desired: &Map<String, Value>,
    reported: &Map<String, Value>,
    [desired_stamps, reported_stamps]: &[Value; 2],
    is_root: bool,
    out: &mut Map<String, Value>,
) -> Map<String, Value> {
    let mut about = Map::new();
    let names = reported.keys().chain(desired.keys().filter(|name| !reported.contains_key(*name)));
    for name in names.filter(|name| !name.starts_with('$') && *name != COMPONENT.0) {
        let (wanted, had) = (desired.get(name), reported.get(name));
        let stamps = [desired_stamps[name].clone(), reported_stamps[name].clone()];
        if is_root && [wanted, had].into_iter().flatten().any(is_component) {
            let members =
                |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
            let mut component = Map::new();
            let inside = write_level(&members(wanted), &members(had), &stamps, false, &mut component);
            component.insert("$metadata".to_owned(), inside.into());
            out.insert(name.clone(), component.into());
        } else {
            let (value, facts) = property(wanted, had, &stamps);
            if let Some(value) = value {
                out.insert(name.clone(), value);
            }
            about.insert(name.clone(), facts);
        }
    }
    about
}

fn is_component(value: &Value) -> bool {
    value.get(COMPONENT.0).is_some_and(|mark| mark == COMPONENT.1)
}

/// A property's reported value, and its state. A device acknowledges a desired value by `{"value", "ac", "av", "ad"}`.
fn property(
    desired: Option<&Value>,
    reported: Option<&Value>,
    [wanted, had]: &[Value; 2],
) -> (Option<Value>, Value) {
    let mut facts = Map::new();
    if let Some(desired) = desired {
        facts.insert("desiredValue".to_owned(), desired.clone());
        facts.insert("desiredVersion".to_owned(), wanted["$lastUpdatedVersion"].clone());
    }
    let acknowledged = reported.filter(|value| value.get("value").is_some() && value.get("ac").is_some());
    if let Some(acknowledged) = acknowledged {
        for (name, short) in [("ackVersion", "av"), ("ackCode", "ac"), ("ackDescription", "ad")] {
            if let Some(value) = acknowledged.get(short) {
                facts.insert(name.to_owned(), value.clone());
            }
        }
    }
    let stamp = if reported.is_some() { had } else { wanted };
    facts.insert("lastUpdateTime".to_owned(), stamp["$lastUpdated"].clone());
    let value = acknowledged.map_or(reported, |acknowledged| acknowledged.get("value"));
    (value.cloned(), facts.into())
}

/// Reads a JSON Patch (RFC 6902) of a digital twin into a merge patch of desired properties: `add`, `replace` and `remove` of a
/// property, of a component's property, or of a component, whose value has `$metadata`.
///
/// # Errors
/// Says which rule is broken.
pub fn read_patch(patch: &Value) -> Result<Value, String> {
    let operations = patch.as_array().ok_or("the body must be a JSON Patch, a list of operations")?;
    let mut desired = Map::new();
    for operation in operations {
        let text = |name: &str| operation.get(name).and_then(Value::as_str);
        let value = match text("op") {
            Some("add" | "replace") => operation.get("value").ok_or("an operation has no value")?.clone(),
            Some("remove") => Value::Null,
            _ => return Err("op must be add, replace or remove".to_owned()),
        };
        let place = text("path").and_then(|place| place.strip_prefix('/')).ok_or("path must begin with /")?;
        let names: Vec<_> = place.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect();
        match &names[..] {
            [name] => drop(desired.insert(name.clone(), component(value))),
            [name, member] => {
                let mark = || json!({ COMPONENT.0: COMPONENT.1 });
                let found = desired.entry(name.clone()).or_insert_with(mark);
                let fields = found.as_object_mut().ok_or("a path leads into what is not a component")?;
                fields.insert(member.clone(), value);
            }
            _ => return Err("path must name a property, or a component and its property".to_owned()),
        }
    }
    Ok(desired.into())
}

/// A value as desired properties have it: of a component with its mark.
fn component(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut()
        && fields.shift_remove("$metadata").is_some()
    {
        fields.insert(COMPONENT.0.to_owned(), COMPONENT.1.into());
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_twin_is_shown_by_the_conventions() {
        let at = "2026-01-01T00:00:00Z";
        let twin = json!({
            "deviceId": "d",
            "modelId": "dtmi:com:example:TemperatureController;1",
            "properties": {
                "desired": {
                    "thermostat1": { "__t": "c", "targetTemperature": 21.8 },
                    "$metadata": { "thermostat1": {
                        "targetTemperature": { "$lastUpdated": at, "$lastUpdatedVersion": 4 },
                    } },
                    "$version": 4,
                },
                "reported": {
                    "serialNumber": "a1",
                    "thermostat1": {
                        "__t": "c",
                        "maxTempSinceLastReboot": 25.3,
                        "targetTemperature": { "value": 21.8, "ac": 200, "av": 4, "ad": "done" },
                    },
                    "$metadata": {
                        "serialNumber": { "$lastUpdated": at },
                        "thermostat1": {
                            "maxTempSinceLastReboot": { "$lastUpdated": at },
                            "targetTemperature": { "$lastUpdated": at },
                        },
                    },
                    "$version": 2,
                },
            },
        });
        let expected = json!({
            "$dtId": "d",
            "serialNumber": "a1",
            "thermostat1": {
                "maxTempSinceLastReboot": 25.3,
                "targetTemperature": 21.8,
                "$metadata": {
                    "maxTempSinceLastReboot": { "lastUpdateTime": at },
                    "targetTemperature": {
                        "desiredValue": 21.8,
                        "desiredVersion": 4,
                        "ackVersion": 4,
                        "ackCode": 200,
                        "ackDescription": "done",
                        "lastUpdateTime": at,
                    },
                },
            },
            "$metadata": {
                "$model": "dtmi:com:example:TemperatureController;1",
                "serialNumber": { "lastUpdateTime": at },
            },
        });
        assert_eq!(view(&twin), expected);
    }

    #[test]
    fn patches_are_read_into_desired_properties() {
        let patch = json!([
            { "op": "add", "path": "/targetTemperature", "value": 20 },
            { "op": "replace", "path": "/thermostat1/targetTemperature", "value": 21 },
            { "op": "remove", "path": "/thermostat1/old" },
            { "op": "add", "path": "/thermostat2", "value": { "x": 1, "$metadata": {} } },
            { "op": "remove", "path": "/gone" },
        ]);
        let expected = json!({
            "targetTemperature": 20,
            "thermostat1": { "__t": "c", "targetTemperature": 21, "old": null },
            "thermostat2": { "x": 1, "__t": "c" },
            "gone": null,
        });
        assert_eq!(read_patch(&patch), Ok(expected));
        for bad in [
            json!({}),
            json!([7]),
            json!([{ "op": "move", "path": "/a", "from": "/b" }]),
            json!([{ "op": "add", "path": "/a" }]),
            json!([{ "op": "add", "path": "a", "value": 1 }]),
            json!([{ "op": "add", "path": "/a/b/c", "value": 1 }]),
            json!([{ "op": "add", "path": "/a", "value": 1 }, { "op": "add", "path": "/a/b", "value": 1 }]),
        ] {
            assert!(read_patch(&bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn reading_and_showing_are_total(text in r#"[\[\]{}",:a_t$/0 -]{0,60}"#, path in any::<String>()) {
            let value: Value = serde_json::from_str(&text).unwrap_or_default();
            let _ = (view(&json!({ "properties": { "desired": value, "reported": value } })), read_patch(&value));
            let _ = read_patch(&json!([{ "op": "add", "path": path, "value": value }]));
        }
    }
}
