//! The identity registry's operations (IoT Hub docs, "Understand the identity registry"), for every caller alike: the
//! application's calls, the service's REST API, one by one or in bulk. They write to the disk, and those that end
//! connections wait for the end: they are for threads that may block.

use std::sync::Arc;

use super::change::Unsaved;
use super::credentials::{Authentication, Credentials};
use super::device::{CloseReason, Device, END_TIMEOUT, Kept};
use super::identity_record::{IdentityRecord, Traits, generation_id};
use super::{Registry, identity_scopes};
use crate::error::HubError;
use crate::events;
use crate::id::Id;
use crate::if_match::IfMatch;
use crate::messages::cloud_messages::CloudMessages;
use crate::messages::feedback::{Feedback, FeedbackStatus};
use crate::random;
use azmqtt_dialect::Twin;
use azmqtt_dialect::identity::check_id;
use azmqtt_dialect::sas::SymmetricKey;
use azmqtt_dialect::time::Timestamp;
use azmqtt_local::watch::Members;

/// The modules that an IoT Edge device is made with.
const EDGE_MODULES: [&str; 2] = ["$edgeAgent", "$edgeHub"];

/// What a caller wants an identity to be.
#[derive(Clone)]
pub struct Draft {
    /// Whether it may connect. Does not count for a module, which goes by its device.
    pub enabled: bool,
    /// How it proves itself. An update replaces what was there: one that names no keys makes new ones.
    pub login: LoginDraft,
    pub traits: Traits,
}

/// How an identity is to prove itself.
#[derive(Clone, Default)]
pub enum LoginDraft {
    /// By tokens, signed with random keys.
    #[default]
    RandomKeys,
    /// By tokens, signed with the primary or the secondary key.
    Keys([SymmetricKey; 2]),
    /// By certificate, or not at all.
    Other(Authentication),
}

impl Default for Draft {
    fn default() -> Self {
        Self { enabled: true, login: LoginDraft::default(), traits: Traits::default() }
    }
}

impl From<LoginDraft> for Draft {
    fn from(login: LoginDraft) -> Self {
        Self { login, ..Self::default() }
    }
}

/// Makes a device, or a module of one; with `twin`, if there is one.
pub fn create(
    registry: &Registry,
    id: Id<'_>,
    draft: Draft,
    twin: Option<Twin>,
) -> Result<Arc<Device>, HubError> {
    check_id("device id", id.device).map_err(HubError::Identity)?;
    draft.traits.check()?;
    let owner = match id.module {
        Some(module_id) => {
            check_id("module id", module_id).map_err(HubError::Identity)?;
            let owner = registry.get(id.device)?;
            check_reserved(&owner, module_id)?;
            Some(owner)
        }
        None => None,
    };
    let now = Timestamp::now();
    let credentials = credentials(draft.login, None)?;
    let traits = identity_scopes::resolve(registry, id, draft.traits, None)?;
    let twin = twin.unwrap_or_else(|| if owner.is_some() { Twin::of_module() } else { Twin::new(now) });
    let enabled = draft.enabled || id.module.is_some();
    let generation_id = generation_id()?;
    let mut kept = Kept::new(id, &generation_id, credentials, enabled, twin);
    kept.record.traits = traits;
    let device = Device::new(id, &generation_id, kept);
    let device = Arc::new(match owner {
        Some(owner) => device.of(owner),
        None => device,
    });
    registry.insert(device.clone())?;
    registry.unsaved(&device).save().inspect_err(|_| give_up(registry, &device))?;
    registry.events.about(events::DEVICE_CREATED, id);
    add_edge_modules(registry, &device)?;
    Ok(device)
}

/// Ids that begin with `$` are for the modules of the IoT Edge runtime.
pub fn check_reserved(owner: &Device, module_id: &str) -> Result<(), HubError> {
    let of_runtime = || EDGE_MODULES.contains(&module_id) && owner.state().record.traits.iot_edge;
    if module_id.starts_with('$') && !of_runtime() {
        return Err(HubError::Argument("a module id must not begin with '$'".to_owned()));
    }
    Ok(())
}

