//! The identity registry's operations (IoT Hub docs, "Understand the identity registry"), for every caller alike: the
//! application's calls, the service's REST API, one by one or in bulk. They write to the disk, and those that end
//! connections wait for the end: they are for threads that may block.

use std::sync::Arc;

use super::client_certificates::Authentication;
use super::device::{CloseReason, Credentials, Device, DeviceState, END_TIMEOUT};
use super::device_file;
use super::error::HubError;
use super::feedback::FeedbackStatus;
use super::id::Id;
use super::identity_record::{IdentityRecord, Traits};
use super::if_match::IfMatch;
use super::shared::Shared;
use super::telemetry::unix_now;
use crate::dialect::Twin;
use crate::dialect::identity::check_id;
use crate::dialect::sas::SymmetricKey;

/// The modules that an IoT Edge device is made with.
const EDGE_MODULES: [&str; 2] = ["$edgeAgent", "$edgeHub"];

/// What a caller wants an identity to be.
#[derive(Clone)]
pub struct Draft {
    /// Whether it may connect. Does not count for a module, which goes by its device.
    pub enabled: bool,
    /// How it proves itself. `None` keeps what is there; a new identity has random keys then.
    pub login: Option<LoginDraft>,
    pub traits: Traits,
}

/// How an identity is to prove itself.
#[derive(Clone)]
pub enum LoginDraft {
    /// By tokens. A key that is missing stays, or is random where there was none.
    Keys { primary: Option<SymmetricKey>, secondary: Option<SymmetricKey> },
    /// By certificate, or not at all.
    Other(Authentication),
}

impl Default for Draft {
    fn default() -> Self {
        Self { enabled: true, login: None, traits: Traits::default() }
    }
}

impl From<LoginDraft> for Draft {
    fn from(login: LoginDraft) -> Self {
        Self { login: Some(login), ..Self::default() }
    }
}

/// Makes a device, or a module of one; with `twin`, if there is one.
pub fn create(
    shared: &Shared,
    id: Id<'_>,
    draft: Draft,
    twin: Option<Twin>,
) -> Result<Arc<Device>, HubError> {
    check_id("device id", id.device).map_err(HubError::Identity)?;
    draft.traits.check()?;
    let owner = match id.module {
        Some(module_id) => {
            check_id("module id", module_id).map_err(HubError::Identity)?;
            Some(shared.registry.get(id.device)?)
        }
        None => None,
    };
    let now = unix_now();
    let credentials = credentials(draft.login, None)?;
    let twin = twin.unwrap_or_else(|| Twin::new(now));
    let enabled = draft.enabled || id.module.is_some();
    let device = Device::new(id, &generation_id()?, credentials, enabled, twin);
    device.state().record.traits = with_scopes(&device, draft.traits, None)?;
    let device = Arc::new(match owner {
        Some(owner) => device.of(owner),
        None => device,
    });
    shared.registry.insert(device.clone())?;
    shared.save(&device).inspect_err(|_| give_up(shared, &device))?;
    add_edge_modules(shared, &device)?;
    Ok(device)
}

/// Takes back an identity that could not be written down. Somebody may have found it meanwhile: it is gone for them, too,
/// so that nothing of it is ever written over another one of its id.
fn give_up(shared: &Shared, device: &Arc<Device>) {
    device.state().removed = true;
    if let Some(dir) = shared.state_dir() {
        // What is left of it cannot be worse than what is there.
        let _ = device_file::remove(&dir, device);
    }
    shared.registry.remove(device);
    device.close_and_block(CloseReason::Removed, END_TIMEOUT);
}

