//! Enrolments, registrations and operations: everything that the service remembers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::MutexGuard;
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::allocation::{Allocation, AllocationRequest};
use super::enrollment::{Enrollment, EnrollmentGroup, Login};
use super::owner::Owner;
use crate::storage::disk::Disk;
use azmqtt_dialect::ServiceError;
use azmqtt_dialect::provisioning::{RegistrationState, Shown, Substatus, Username};
use azmqtt_dialect::time::Timestamp;
use azmqtt_net::sync::{Condvar, Mutex};

/// Operations that can be asked about; the oldest make room.
const MAX_OPERATIONS: usize = 10_000;

/// Operations of one registration, so that no device takes the places of others.
const MAX_OPERATIONS_EACH: usize = 8;

/// The state of the service.
pub(crate) struct Registry {
    /// The host name of the hub that devices are assigned to.
    pub hub: String,
    pub(super) disk: Disk,
    /// Names this service to its devices.
    pub id_scope: String,
    /// Whose holders manage enrolments.
    pub owner: Owner,
    state: Mutex<State>,
    /// Somebody asks for an allocation, or the hub stops.
    asked: Condvar,
    /// One of these is held while a file is written, always the same one for the same file, so that an older state never
    /// overwrites a newer one.
    saving: [Mutex<()>; 16],
}

/// What changes.
#[derive(Default)]
pub(crate) struct State {
    /// By the registration id in lower case.
    pub enrollments: BTreeMap<String, Enrollment>,
    /// By name.
    pub groups: BTreeMap<String, EnrollmentGroup>,
    /// By the registration id in lower case.
    pub records: BTreeMap<String, Record>,
    /// Oldest first.
    pub operations: VecDeque<Operation>,
    /// What the next requests come to, in place of an answer.
    pub faults: VecDeque<Fault>,
    pub pace: Pace,
    /// Whether an application is asked before a device is assigned.
    pub custom_allocation: bool,
    /// What it has not taken yet.
    pub allocations: VecDeque<AllocationRequest>,
    pub stopped: bool,
}

/// A device that was assigned.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// As the device spelled it.
    pub registration_id: String,
    /// The id in the hub.
    pub device_id: String,
    /// How it proved who it is.
    pub shown: Shown,
    /// The group that let it in.
    pub group: Option<String>,
    /// When it was assigned first.
    pub created: Timestamp,
    /// When it was assigned last.
    pub updated: Timestamp,
    /// How often it was assigned.
    pub count: u64,
    /// What the last time was, whatever the api-version.
    pub substatus: Substatus,
    /// What the device said the last time.
    pub payload: Option<Value>,
}

/// How long registrations take.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// How often a device hears "assigning" when it asks how far its registration is.
    pub polls: u32,
    /// What it is told to wait before it asks, in seconds.
    pub retry_after: u64,
}

/// A request that goes wrong, for tests.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is answered with an error.
    Answer(ServiceError),
    /// The connection is closed.
    Close,
    /// There is no answer.
    Silence,
}

/// A registration under way, or its end.
pub(crate) struct Operation {
    pub id: String,
    /// In lower case.
    pub registration_key: String,
    pub stage: Stage,
}

pub(crate) enum Stage {
    /// Under way.
    Assigning(Box<Assigning>),
    /// Over: what it came to.
    Over(Box<RegistrationState>),
}

pub(crate) struct Assigning {
    pub enrollment: Enrollment,
    /// How it will show itself to the hub.
    pub login: Login,
    pub group: Option<String>,
    /// As the device spelled it, and the version that it speaks.
    pub registrant: Username,
    pub payload: Option<Value>,
    /// How often it still answers "assigning".
    pub polls: u32,
    pub allocation: AllocationStage,
}

/// How far the application is that is asked.
pub(crate) enum AllocationStage {
    NotNeeded,
    Asked,
    Answered(Result<Allocation, String>),
}