/// Takes back an identity that could not be written down. Somebody may have found it meanwhile: it is gone for them, too,
/// so that nothing of it is ever written over another one of its id.
fn give_up(registry: &Registry, device: &Arc<Device>) {
    device.state().removed = true;
    // What is left of it cannot be worse than what is there.
    let _ = registry.delete_file(device);
    registry.remove(device);
    device.close_and_block(CloseReason::Removed, END_TIMEOUT);
}

/// Puts something else in the place of what an identity was; keys count from its next connection on. Connections of
/// those that may not connect any more have ended when it returns.
///
/// # Errors
/// [`HubError::EtagMismatch`] when `if_match` does not hold, whatever `draft` breaks, and a disk that does not take it;
/// nothing has changed then.
pub fn update(
    registry: &Registry,
    id: Id<'_>,
    draft: Draft,
    if_match: &IfMatch,
) -> Result<Arc<Device>, HubError> {
    draft.traits.check()?;
    let device = registry.get(id)?;
    expect(&device.state(), if_match)?;
    // Looks at other devices, each under its own lock.
    let known = device.state().record.traits.clone();
    let traits = identity_scopes::resolve(registry, id, draft.traits, Some(&known))?;
    let changed = registry.change_unsaved(&device, |change| {
        if change.is_removed() {
            return Err(None);
        }
        expect(change, if_match)?;
        let credentials = credentials(draft.login, Some(&change.credentials))?;
        let before = Before::of(change);
        change.credentials = credentials;
        change.record.traits = traits;
        let closed = set_status(change, draft.enabled || device.module_id.is_some());
        Ok((before, closed))
    });
    // Of one that is gone another lock has to be asked.
    let ((before, closed), unsaved) =
        changed.map_err(|error: Option<HubError>| error.unwrap_or_else(|| registry.missing(id)))?;
    before.save(registry, unsaved)?;
    registry.events.tell(events::DEVICE_UPDATED, id, enabled_now(&device));
    if closed {
        close(registry, &device);
    }
    add_edge_modules(registry, &device)?;
    Ok(device)
}

/// Lets a device and its modules connect or not; the connections of those that may not have ended when it returns.
pub fn set_enabled(registry: &Registry, device_id: &str, enabled: bool) -> Result<(), HubError> {
    let device = registry.get(device_id)?;
    let ((before, closed), unsaved) = registry.change_unsaved(&device, |change| {
        Ok::<_, HubError>((Before::of(change), set_status(change, enabled)))
    })?;
    before.save(registry, unsaved)?;
    registry.events.tell(events::DEVICE_UPDATED, device.key(), enabled_now(&device));
    if closed {
        close(registry, &device);
    }
    Ok(())
}

/// What an identity was before a change.
struct Before {
    credentials: Credentials,
    enabled: bool,
    record: IdentityRecord,
}

impl Before {
    fn of(kept: &Kept) -> Self {
        let (credentials, record) = (kept.credentials.clone(), kept.record.clone());
        Self { credentials, enabled: kept.enabled, record }
    }

    /// Writes the change down, or takes it back; what was changed after it stays as it is.
    fn save(self, registry: &Registry, unsaved: Unsaved) -> Result<(), HubError> {
        let mut changed = self.record.clone();
        changed.touch();
        let device = unsaved.device().clone();
        unsaved.save().inspect_err(|_| {
            let undone = registry.change(&device, |change| {
                if change.record.etag() != changed.etag() {
                    return Err(None);
                }
                change.credentials = self.credentials;
                change.enabled = self.enabled;
                change.record = self.record;
                Ok(())
            });
            // What the disk does not take now the next write has.
            let _: Result<(), Option<HubError>> = undone;
        })
    }
}

