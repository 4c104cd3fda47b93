//! What applications ask of the service.

use std::time::Duration;

use super::Hub;
use crate::error::HubError;
use crate::provisioning::allocation::{Allocation, AllocationRequest};
use crate::provisioning::enrollment::{Attestation, Enrollment, EnrollmentGroup, check_twin, key_of};
use crate::provisioning::{Fault, Record};
use crate::storage::state_dir::Kind;
use azmqtt_dialect::SymmetricKey;
use azmqtt_dialect::identity::check_id;
use azmqtt_dialect::provisioning::check_registration_id;

impl Hub {
    /// Names the provisioning service to its devices.
    pub fn id_scope(&self) -> &str {
        &self.shared.provisioning.id_scope
    }

    /// Lets one device register.
    pub fn create_enrollment(&self, enrollment: Enrollment) -> Result<(), HubError> {
        self.check_running()?;
        check_registration_id(&enrollment.registration_id).map_err(HubError::Identity)?;
        if let Some(device_id) = &enrollment.device_id {
            check_id("device id", device_id).map_err(HubError::Identity)?;
        }
        check_twin(enrollment.policy.initial_twin.as_ref())?;
        let key = key_of(&enrollment.registration_id);
        {
            let mut state = self.shared.provisioning.state();
            if state.enrollments.contains_key(&key) {
                return Err(HubError::EnrollmentExists(enrollment.registration_id));
            }
            state.enrollments.insert(key.clone(), enrollment);
        }
        self.shared.provisioning.save(Kind::Enrollment, &key).inspect_err(|_| {
            self.shared.provisioning.state().enrollments.remove(&key);
        })
    }

    /// Lets a group of devices register.
    pub fn create_enrollment_group(&self, group: EnrollmentGroup) -> Result<(), HubError> {
        self.check_running()?;
        // The service has the same rule for both (DPS docs, "Terms: enrolment group name").
        check_registration_id(&group.name).map_err(HubError::Identity)?;
        check_twin(group.policy.initial_twin.as_ref())?;
        let name = group.name.clone();
        {
            let mut state = self.shared.provisioning.state();
            if state.groups.contains_key(&name) {
                return Err(HubError::EnrollmentExists(name));
            }
            state.groups.insert(name.clone(), group);
        }
        self.shared.provisioning.save(Kind::EnrollmentGroup, &name).inspect_err(|_| {
            self.shared.provisioning.state().groups.remove(&name);
        })
    }

    /// The primary and the secondary key of an enrolment; `None` if it has none. Secrets.
    pub fn enrollment_keys(&self, registration_id: &str) -> Result<Option<[String; 2]>, HubError> {
        let state = self.shared.provisioning.state();
        let found = state.enrollments.get(&key_of(registration_id));
        let found = found.ok_or_else(|| HubError::EnrollmentNotFound(registration_id.to_owned()))?;
        Ok(keys_of(&found.attestation))
    }

    /// The primary and the secondary key of an enrolment group; `None` if it has none. Secrets.
    pub fn enrollment_group_keys(&self, name: &str) -> Result<Option<[String; 2]>, HubError> {
        let state = self.shared.provisioning.state();
        let found = state.groups.get(name).ok_or_else(|| HubError::EnrollmentNotFound(name.to_owned()))?;
        Ok(keys_of(&found.attestation))
    }

    /// Lets the device of an enrolment register or not; the device in the hub stays as it is.
    pub fn set_enrollment_enabled(&self, registration_id: &str, enabled: bool) -> Result<(), HubError> {
        self.check_running()?;
        let key = key_of(registration_id);
        {
            let mut state = self.shared.provisioning.state();
            let found = state.enrollments.get_mut(&key);
            let found = found.ok_or_else(|| HubError::EnrollmentNotFound(registration_id.to_owned()))?;
            found.policy.enabled = enabled;
            found.policy.revision = found.policy.revision.next();
        }
        self.shared.provisioning.save(Kind::Enrollment, &key)
    }

