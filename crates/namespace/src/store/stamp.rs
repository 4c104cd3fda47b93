//! When a resource was made, and last changed (`systemData`).

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::documents::rfc3339;

/// When a resource was made, and last changed, in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    created: u64,
    modified: u64,
}

/// Who makes resources: the holder of the one token.
const OWNER: &str = "azmqtt";

impl Stamp {
    /// Of what is made now.
    pub fn now() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { created: now, modified: now }
    }

    /// Of what is changed now, and was made then.
    #[must_use]
    pub fn changed(before: Option<Self>) -> Self {
        let now = Self::now();
        Self { created: before.map_or(now.created, |before| before.created), ..now }
    }

    /// `systemData`.
    pub fn system_data(self) -> Value {
        json!({
            "createdBy": OWNER,
            "createdByType": "User",
            "createdAt": rfc3339(self.created),
            "lastModifiedBy": OWNER,
            "lastModifiedByType": "User",
            "lastModifiedAt": rfc3339(self.modified),
        })
    }

    /// As files have it.
    pub(super) fn to_file(self) -> Value {
        json!([self.created, self.modified])
    }

    pub(super) fn from_file(value: Option<&Value>) -> Option<Self> {
        let [created, modified] = value?.as_array()?.as_slice() else { return None };
        Some(Self { created: created.as_u64()?, modified: modified.as_u64()? })
    }
}
