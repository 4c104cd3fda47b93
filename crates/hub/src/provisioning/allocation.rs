//! Custom allocation: the service asks an application, as it asks a webhook, before it assigns a device (DPS docs,
//! "How to use custom allocation policies").

use serde_json::Value;

/// What the application is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct AllocationRequest {
    /// To be named in the answer.
    pub operation_id: String,
    /// Who registers.
    pub registration_id: String,
    /// The group that lets it in; `None` for an enrolment of its own.
    pub group: Option<String>,
    /// The device's own words.
    pub payload: Option<Value>,
}

/// What the application answers. Everything is optional.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Allocation {
    /// Goes to the device.
    pub payload: Option<Value>,
    /// The id in the hub, in place of the enrolment's.
    pub device_id: Option<String>,
    /// In place of the enrolment's.
    pub initial_twin: Option<Value>,
}
