//! Scopes of IoT Edge (IoT Edge docs, "Parent and child relationships"): a gateway has one of its own, which never changes, and
//! a device behind it shows it as its own and as its parent's.

use super::Registry;
use super::identity_record::{Traits, generation_id};
use crate::error::HubError;
use crate::id::Id;

const PREFIX: &str = "ms-azure-iot-edge://";

/// What a request says of an identity, with the scopes that the hub gives it. `known` is what the identity was, if it is there.
///
/// # Errors
/// [`HubError::Argument`] for a scope that belongs to no gateway, unless the identity has it already, and for a change of a
/// gateway's own.
pub fn resolve(
    registry: &Registry,
    id: Id<'_>,
    wanted: Traits,
    known: Option<&Traits>,
) -> Result<Traits, HubError> {
    if id.module.is_some() {
        return Ok(Traits { iot_edge: false, device_scope: None, parent_scopes: Vec::new(), ..wanted });
    }
    let traits = Traits { managed_by: None, ..wanted };
    if !traits.iot_edge {
        // A gateway that becomes a device leaves its place in the hierarchy; another change puts it behind a gateway again.
        let device_scope = traits.device_scope.filter(|_| known.is_none_or(|known| !known.iot_edge));
        check(registry, "deviceScope", device_scope.iter(), known)?;
        let parent_scopes = device_scope.iter().cloned().collect();
        return Ok(Traits { device_scope, parent_scopes, ..traits });
    }
    check(registry, "parentScopes", traits.parent_scopes.iter(), known)?;
    let own = match known {
        None => format!("{PREFIX}{}-{}", id.device, generation_id()?),
        Some(known) if !known.iot_edge && traits.device_scope.is_none() => format!("{PREFIX}{}-", id.device),
        Some(known) => match &known.device_scope {
            Some(own) if known.iot_edge && traits.device_scope.as_ref() == Some(own) => own.clone(),
            _ => return Err(HubError::Argument("Device scope is immutable".to_owned())),
        },
    };
    Ok(Traits { device_scope: Some(own), ..traits })
}

fn check<'a>(
    registry: &Registry,
    name: &str,
    mut scopes: impl Iterator<Item = &'a String>,
    known: Option<&Traits>,
) -> Result<(), HubError> {
    let kept = |scope: &String| known.is_some_and(|known| known.parent_scopes.contains(scope));
    match scopes.find(|scope| !kept(scope) && !leads_to_gateway(registry, scope)) {
        None => Ok(()),
        Some(_) => Err(HubError::Argument(format!("{name} is not the scope of an IoT Edge device"))),
    }
}

fn leads_to_gateway(registry: &Registry, scope: &str) -> bool {
    let gateway = scope.strip_prefix(PREFIX).and_then(|rest| rest.rsplit_once('-'));
    gateway.and_then(|(id, _)| registry.find(id)).is_some_and(|gateway| {
        let traits = &gateway.state().record.traits;
        traits.iot_edge && traits.device_scope.as_deref() == Some(scope)
    })
}