/// The etag of a registration that has changed so often, the last time now.
pub(super) fn etag(now: Timestamp, count: u64) -> String {
    STANDARD.encode(format!("\"{}-{count}\"", now.seconds()))
}

impl Registry {
    pub(super) fn new(hub: String, disk: Disk, id_scope: String, owner: Owner, state: State) -> Self {
        let (state, asked) = (Mutex::new(state), Condvar::new());
        Self { hub, disk, id_scope, owner, state, asked, saving: Default::default() }
    }

    /// Nothing in the state is left half-done by a panic, so a poisoned lock is taken all the same.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// The lock of the file with what has this key.
    pub(crate) fn saving(&self, key: &str) -> &Mutex<()> {
        let sum = key.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        &self.saving[sum % self.saving.len()]
    }

    /// The next question to the application; `None` when none came in time, or the hub has stopped.
    pub(crate) fn next_allocation(&self, timeout: Duration) -> Option<AllocationRequest> {
        let idle = |state: &mut State| state.allocations.is_empty() && !state.stopped;
        let mut waited = self.asked.wait_timeout_while(self.state(), timeout, idle);
        waited.0.allocations.pop_front()
    }

    /// Wakes whoever waits for a question.
    pub(crate) fn tell_asked(&self) {
        self.asked.notify_all();
    }

    /// The hub stops: nobody waits any more.
    pub fn stop(&self) {
        self.state().stopped = true;
        self.asked.notify_all();
    }
}

impl State {
    pub(crate) fn add_operation(&mut self, operation: Operation) {
        let same = |other: &Operation| other.registration_key == operation.registration_key;
        let each = self.operations.iter().filter(|other| same(other)).count();
        let gone = if each >= MAX_OPERATIONS_EACH {
            self.operations.iter().position(same).and_then(|oldest| self.operations.remove(oldest))
        } else if self.operations.len() >= MAX_OPERATIONS {
            self.operations.pop_front()
        } else {
            None
        };
        if let Some(gone) = gone {
            // Nobody can hear of it any more.
            self.allocations.retain(|request| request.operation_id != gone.id);
        }
        self.operations.push_back(operation);
    }

    pub(crate) fn operation(&mut self, id: &str) -> Option<&mut Operation> {
        self.operations.iter_mut().rev().find(|operation| operation.id == id)
    }

    /// The application's answer; false if nobody waits for it.
    pub(crate) fn answer_allocation(
        &mut self,
        operation_id: &str,
        answer: Result<Allocation, String>,
    ) -> bool {
        let Some(Operation { stage: Stage::Assigning(assigning), .. }) = self.operation(operation_id) else {
            return false;
        };
        let asked = matches!(assigning.allocation, AllocationStage::Asked);
        if asked {
            assigning.allocation = AllocationStage::Answered(answer);
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(id: &str, registration_key: &str) -> Operation {
        let (id, registration_key) = (id.to_owned(), registration_key.to_owned());
        Operation { id, registration_key, stage: Stage::Over(Box::default()) }
    }

    fn request(operation_id: &str) -> AllocationRequest {
        let (operation_id, registration_id) = (operation_id.to_owned(), "busy".to_owned());
        AllocationRequest { operation_id, registration_id, group: None, payload: None }
    }

    #[test]
    fn no_device_takes_the_places_of_others() {
        let mut state = State::default();
        state.add_operation(operation("one", "quiet"));
        for number in 0..2 * MAX_OPERATIONS {
            let id = number.to_string();
            state.allocations.push_back(request(&id));
            state.add_operation(operation(&id, "busy"));
        }
        assert!(state.operation("one").is_some());
        assert_eq!((state.operations.len(), state.allocations.len()), (9, 8));
        for number in 0..MAX_OPERATIONS {
            state.add_operation(operation("", &number.to_string()));
        }
        assert_eq!((state.operations.len(), state.allocations.len()), (MAX_OPERATIONS, 0));
    }
}
