//! A configuration's content: values for places in desired properties, such as `properties.desired.chiller`.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::error::HubError;
use crate::error::refused::Refused;
use crate::id::{Id, MAX_MODULES};
use crate::registry::Registry;
use crate::registry::device::Device;
use crate::registry::identities::{self, Draft};
use crate::twins::writes;
use azmqtt_dialect::Twin;
use azmqtt_dialect::identity::check_id;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_dialect::time::Timestamp;

/// The place of every value.
const DESIRED: &str = "properties.desired";

/// Values by their places.
type Settings = Map<String, Value>;

/// What a content is for.
#[derive(Debug)]
pub enum Content {
    Device(Settings),
    /// The modules of a device, by their ids: an IoT Edge deployment.
    Modules(Vec<(String, Settings)>),
    /// One module of each device.
    Module(Settings),
}

impl Content {
    /// Reads `{"deviceContent": …}`, `{"modulesContent": …}` or `{"moduleContent": …}`.
    pub fn read(content: &Value) -> Result<Self, Refused> {
        let invalid = |message: &str| Refused::new(ErrorCode::ARGUMENT_INVALID, message);
        let part = |name: &str| content.get(name).filter(|part| !part.is_null());
        let kinds = ["deviceContent", "modulesContent", "moduleContent"].map(part);
        let settings = |value: &Value| {
            let settings = value.as_object().ok_or_else(|| invalid("a content is values by their places"))?;
            if settings.keys().any(|place| names(place).is_none()) {
                return Err(invalid("places begin with properties.desired"));
            }
            // What no twin takes is refused here, and not by each device.
            let mut twin = Twin::new(Timestamp::now());
            twin.replace_by_service(&replacement(&twin, settings), None, Timestamp::now())?;
            Ok(settings.clone())
        };
        match kinds {
            [Some(device), None, None] => settings(device).map(Self::Device),
            [None, Some(modules), None] => {
                let modules =
                    modules.as_object().ok_or_else(|| invalid("modulesContent is contents by module"))?;
                let modules = modules.iter().map(|(id, content)| {
                    check_id("module id", id)
                        .map_err(|error| Refused::new(ErrorCode::ARGUMENT_INVALID, error.to_string()))?;
                    Ok((id.clone(), settings(content)?))
                });
                modules.collect::<Result<_, Refused>>().map(Self::Modules)
            }
            [None, None, Some(module)] => settings(module).map(Self::Module),
            _ => Err(invalid("a content is one of deviceContent, modulesContent and moduleContent")),
        }
    }
}

/// The names of a place below the desired properties.
fn names(place: &str) -> Option<Vec<&str>> {
    let rest = place.strip_prefix(DESIRED)?;
    if rest.is_empty() {
        return Some(Vec::new());
    }
    let names: Vec<_> = rest.strip_prefix('.')?.split('.').collect();
    names.iter().all(|name| !name.is_empty()).then_some(names)
}

/// Applies a content to one IoT Edge device, as `POST /devices/{id}/applyConfigurationContent` does.
pub fn apply(registry: &Registry, device_id: &str, content: &Value) -> Result<(), HubError> {
    let device = registry.get(device_id)?;
    let refused = |message: &str| Err(Refused::new(ErrorCode::ARGUMENT_INVALID, message).into());
    if !device.state().record.traits.iot_edge {
        return refused("Not an Azure IoT Edge device");
    }
    match Content::read(content).map_err(HubError::from)? {
        Content::Module(_) => refused("moduleContent is only for configurations"),
        content => apply_to(registry, &device, &content),
    }
}

/// Applies a content to a device or module, or to the modules of a device, which are made where they are missing. All of it,
/// or nothing.
pub(super) fn apply_to(registry: &Registry, owner: &Arc<Device>, content: &Content) -> Result<(), HubError> {
    let device_id = owner.id.as_str();
    let modules = match content {
        Content::Device(settings) | Content::Module(settings) => {
            return writes::replace_by(registry, owner, |twin| replacement(twin, settings));
        }
        Content::Modules(modules) => modules,
    };
    // Tried on copies first.
    let mut count = registry.modules(device_id)?.len();
    for (module_id, settings) in modules {
        let found = registry.find((device_id, module_id.as_str()));
        if found.is_none() {
            identities::check_reserved(owner, module_id)?;
            count += 1;
        }
        let mut twin =
            found.map_or_else(|| Twin::new(Timestamp::now()), |found| found.state().twin().clone());
        let body = replacement(&twin, settings);
        twin.replace_by_service(&body, None, Timestamp::now()).map_err(HubError::Twin)?;
    }
    if count > MAX_MODULES {
        return Err(HubError::TooManyModules(device_id.to_owned()));
    }
    for (module_id, settings) in modules {
        let target = module(registry, (device_id, module_id.as_str()).into())?;
        writes::replace_by(registry, &target, |twin| replacement(twin, settings))?;
    }
    Ok(())
}

/// Desired properties with values set, each whole; null removes one. As the body of a twin's replacement.
fn replacement(twin: &Twin, settings: &Settings) -> Value {
    let mut desired = Value::Object(twin.desired().values().clone());
    let mut places: Vec<_> =
        settings.iter().filter_map(|(place, value)| Some((names(place)?, value))).collect();
    // What is deeper comes later.
    places.sort_by_key(|(names, _)| names.len());
    for (names, value) in places {
        put(&mut desired, &names, value);
    }
    json!({ "properties": { "desired": desired } })
}

fn put(at: &mut Value, names: &[&str], value: &Value) {
    let Some((first, rest)) = names.split_first() else {
        *at = if value.is_null() { json!({}) } else { value.clone() };
        return;
    };
    if !at.is_object() {
        *at = json!({});
    }
    let Some(fields) = at.as_object_mut() else { return };
    if rest.is_empty() && value.is_null() {
        fields.shift_remove(*first);
    } else {
        put(fields.entry(*first).or_insert(Value::Null), rest, value);
    }
}

/// A module, made if it is missing.
fn module(registry: &Registry, id: Id<'_>) -> Result<Arc<Device>, HubError> {
    match registry.find(id) {
        Some(module) => Ok(module),
        None => match identities::create(registry, id, Draft::default(), None) {
            // By somebody else, meanwhile.
            Err(HubError::ModuleExists(_)) => registry.get(id),
            made => made,
        },
    }
}