/// Forgets a device with its modules, or a module; their connections have ended when it returns.
///
/// # Errors
/// [`HubError::EtagMismatch`] when `if_match` does not hold.
pub fn remove(
    registry: &Registry,
    feedback: &Feedback,
    id: Id<'_>,
    if_match: &IfMatch,
) -> Result<(), HubError> {
    let last = registry.get(id)?;
    {
        let mut state = last.state();
        if state.removed {
            drop(state);
            // By another thread, which is at it.
            return Err(registry.missing(id));
        }
        expect(&state, if_match)?;
        state.removed = true;
    }
    // From here on it takes no more modules. They go first: a module's file never outlasts its device's.
    let modules = if id.module.is_none() { registry.modules(id.device)? } else { Vec::new() };
    let all = modules.into_iter().chain([last.clone()]);
    all.into_iter()
        .try_for_each(|identity| remove_one(registry, feedback, &identity))
        .inspect_err(|_| last.state().removed = false)
}

/// The file goes before the identity does: nobody can make another one of that id, and its file, meanwhile.
fn remove_one(registry: &Registry, feedback: &Feedback, identity: &Arc<Device>) -> Result<(), HubError> {
    identity.state().removed = true;
    registry.delete_file(identity).inspect_err(|_| identity.state().removed = false)?;
    let purged = registry.change_queue(identity, CloudMessages::purge);
    feedback.report(&identity.source, &purged, FeedbackStatus::Purged);
    registry.remove(identity);
    identity.close_and_block(CloseReason::Removed, END_TIMEOUT);
    registry.events.about(events::DEVICE_DELETED, identity.key());
    Ok(())
}

fn expect(kept: &Kept, if_match: &IfMatch) -> Result<(), HubError> {
    let existing = kept.record.etag();
    if if_match.admits(&existing) {
        return Ok(());
    }
    Err(HubError::EtagMismatch { existing, wanted: if_match.as_str().to_owned() })
}

/// Whether connections have to end for it.
fn set_status(kept: &mut Kept, enabled: bool) -> bool {
    if kept.enabled != enabled {
        kept.record.status_updated = Some(Timestamp::now());
    }
    kept.enabled = enabled;
    kept.record.touch();
    !enabled
}

fn enabled_now(device: &Device) -> Members {
    Members::default().with("enabled", device.state().enabled)
}

/// Ends the connections of a device that was disabled, and of its modules.
fn close(registry: &Registry, device: &Arc<Device>) {
    let modules = match device.module_id {
        // One that is gone meanwhile has none.
        None => registry.modules(&device.id).unwrap_or_default(),
        Some(_) => Vec::new(),
    };
    for identity in modules.iter().chain([device]) {
        identity.close_and_block(CloseReason::Disabled, END_TIMEOUT);
    }
}

/// Every identity has keys, of use or not: one that proves itself by certificate keeps those that it had.
fn credentials(draft: LoginDraft, known: Option<&Credentials>) -> Result<Credentials, HubError> {
    let random = || random::keys().map_err(HubError::System);
    match draft {
        LoginDraft::RandomKeys => random().map(Credentials::from),
        LoginDraft::Keys(keys) => Ok(keys.into()),
        LoginDraft::Other(authentication) => {
            let keys = known.map_or_else(random, |known| Ok(known.keys.clone()))?;
            Ok(Credentials { keys, authentication })
        }
    }
}

/// Makes the modules of the runtime, which an IoT Edge device has from the start. Nobody logs in as them until they are
/// given keys.
pub fn add_edge_modules(registry: &Registry, device: &Arc<Device>) -> Result<(), HubError> {
    if !device.state().record.traits.iot_edge {
        return Ok(());
    }
    for module_id in EDGE_MODULES {
        let draft = Draft {
            login: LoginDraft::Other(Authentication::Absent),
            traits: Traits { managed_by: Some("iotEdge".to_owned()), ..Traits::default() },
            ..Draft::default()
        };
        match create(registry, (device.id.as_str(), module_id).into(), draft, None) {
            Ok(_) | Err(HubError::ModuleExists(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
