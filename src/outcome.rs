//! What operations result in, on its way to Python.

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::{broker, convert, provisioning};
use azmqtt_client::Received;
use azmqtt_device::{MethodAnswer, Registered, ReportedPatch, TwinDocument};

/// The result of one operation, still without Python.
#[derive(Debug)]
pub(super) enum Outcome {
    Nothing,
    Count(usize),
    Twin(Box<TwinDocument>),
    Patched(ReportedPatch),
    Registered(Box<Registered>),
    Answered(MethodAnswer),
    /// The reason code of a broker.
    Code(u8),
    /// Those of filters.
    Codes(Vec<u16>),
    Message(Box<Received>),
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Nothing
    }
}

impl From<usize> for Outcome {
    fn from(count: usize) -> Self {
        Self::Count(count)
    }
}

impl From<TwinDocument> for Outcome {
    fn from(twin: TwinDocument) -> Self {
        Self::Twin(Box::new(twin))
    }
}

impl From<ReportedPatch> for Outcome {
    fn from(patch: ReportedPatch) -> Self {
        Self::Patched(patch)
    }
}

impl From<Registered> for Outcome {
    fn from(registered: Registered) -> Self {
        Self::Registered(Box::new(registered))
    }
}

impl From<MethodAnswer> for Outcome {
    fn from(answer: MethodAnswer) -> Self {
        Self::Answered(answer)
    }
}

impl Outcome {
    /// The Python object for it.
    pub(super) fn into_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        match self {
            Self::Nothing => Ok(py.None().into_bound(py)),
            Self::Count(count) => Ok(count.into_pyobject(py)?.into_any()),
            Self::Code(code) => Ok(code.into_pyobject(py)?.into_any()),
            Self::Codes(codes) => codes.into_bound_py_any(py),
            Self::Message(message) => broker::reply_into_python(py, *message),
            Self::Twin(twin) => {
                static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
                let desired = convert::to_python(py, &twin.desired)?;
                let reported = convert::to_python(py, &twin.reported)?;
                CLASS.import(py, "azmqtt._types", "Twin")?.call1((
                    desired,
                    twin.desired_version,
                    reported,
                    twin.reported_version,
                ))
            }
            Self::Patched(patch) => {
                static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
                let class = CLASS.import(py, "azmqtt._types", "ReportedPatch")?;
                class.call1((patch.version, patch.request_id, patch.status))
            }
            Self::Answered(answer) => {
                static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
                let class = CLASS.import(py, "azmqtt._types", "MethodResult")?;
                class.call1((answer.status, convert::to_python(py, &answer.payload)?))
            }
            Self::Registered(registered) => {
                static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
                let class = CLASS.import(py, "azmqtt.provisioning", "Registration")?;
                class.call1(provisioning::registration(py, &registered)?)
            }
        }
    }
}