/// Puts something else in the place of what an identity was; keys count from its next connection on. Connections of
/// those that may not connect any more have ended when it returns.
///
/// # Errors
/// [`HubError::EtagMismatch`] when `if_match` does not hold, whatever `draft` breaks, and a disk that does not take it;
/// nothing has changed then.
pub fn update(
    shared: &Shared,
    id: Id<'_>,
    draft: Draft,
    if_match: &IfMatch,
) -> Result<Arc<Device>, HubError> {
    draft.traits.check()?;
    let device = shared.registry.get(id)?;
    let (before, closed) = {
        let mut state = device.state();
        if state.removed {
            drop(state);
            return Err(shared.registry.missing(id));
        }
        expect(&device, &state, if_match)?;
        let credentials = credentials(draft.login, Some(&state.credentials))?;
        let traits = with_scopes(&device, draft.traits, Some(&state.record.traits))?;
        let before = Before::of(&state);
        device.prove_by(&mut state, credentials);
        state.record.traits = traits;
        (before, set_status(&mut state, draft.enabled || device.module_id.is_some()))
    };
    before.save(shared, &device)?;
    if closed {
        close(shared, &device);
    }
    add_edge_modules(shared, &device)?;
    Ok(device)
}

/// Lets a device and its modules connect or not; the connections of those that may not have ended when it returns.
pub fn set_enabled(shared: &Shared, device_id: &str, enabled: bool) -> Result<(), HubError> {
    let device = shared.registry.get(device_id)?;
    let (before, closed) = {
        let mut state = device.state();
        (Before::of(&state), set_status(&mut state, enabled))
    };
    before.save(shared, &device)?;
    if closed {
        close(shared, &device);
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
    fn of(state: &DeviceState) -> Self {
        let (credentials, record) = (state.credentials.clone(), state.record.clone());
        Self { credentials, enabled: state.enabled, record }
    }

    /// Writes the change down, or takes it back; what was changed after it stays as it is.
    fn save(self, shared: &Shared, device: &Device) -> Result<(), HubError> {
        let mut changed = self.record.clone();
        changed.touch();
        shared.save(device).inspect_err(|_| {
            let mut state = device.state();
            if state.record.etag() == changed.etag() {
                device.prove_by(&mut state, self.credentials);
                state.enabled = self.enabled;
                let connection_updated = state.record.connection_updated;
                state.record = self.record;
                state.record.connection_updated = connection_updated;
                // The next write has it like this again.
                state.revision += 1;
            }
        })
    }
}

/// Forgets a device with its modules, or a module; their connections have ended when it returns.
///
/// # Errors
/// [`HubError::EtagMismatch`] when `if_match` does not hold.
pub fn remove(shared: &Shared, id: Id<'_>, if_match: &IfMatch) -> Result<(), HubError> {
    let registry = &shared.registry;
    let last = registry.get(id)?;
    {
        let mut state = last.state();
        if state.removed {
            drop(state);
            // By another thread, which is at it.
            return Err(registry.missing(id));
        }
        expect(&last, &state, if_match)?;
        state.removed = true;
    }
    // From here on it takes no more modules. They go first: a module's file never outlasts its device's.
    let modules = if id.module.is_none() { registry.modules(id.device)? } else { Vec::new() };
    let all = modules.into_iter().chain([last.clone()]);
    all.into_iter()
        .try_for_each(|identity| remove_one(shared, &identity))
        .inspect_err(|_| last.state().removed = false)
}

/// The file goes before the identity does: nobody can make another one of that id, and its file, meanwhile.
fn remove_one(shared: &Shared, identity: &Arc<Device>) -> Result<(), HubError> {
    identity.state().removed = true;
    let dir = shared.state_dir();
    dir.map_or(Ok(()), |dir| device_file::remove(&dir, identity))
        .inspect_err(|_| identity.state().removed = false)?;
    let purged = identity.state().cloud_messages.purge();
    shared.feedback.report(&identity.source, &purged, FeedbackStatus::Purged);
    shared.registry.remove(identity);
    identity.close_and_block(CloseReason::Removed, END_TIMEOUT);
    Ok(())
}

fn expect(device: &Device, state: &DeviceState, if_match: &IfMatch) -> Result<(), HubError> {
    if if_match.admits(&state.record.etag()) {
        Ok(())
    } else {
        Err(HubError::EtagMismatch(device.key().to_string()))
    }
}

/// Whether connections have to end for it.
fn set_status(state: &mut DeviceState, enabled: bool) -> bool {
    if state.enabled != enabled {
        state.record.status_updated = Some(unix_now());
    }
    state.enabled = enabled;
    state.record.touch();
    state.revision += 1;
    !enabled
}

/// Ends the connections of a device that was disabled, and of its modules.
fn close(shared: &Shared, device: &Arc<Device>) {
    let modules = match device.module_id {
        // One that is gone meanwhile has none.
        None => shared.registry.modules(&device.id).unwrap_or_default(),
        Some(_) => Vec::new(),
    };
    for identity in modules.iter().chain([device]) {
        identity.close_and_block(CloseReason::Disabled, END_TIMEOUT);
    }
}

fn credentials(draft: Option<LoginDraft>, known: Option<&Credentials>) -> Result<Credentials, HubError> {
    let random = || SymmetricKey::generate().map_err(HubError::Key);
    // Keys that do not count now are kept all the same, but not taken up again when they shall.
    let by_tokens = known.filter(|known| known.authentication == Authentication::Sas);
    let key = |given: Option<SymmetricKey>, place: usize| match (given, by_tokens) {
        (Some(key), _) => Ok(key),
        (None, Some(known)) => Ok(known.keys[place].clone()),
        (None, None) => random(),
    };
    match (draft, known) {
        (None, Some(known)) => Ok(known.clone()),
        (None, None) => Ok([random()?, random()?].into()),
        (Some(LoginDraft::Keys { primary, secondary }), _) => {
            Ok([key(primary, 0)?, key(secondary, 1)?].into())
        }
        (Some(LoginDraft::Other(authentication)), Some(known)) => {
            Ok(Credentials { keys: known.keys.clone(), authentication })
        }
        // Every identity has keys, of use or not.
        (Some(LoginDraft::Other(authentication)), None) => {
            Ok(Credentials { keys: [random()?, random()?], authentication })
        }
    }
}

/// A gateway has a scope of its own, which never changes; a device behind one shows it as its parent's too (IoT Edge docs,
/// "Parent and child relationships").
fn with_scopes(device: &Device, mut traits: Traits, known: Option<&Traits>) -> Result<Traits, HubError> {
    if device.module_id.is_some() {
        return Ok(Traits { iot_edge: false, device_scope: None, parent_scopes: Vec::new(), ..traits });
    }
    if traits.iot_edge {
        traits.device_scope = match known.filter(|known| known.iot_edge) {
            Some(known) => known.device_scope.clone(),
            None => Some(format!("ms-azure-iot-edge://{}-{}", device.id, generation_id()?)),
        };
    } else {
        traits.parent_scopes = traits.device_scope.iter().cloned().collect();
    }
    traits.managed_by = None;
    Ok(traits)
}

/// The runtime's own modules of an IoT Edge device; nobody logs in as them until they are given keys.
fn add_edge_modules(shared: &Shared, device: &Arc<Device>) -> Result<(), HubError> {
    if !device.state().record.traits.iot_edge {
        return Ok(());
    }
    for module_id in EDGE_MODULES {
        let draft = LoginDraft::Other(Authentication::Absent).into();
        match create(shared, (device.id.as_str(), module_id).into(), draft, None) {
            Ok(_) | Err(HubError::ModuleExists(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A number that no other device of that id has had, in decimal digits as the service writes it.
pub fn generation_id() -> Result<String, HubError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random)
        .map_err(|error| HubError::System(std::io::Error::other(error.to_string())))?;
    Ok(format!("{:018}", u64::from_ne_bytes(random) % 1_000_000_000_000_000_000))
}
