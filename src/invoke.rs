//! A call of a direct method by a module: its arguments.

use std::time::Duration;

use pyo3::prelude::*;

use super::errors;
use super::json_text::{JsonDefault, to_json_within};
use azmqtt_device::MethodInvocation;
use azmqtt_dialect::identity::check_id;
use azmqtt_dialect::{MAX_METHOD_BODY, check_method_name};

/// What to call, by name. Python has checked the types and the ranges of the times, which are in whole seconds.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(super) struct InvokeOptions<'py> {
    device_id: String,
    module_id: Option<String>,
    name: String,
    payload: Bound<'py, PyAny>,
    response_timeout: u64,
    connect_timeout: u64,
}

impl InvokeOptions<'_> {
    pub(super) fn invocation(self, default: JsonDefault<'_>) -> PyResult<MethodInvocation> {
        check_id("device_id", &self.device_id).map_err(|error| errors::value_error(&error))?;
        if let Some(module_id) = &self.module_id {
            check_id("module_id", module_id).map_err(|error| errors::value_error(&error))?;
        }
        check_method_name(&self.name).map_err(|error| errors::value_error(&error))?;
        let payload = to_json_within("payload", &self.payload, default, MAX_METHOD_BODY)?;
        Ok(MethodInvocation {
            device_id: self.device_id,
            module_id: self.module_id,
            name: self.name,
            payload: serde_json::from_slice(&payload).map_err(|error| errors::value_error(&error))?,
            response_timeout: Duration::from_secs(self.response_timeout),
            connect_timeout: Duration::from_secs(self.connect_timeout),
        })
    }
}
