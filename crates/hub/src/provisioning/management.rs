//! What holders of the service's policy ask: enrolments are made, changed, shown and removed here.

use serde_json::Value;

use super::enrollment::{Enrollment, EnrollmentGroup, Policy};
use super::managed::{self, Managed, Shown};
use super::pages::{self, Page, Wanted};
use super::registrations;
use super::registry::{Registry, State};
use crate::error::HubError;
use crate::error::refused::Refused;
use crate::if_match::IfMatch;
use azmqtt_dialect::service_error::ErrorCode;

/// Enrolments and groups that are made over REST.
const MAX_ENTRIES: usize = 10_000;

/// What the bodies of all of them take, in bytes.
const MAX_BYTES: usize = 32 << 20;

/// Made without a condition, and there already.
const EXISTS: u32 = 409_201;

/// Which kind of enrolment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    Enrollments,
    Groups,
}

impl Table {
    /// One enrolment, without its keys.
    pub fn get(self, registry: &Registry, id: &str) -> Result<Shown, HubError> {
        match self {
            Self::Enrollments => get::<Enrollment>(registry, id),
            Self::Groups => get::<EnrollmentGroup>(registry, id),
        }
    }

    /// `AttestationMechanism`, with its keys: secrets.
    pub fn attestation(self, registry: &Registry, id: &str) -> Result<Value, HubError> {
        match self {
            Self::Enrollments => attestation::<Enrollment>(registry, id),
            Self::Groups => attestation::<EnrollmentGroup>(registry, id),
        }
    }

    /// Makes one, or with a condition changes the one there is; the answer has its keys.
    pub fn put(
        self,
        registry: &Registry,
        id: &str,
        body: &Value,
        if_match: Option<&IfMatch>,
    ) -> Result<Shown, HubError> {
        match self {
            Self::Enrollments => put::<Enrollment>(registry, id, body, if_match),
            Self::Groups => put::<EnrollmentGroup>(registry, id, body, if_match),
        }
    }

    /// Those that follow, by their ids, without their keys.
    pub fn page(self, registry: &Registry, wanted: &Wanted) -> Page {
        match self {
            Self::Enrollments => page::<Enrollment>(registry, wanted),
            Self::Groups => page::<EnrollmentGroup>(registry, wanted),
        }
    }

    /// Forgets one; its devices in the hub, and their registrations, stay.
    pub fn delete(self, registry: &Registry, id: &str, if_match: Option<&IfMatch>) -> Result<(), HubError> {
        match self {
            Self::Enrollments => delete::<Enrollment>(registry, id, if_match),
            Self::Groups => delete::<EnrollmentGroup>(registry, id, if_match),
        }
    }
}

fn get<M: Managed>(registry: &Registry, id: &str) -> Result<Shown, HubError> {
    let mut state = registry.state();
    let entry = find::<M>(&mut state, id)?;
    Ok(show(registry, &state, &entry, false))
}

fn attestation<M: Managed>(registry: &Registry, id: &str) -> Result<Value, HubError> {
    let mut state = registry.state();
    Ok(managed::attestation(&find::<M>(&mut state, id)?, true))
}

fn page<M: Managed>(registry: &Registry, wanted: &Wanted) -> Page {
    let mut state = registry.state();
    let entries = pages::cut(M::table(&mut state), wanted, |entry| Some(entry.policy().size));
    entries.map(|entry| show(registry, &state, &entry, false).body)
}

fn put<M: Managed>(
    registry: &Registry,
    id: &str,
    body: &Value,
    if_match: Option<&IfMatch>,
) -> Result<Shown, HubError> {
    let key = M::key(id);
    let body = body.as_object();
    let body = body.ok_or_else(|| Refused::new(ErrorCode::ARGUMENT_INVALID, "the body is not an object"))?;
    let (before, entry) = {
        let mut state = registry.state();
        let before = M::table(&mut state).get(&key).cloned();
        match (&before, if_match) {
            (None, None) => {}
            (None, Some(_)) => return Err(missing::<M>()),
            (Some(_), None) => return Err(Refused::new(EXISTS, "Enrollment already exists.").into()),
            (Some(before), Some(wanted)) => expect(before, wanted)?,
        }
        let entry = M::read(id, body, before.as_ref())?;
        check_room(&state, before.as_ref().map(M::policy), entry.policy())?;
        M::table(&mut state).insert(key.clone(), entry.clone());
        (before, entry)
    };
    registry.save(M::KIND, &key).inspect_err(|_| {
        let mut state = registry.state();
        match before {
            Some(before) => drop(M::table(&mut state).insert(key.clone(), before)),
            None => drop(M::table(&mut state).remove(&key)),
        }
    })?;
    Ok(show(registry, &registry.state(), &entry, true))
}