    /// The same for a group.
    pub fn set_enrollment_group_enabled(&self, name: &str, enabled: bool) -> Result<(), HubError> {
        self.check_running()?;
        {
            let mut state = self.shared.provisioning.state();
            let found = state.groups.get_mut(name);
            let found = found.ok_or_else(|| HubError::EnrollmentNotFound(name.to_owned()))?;
            found.policy.enabled = enabled;
            found.policy.revision = found.policy.revision.next();
        }
        self.shared.provisioning.save(Kind::EnrollmentGroup, name)
    }

    /// Forgets an enrolment; the device in the hub stays.
    pub fn remove_enrollment(&self, registration_id: &str) -> Result<(), HubError> {
        self.check_running()?;
        let key = key_of(registration_id);
        let removed = self.shared.provisioning.state().enrollments.remove(&key);
        let removed = removed.ok_or_else(|| HubError::EnrollmentNotFound(registration_id.to_owned()))?;
        self.shared.provisioning.save(Kind::Enrollment, &key).inspect_err(|_| {
            // Still in its file, it would be back after a restart.
            self.shared.provisioning.state().enrollments.entry(key.clone()).or_insert(removed);
        })
    }

    /// Forgets an enrolment group; the devices in the hub stay.
    pub fn remove_enrollment_group(&self, name: &str) -> Result<(), HubError> {
        self.check_running()?;
        let removed = self.shared.provisioning.state().groups.remove(name);
        let removed = removed.ok_or_else(|| HubError::EnrollmentNotFound(name.to_owned()))?;
        self.shared.provisioning.save(Kind::EnrollmentGroup, name).inspect_err(|_| {
            self.shared.provisioning.state().groups.entry(name.to_owned()).or_insert(removed);
        })
    }

    /// The devices that were assigned, by their registration ids.
    pub fn registrations(&self) -> Vec<Record> {
        self.shared.provisioning.state().records.values().cloned().collect()
    }

    /// Forgets the registration of a device; its enrolment and the device in the hub stay.
    pub fn remove_registration(&self, registration_id: &str) -> Result<(), HubError> {
        self.check_running()?;
        let key = key_of(registration_id);
        let removed = self.shared.provisioning.state().records.remove(&key);
        let removed = removed.ok_or_else(|| HubError::RegistrationNotFound(registration_id.to_owned()))?;
        self.shared.provisioning.save(Kind::Registration, &key).inspect_err(|_| {
            self.shared.provisioning.state().records.entry(key.clone()).or_insert(removed);
        })
    }

    /// How long registrations take from now on: so often "assigning" is heard after the first time, and so many seconds
    /// are asked for in between.
    pub fn set_provisioning_pace(&self, polls: u32, retry_after: u64) {
        let mut state = self.shared.provisioning.state();
        state.pace.polls = polls;
        state.pace.retry_after = retry_after;
    }

    /// What the next requests to the service come to, one for each fault.
    pub fn add_provisioning_faults(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.provisioning.state().faults.extend(faults);
    }

    /// Whether [`Self::next_allocation`] is asked before a device is assigned.
    pub fn set_custom_allocation(&self, wanted: bool) {
        self.shared.provisioning.state().custom_allocation = wanted;
    }

    /// Blocks until the service asks for an allocation; `None` when it did not in time, or the hub has stopped.
    pub fn next_allocation(&self, timeout: Duration) -> Option<AllocationRequest> {
        self.shared.provisioning.next_allocation(timeout)
    }

    /// Answers [`Self::next_allocation`]; an error fails the registration with 400207. False if nobody waits for it.
    pub fn answer_allocation(&self, operation_id: &str, answer: Result<Allocation, String>) -> bool {
        self.shared.provisioning.state().answer_allocation(operation_id, answer)
    }
}

fn keys_of(attestation: &Attestation) -> Option<[String; 2]> {
    match attestation {
        Attestation::SymmetricKeys(keys) => Some(keys.each_ref().map(SymmetricKey::as_base64)),
        Attestation::Certificate(_) | Attestation::SignedBy(_) => None,
    }
}
