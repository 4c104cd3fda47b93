//! `_core.Upload`: the steps of a file upload, each blocking and for asyncio. `azmqtt._client.upload` takes them in order.

use std::time::Duration;

use bytes::Bytes;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::core::Core;
use super::{bridge, waiter};
use azmqtt_device::{FileUpload, UploadStep};
use azmqtt_dialect::upload::check_blob_name;

/// For uploads without a timeout: about 30 years.
const NO_TIMEOUT: Duration = Duration::from_secs(1_000_000_000);

/// One upload.
#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct Upload(FileUpload);

impl Upload {
    pub(super) fn new(
        core: &Core,
        blob_name: String,
        timeout: Option<super::core::Seconds>,
    ) -> PyResult<Self> {
        let identity = &core.config().identity;
        if identity.module_id.is_some() {
            return Err(PyValueError::new_err(
                "modules cannot upload files: IoT Hub supports it only for devices",
            ));
        }
        check_blob_name(&identity.device_id, &blob_name)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let whole = timeout.map_or(Ok(NO_TIMEOUT), |seconds| super::core::span("timeout", seconds.into()))?;
        let upload = core.device()?.upload(blob_name, whole, core.timeout);
        upload.map(Self).map_err(|error| Python::attach(|py| super::errors::raise(py, &error)))
    }
}

#[pymethods]
impl Upload {
    /// Takes a step; how many bytes of the file were sent by it. `text` is the content type, or for `failed` the reason.
    fn step(
        &self,
        py: Python<'_>,
        name: &str,
        content: Option<&[u8]>,
        text: Option<String>,
        status: i32,
    ) -> PyResult<usize> {
        let step = step(name, content, text, status)?;
        waiter::wait(py, |reply| self.0.run(step, reply))
    }

    fn step_async<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        content: Option<&[u8]>,
        text: Option<String>,
        status: i32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let step = step(name, content, text, status)?;
        bridge::submit(py, |reply| self.0.run(step, reply))
    }

    /// Gives up without waiting; the hub is told in the background.
    fn abandon(&self, status: i32, description: String) {
        self.0.abandon(status, description);
    }
}

fn step(name: &str, content: Option<&[u8]>, text: Option<String>, status: i32) -> PyResult<UploadStep> {
    let content = Bytes::copy_from_slice(content.unwrap_or_default());
    Ok(match name {
        "start" => UploadStep::Start,
        "put_blob" => UploadStep::PutBlob { content, content_type: text },
        "look_for_blocks" => UploadStep::LookForBlocks,
        "put_block" => UploadStep::PutBlock(content),
        "commit" => UploadStep::Commit { content_type: text },
        "done" | "failed" => UploadStep::Notify {
            is_success: name == "done",
            status_code: status,
            description: text.unwrap_or_default(),
        },
        _ => return Err(PyValueError::new_err(format!("unknown step {name}"))),
    })
}