fn delete<M: Managed>(registry: &Registry, id: &str, if_match: Option<&IfMatch>) -> Result<(), HubError> {
    let key = M::key(id);
    let removed = {
        let mut state = registry.state();
        let entry = find::<M>(&mut state, id)?;
        if_match.map_or(Ok(()), |wanted| expect(&entry, wanted))?;
        M::table(&mut state).remove(&key);
        entry
    };
    registry.save(M::KIND, &key).inspect_err(|_| {
        // Still in its file, it would be back after a restart.
        M::table(&mut registry.state()).entry(key.clone()).or_insert(removed);
    })
}

fn find<M: Managed>(state: &mut State, id: &str) -> Result<M, HubError> {
    M::table(state).get(&M::key(id)).cloned().ok_or_else(missing::<M>)
}

fn show<M: Managed>(registry: &Registry, state: &State, entry: &M, with_keys: bool) -> Shown {
    let mut body = managed::view(entry, with_keys);
    if let Some(record) = entry.registration(state) {
        body.insert("registrationState".to_owned(), registrations::view(&registry.hub, record));
    }
    Shown { body: body.into(), etag: entry.policy().revision.etag() }
}

fn missing<M: Managed>() -> HubError {
    let (code, message) = M::MISSING;
    Refused::new(code, message).into()
}

fn expect<M: Managed>(entry: &M, wanted: &IfMatch) -> Result<(), Refused> {
    if wanted.admits(&entry.policy().revision.etag()) {
        return Ok(());
    }
    Err(Refused::new(ErrorCode::PRECONDITION_FAILED, "Precondition failed: the etag is another one."))
}

/// Whether there is room for an enrolment in the place of another one, or beside all of them.
fn check_room(state: &State, before: Option<&Policy>, policy: &Policy) -> Result<(), Refused> {
    let policies = || {
        let own = state.enrollments.values().map(|enrollment| &enrollment.policy);
        own.chain(state.groups.values().map(|group| &group.policy))
    };
    let others = policies().fold(0, |sum: usize, other| sum.saturating_add(other.size));
    let others = others.saturating_sub(before.map_or(0, |before| before.size));
    let message = if before.is_none() && policies().count() >= MAX_ENTRIES {
        format!("the service has {MAX_ENTRIES} enrolments, its limit")
    } else if others.saturating_add(policy.size) > MAX_BYTES {
        format!("all enrolments take more than {MAX_BYTES} bytes, the limit of this service")
    } else {
        return Ok(());
    };
    Err(Refused::new(ErrorCode::QUOTA_EXCEEDED, message))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Hub, HubConfig, random};

    #[test]
    fn enrolments_are_bounded_in_number_and_in_bytes() {
        let hub = Hub::start(HubConfig::default()).unwrap();
        let body = json!({ "attestation": { "type": "symmetricKey" } });
        let put = |table: Table, id: &str, if_match: Option<&IfMatch>| {
            let put = table.put(&hub.shared.provisioning, id, &body, if_match);
            put.map(drop).map_err(|error| error.to_string())
        };
        put(Table::Enrollments, "first", None).unwrap();
        let refused = |result: Result<(), String>| result.unwrap_err().contains("limit");
        let taken = |size: usize| {
            hub.shared.provisioning.state().enrollments.get_mut("first").unwrap().policy.size = size;
        };
        taken(MAX_BYTES);
        assert!(refused(put(Table::Groups, "g", None)));
        // In its own place there is room.
        put(Table::Enrollments, "first", Some(&IfMatch::Any)).unwrap();
        put(Table::Groups, "g", None).unwrap();
        let keys = random::keys().unwrap();
        for number in 2..MAX_ENTRIES {
            let id = number.to_string();
            let enrollment = Enrollment::new(&id, keys.clone());
            hub.shared.provisioning.state().enrollments.insert(id, enrollment);
        }
        assert!(refused(put(Table::Enrollments, "last", None)));
        put(Table::Groups, "g", Some(&IfMatch::Any)).unwrap();
    }
}
