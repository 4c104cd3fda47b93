//! A device or module as the state directory keeps it.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::credentials::{Authentication, Credentials};
use super::device::{Device, Kept};
use super::{Registry, cloud_file};
use crate::error::HubError;
use crate::storage::disk::Disk;
use crate::storage::state_dir::StateDir;
use azmqtt_dialect::Twin;
use azmqtt_dialect::identity::check_id;
use azmqtt_dialect::sas::SymmetricKey;

impl Registry {
    /// Those that the disk keeps.
    ///
    /// # Errors
    /// A file cannot be read, or is damaged.
    pub fn load(disk: Disk) -> Result<Self, HubError> {
        let dir = disk.dir();
        let registry = Self::new(disk);
        for (path, content) in dir.map_or(Ok(Vec::new()), |dir| dir.identities())? {
            let device = Arc::new(load(&path, &content, &registry)?);
            registry.insert(device.clone()).map_err(|error| HubError::corrupt(&path, error))?;
            // Messages may have expired since the last run.
            registry.clock.due(&device, &mut device.state());
        }
        Ok(registry)
    }
}

/// Writes a device's file unless what is there is as new. Returns when it is safe on the disk.
pub fn save(dir: &StateDir, device: &Device) -> Result<(), HubError> {
    let mut saved = device.saved.lock();
    let (revision, content) = {
        let state = device.state();
        if state.removed || state.revision() <= *saved {
            return Ok(());
        }
        let Credentials { keys, authentication } = &state.credentials;
        let [primary, secondary] = keys.each_ref().map(SymmetricKey::as_base64);
        let [primary_thumbprint, secondary_thumbprint] = authentication.thumbprints();
        let authentication = json!({
            "type": authentication.name(),
            "primaryThumbprint": primary_thumbprint,
            "secondaryThumbprint": secondary_thumbprint,
        });
        let content = json!({
            "deviceId": device.id,
            "moduleId": device.module_id,
            "generationId": device.source.generation_id,
            "status": if state.enabled { "enabled" } else { "disabled" },
            "record": state.record.to_state(),
            "authentication": authentication,
            "primaryKey": primary,
            "secondaryKey": secondary,
            "twin": state.twin().to_state(),
            "cloudMessages": cloud_file::to_json(&state.cloud_messages),
        });
        (state.revision(), content)
    };
    dir.save(device.key(), &content)?;
    *saved = revision;
    Ok(())
}

/// Deletes a device's file, after any write of it that is under way.
pub fn remove(dir: &StateDir, device: &Device) -> Result<(), HubError> {
    let _saved = device.saved.lock();
    dir.remove(device.key())
}

/// Reads a device, or a module of one in `registry`, back; an error names the file and the field, never a key.
fn load(path: &Path, content: &Value, registry: &Registry) -> Result<Device, HubError> {
    let text = |name: &str| {
        let value = content.get(name).and_then(Value::as_str);
        value.ok_or_else(|| HubError::corrupt(path, format!("'{name}' is missing or not text")))
    };
    let key = |name| {
        SymmetricKey::from_base64(text(name)?).map_err(|e| HubError::corrupt(path, format!("'{name}': {e}")))
    };
    let id = text("deviceId")?;
    check_id("deviceId", id).map_err(|error| HubError::corrupt(path, error))?;
    let module_id = match content.get("moduleId") {
        None | Some(Value::Null) => None,
        Some(_) => Some(text("moduleId")?),
    };
    module_id
        .map_or(Ok(()), |id| check_id("moduleId", id))
        .map_err(|error| HubError::corrupt(path, error))?;
    let enabled = match text("status")? {
        "enabled" => true,
        "disabled" => false,
        _ => return Err(HubError::corrupt(path, "'status' is neither enabled nor disabled")),
    };
    let twin = content.get("twin").unwrap_or(&Value::Null);
    let twin = Twin::from_state(twin).map_err(|error| HubError::corrupt(path, error))?;
    let mut credentials = Credentials::from([key("primaryKey")?, key("secondaryKey")?]);
    if let Some(authentication) = content.get("authentication") {
        let text = |name| authentication.get(name).and_then(Value::as_str);
        let read = text("type").and_then(|kind| {
            Authentication::from_parts(kind, text("primaryThumbprint"), text("secondaryThumbprint"))
        });
        let read = read.ok_or_else(|| HubError::corrupt(path, "'authentication' is invalid"))?;
        credentials.authentication = read;
    }
    let generation_id = text("generationId")?;
    let mut kept = Kept::new((id, module_id), generation_id, credentials, enabled, twin);
    if let Some(record) = content.get("record") {
        kept.record.read_state(record);
    }
    if let Some(messages) = content.get("cloudMessages") {
        let queue = cloud_file::from_json(messages).ok_or("'cloudMessages' is invalid");
        kept.cloud_messages = queue.map_err(|error| HubError::corrupt(path, error))?;
    }
    let mut device = Device::new((id, module_id), generation_id, kept).saved_already();
    if module_id.is_some() {
        let owner = registry.find(id);
        device = device
            .of(owner.ok_or_else(|| HubError::corrupt(path, format!("the device {id} does not exist")))?);
    }
    Ok(device)
}
